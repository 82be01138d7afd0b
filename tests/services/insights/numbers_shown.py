"""The numbers of an answer, of every kind: how to ask who is behind each, and between which bounds as many are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends

Of = ListPersonsRequest
COUNTING = (Metric.KIND_PERSONS, Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D)
OF_EVENTS = (Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL)
MANY = 10**9


@dataclass(frozen=True)
class Number:
    """One number of an answer; behind it are at least and at most so many persons."""

    of: ListPersonsRequest
    least: float
    most: float


Numbers = Iterator[Number]


def numbers_of(request: QueryRequest, answer: QueryResponse) -> list[Number]:
    """Those that somebody may ask behind."""
    return list(NUMBERS[str(request.insight.WhichOneof("kind"))](request, answer))


def persons(of: ListPersonsRequest, value: float) -> Number:
    return Number(of, value, value)


def somebody(of: ListPersonsRequest, value: float, *, most: float = MANY) -> Number:
    """Behind what isn't persons there is at least one, if there is anything."""
    return Number(of, min(value, 1), most)


def measured(of: ListPersonsRequest, metric: Metric, value: float, *, everybody: bool) -> Number:
    if metric.kind in COUNTING:
        return persons(of, value)
    if metric.kind in OF_EVENTS:
        return somebody(of, value, most=value) if everybody else Number(of, 0, value)
    return Number(of, 0, MANY)


def of_trends(request: QueryRequest, answer: QueryResponse) -> Numbers:
    spec = request.insight.trends
    smoothed = spec.transform == Trends.TRANSFORM_MOVING_AVERAGE
    for line in answer.trends.series:
        if line.series not in ascii_uppercase:
            continue
        metric = spec.series[ord(line.series) - ord("A")].metric
        yield Number(Of(trends=Of.OfTrends(series=line.series, cell=line.cell)), 0, MANY)
        for bucket, value in zip(answer.trends.buckets, line.values, strict=True):
            of = Of(trends=Of.OfTrends(series=line.series, cell=line.cell, bucket=bucket.start))
            yield Number(of, 0, MANY) if smoothed else measured(of, metric, value, everybody=request.insight.include_cookieless)


def of_segmentation(request: QueryRequest, answer: QueryResponse) -> Numbers:
    spec = request.insight.segmentation
    for row in answer.segmentation.rows:
        if row.series in ascii_uppercase:
            of = Of(segmentation=Of.OfSegmentation(series=row.series, cell=row.cell))
            metric = spec.series[ord(row.series) - ord("A")].metric
            yield measured(of, metric, row.value, everybody=request.insight.include_cookieless)


def of_funnel(request: QueryRequest, answer: QueryResponse) -> Numbers:
    spec = request.insight.funnel
    each_once = spec.count_by in (Funnel.COUNT_BY_UNSPECIFIED, Funnel.COUNT_BY_PERSONS) and not spec.hold_constant
    for line in answer.funnel.series:
        for step, found in enumerate(line.steps, 1):
            of = Of(funnel=Of.OfFunnel(cell=line.cell, step=step))
            yield persons(of, found.count) if each_once else somebody(of, found.count, most=found.count)
        for entry in line.trend:
            of = Of(funnel=Of.OfFunnel(cell=line.cell, step=len(line.steps), entered=entry.start))
            yield persons(of, entry.converted) if each_once else somebody(of, entry.converted, most=entry.converted)
        if each_once and not any(step.optional for step in spec.steps):
            lost = line.steps[0].count - line.steps[1].count
            yield persons(Of(funnel=Of.OfFunnel(cell=line.cell, step=2, dropped=True)), lost)


def of_retention(_request: QueryRequest, answer: QueryResponse) -> Numbers:
    for table in answer.retention.series:
        for cohort in table.cohorts:
            for period, count in enumerate(cohort.counts):
                yield persons(Of(retention=Of.OfRetention(cell=table.cell, cohort=cohort.start, period=period)), count)


def of_stickiness(_request: QueryRequest, answer: QueryResponse) -> Numbers:
    for buckets, count in enumerate(answer.stickiness.counts, 1):
        yield persons(Of(stickiness=Of.OfStickiness(buckets=buckets)), count)


def of_lifecycle(_request: QueryRequest, answer: QueryResponse) -> Numbers:
    found = answer.lifecycle
    for state, counts in enumerate((found.new, found.returning, found.resurrecting, found.dormant), 1):
        for bucket, count in zip(found.buckets, counts, strict=True):
            yield persons(Of(lifecycle=Of.OfLifecycle(bucket=bucket.start, state=Of.OfLifecycle.State.Name(state))), abs(count))


def of_flow(request: QueryRequest, answer: QueryResponse) -> Numbers:
    spec, found = request.insight.flow, answer.flow
    each_once = spec.unit == Flow.UNIT_PERSON and spec.link_value != Flow.LINK_VALUE_TRANSITIONS
    of_nodes = [(Of(flow=Of.OfFlow(source=node.id)), node.value) for node in found.nodes]
    of_links = [(Of(flow=Of.OfFlow(source=link.source, target=link.target)), link.value) for link in found.links]
    for of, value in (*of_nodes, *of_links):
        yield persons(of, value) if each_once else somebody(of, value)


def of_top_k(request: QueryRequest, answer: QueryResponse) -> Numbers:
    spec = request.insight.top_k
    for row in answer.top_k.rows:
        of = Of(top_k=Of.OfTopK(value=row.value, absent=row.absent, others=row.others))
        if spec.dimension == TopK.DIMENSION_PERSON and not row.others:
            yield persons(of, 1)
        else:
            yield measured(of, spec.metric, row.metric, everybody=request.insight.include_cookieless)


def of_sessions(request: QueryRequest, answer: QueryResponse) -> Numbers:
    counted = request.insight.sessions.metric in (Sessions.METRIC_SESSIONS, Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT)
    for row in answer.segmentation.rows:
        of = Of(sessions=Of.OfSessions(cell=row.cell))
        yield somebody(of, row.value) if counted else Number(of, 0, MANY)
    for line in answer.trends.series:
        for bucket, value in zip(answer.trends.buckets, line.values, strict=True):
            of = Of(sessions=Of.OfSessions(cell=line.cell, bucket=bucket.start))
            yield somebody(of, value) if counted else Number(of, 0, MANY)


NUMBERS: Mapping[str, Callable[[QueryRequest, QueryResponse], Numbers]] = {
    "trends": of_trends,
    "segmentation": of_segmentation,
    "funnel": of_funnel,
    "retention": of_retention,
    "stickiness": of_stickiness,
    "lifecycle": of_lifecycle,
    "flow": of_flow,
    "top_k": of_top_k,
    "sessions": of_sessions,
}
