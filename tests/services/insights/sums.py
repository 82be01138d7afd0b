"""What adds up in an answer, of every kind: its cells to the whole, or its numbers to those of another question."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import zip_longest

import pytest

from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import Insight, QueryRequest, QueryResponse
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.stickiness_pb2 import Stickiness
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends

Ask = Callable[[QueryRequest], Awaitable[QueryResponse]]
# Of each, no event is in two cells.
ADDING_UP = (Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL, Metric.KIND_SUM)
PERSONS = Metric(kind=Metric.KIND_PERSONS)


async def assert_adds_up(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    await SUMS[str(request.insight.WhichOneof("kind"))](request, answer, ask)


def about(request: QueryRequest, insight: Insight) -> QueryRequest:
    """Something else asked about the same events."""
    other = QueryRequest()
    other.CopyFrom(request)
    for kind in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields:
        other.insight.ClearField(kind.name)
    other.insight.MergeFrom(insight)
    return other


def added(lines: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) for values in zip_longest(*lines, fillvalue=0)]


async def of_trends(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec = request.insight.trends
    whole = Trends(series=spec.series, transform=Trends.Transform.Name(spec.transform), window=spec.window)
    for total in (await ask(about(request, Insight(trends=whole)))).trends.series:
        if spec.series[ord(total.series) - ord("A")].metric.kind in ADDING_UP:
            lines = [line for line in answer.trends.series if line.series == total.series]
            assert added([line.values for line in lines] or [[0] * len(total.values)]) == pytest.approx(list(total.values))
            assert added([line.compare_values for line in lines] or [[0] * len(total.compare_values)]) == pytest.approx(
                list(total.compare_values)
            )


async def of_segmentation(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec = request.insight.segmentation
    whole = Insight()
    whole.segmentation.series.extend(spec.series)
    for total in (await ask(about(request, whole))).segmentation.rows:
        if spec.series[ord(total.series) - ord("A")].metric.kind in ADDING_UP:
            rows = [row for row in answer.segmentation.rows if row.series == total.series]
            assert sum(row.value for row in rows) == total.value
            assert sum(row.compare_value for row in rows) == total.compare_value


async def of_funnel(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec = request.insight.funnel
    if spec.attribution == Funnel.ATTRIBUTION_ALL_STEPS:
        return
    unbroken = QueryRequest()
    unbroken.CopyFrom(request)
    del unbroken.insight.funnel.breakdowns[:]
    unbroken.insight.funnel.attribution = Funnel.ATTRIBUTION_FIRST_TOUCH
    unbroken.insight.funnel.attribution_step = 0
    (whole,) = (await ask(unbroken)).funnel.series
    counts = added([[step.count for step in line.steps] for line in answer.funnel.series] or [[0] * len(spec.steps)])
    if spec.attribution == Funnel.ATTRIBUTION_STEP:
        if spec.breakdowns:
            assert counts[spec.attribution_step - 1] == whole.steps[spec.attribution_step - 1].count
        return
    assert counts == [step.count for step in whole.steps]
    if answer.funnel.series:
        assert added([[entry.entered for entry in line.trend] for line in answer.funnel.series]) == [one.entered for one in whole.trend]
        assert added([[entry.converted for entry in line.trend] for line in answer.funnel.series]) == [one.converted for one in whole.trend]


async def of_retention(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    unbroken = QueryRequest()
    unbroken.CopyFrom(request)
    del unbroken.insight.retention.breakdowns[:]
    (whole,) = (await ask(unbroken)).retention.series
    for place, cohort in enumerate(whole.cohorts):
        counts = added([table.cohorts[place].counts for table in answer.retention.series])
        # A cell may have been begun later than the whole, and then has fewer counts.
        assert [count for count, _ in zip_longest(counts, cohort.counts, fillvalue=0)] == list(cohort.counts)


async def of_stickiness(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec, counts = request.insight.stickiness, answer.stickiness.counts
    everybody = Insight()
    everybody.segmentation.series.append(Trends.Series(event=spec.event, metric=PERSONS))
    (row,) = (await ask(about(request, everybody))).segmentation.rows
    assert (counts[0] if spec.mode == Stickiness.MODE_CUMULATIVE else sum(counts)) == row.value
    assert spec.mode != Stickiness.MODE_CUMULATIVE or list(counts) == sorted(counts, reverse=True)


async def of_lifecycle(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    found, spec = answer.lifecycle, request.insight.lifecycle
    persons = Trends(series=[Trends.Series(event=spec.event, metric=PERSONS)])
    (active,) = (await ask(about(request, Insight(trends=persons)))).trends.series
    assert added([found.new, found.returning, found.resurrecting]) == list(active.values)
    gone = [then - stayed for then, stayed in zip(active.values[:-1], found.returning[1:], strict=True)]
    assert [-one for one in found.dormant[1:]] == gone


async def of_flow(request: QueryRequest, answer: QueryResponse, _ask: Ask) -> None:
    """Nobody gets to a hop but from the one before, unless paths that lead to an end begin there."""
    spec, found = request.insight.flow, answer.flow
    if spec.max_links:
        return
    arriving, leaving = defaultdict[int, int](int), defaultdict[int, int](int)
    for link in found.links:
        arriving[link.target] += link.value
        leaving[link.source] += link.value
    once = spec.link_value == Flow.LINK_VALUE_TRANSITIONS or spec.unit != Flow.UNIT_PERSON
    for node in found.nodes:
        if once:
            assert leaving[node.id] <= node.value
            assert node.hop == 1 or arriving[node.id] == node.value or (spec.end and not spec.start and arriving[node.id] < node.value)
        else:
            assert node.hop == 1 or arriving[node.id] >= node.value or (spec.end and not spec.start)


async def of_top_k(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec = request.insight.top_k
    if spec.metric.kind not in ADDING_UP or spec.omit_others:
        return
    everything = Insight()
    everything.segmentation.series.append(Trends.Series(event=spec.scope, metric=spec.metric))
    if spec.dimension == TopK.DIMENSION_PERSON and not request.insight.include_cookieless:
        everything = Insight(top_k=spec)
        everything.top_k.limit = 1000
    found = await ask(about(request, everything))
    whole = sum(row.value for row in found.segmentation.rows) + sum(row.metric for row in found.top_k.rows)
    assert sum(row.metric for row in answer.top_k.rows) == whole


async def of_sessions(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    spec = request.insight.sessions
    if spec.metric not in (Sessions.METRIC_UNSPECIFIED, Sessions.METRIC_SESSIONS, Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT):
        return
    whole = Insight(sessions=Sessions(scope=spec.scope))
    setattr(whole.sessions, "as", getattr(spec, "as"))
    found = await ask(about(request, whole))
    for total in found.trends.series:
        lines = answer.trends.series
        assert added([line.values for line in lines] or [[0] * len(total.values)]) == list(total.values)
        assert added([line.compare_values for line in lines] or [[0] * len(total.compare_values)]) == list(total.compare_values)
    for row in found.segmentation.rows:
        assert sum(one.value for one in answer.segmentation.rows) == row.value
        assert sum(one.compare_value for one in answer.segmentation.rows) == row.compare_value


SUMS: Mapping[str, Callable[[QueryRequest, QueryResponse, Ask], Awaitable[None]]] = {
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
