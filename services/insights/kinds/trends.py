"""Trends: how metrics develop over time."""

from collections.abc import Sequence

from core.errors import InvalidArgument
from core.instants import timestamp
from core.sql import Sql
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends, TrendsResult
from services.insights import lines
from services.insights.answers import lines_of
from services.insights.behind import persons_behind
from services.insights.buckets import Bucket
from services.insights.filters import Placed
from services.insights.scope import Scope
from services.insights.series import filters_of

FIELD = "insight.trends"

_LEAST_WINDOW, _GREATEST_WINDOW = 2, 100
_ADD_UP = (Metric.KIND_UNSPECIFIED, Metric.KIND_TOTAL, Metric.KIND_SUM, Metric.KIND_PERSONS, Metric.KIND_SESSIONS)


def plan(spec: Trends, scope: Scope) -> Sql:
    """The rows of the lines (services/insights/lines.py), where something happened."""
    _check_transform(spec)
    return lines.plan(_question(spec), scope)


def shape(rows: Sequence[Sequence[object]], spec: Trends, scope: Scope) -> TrendsResult:
    """The answer: every bucket of every line, 0 where nothing happened."""
    return TrendsResult(
        buckets=[TrendsResult.Bucket(start=timestamp(bucket.start), partial=bucket.partial) for bucket in scope.buckets],
        series=[
            TrendsResult.Series(
                series=line.series, cell=line.cell, values=_smoothed(line.values, spec), compare_values=_smoothed(line.compare_values, spec)
            )
            for line in lines_of(rows, _question(spec), scope)
        ],
    )


def filters(spec: Trends) -> list[Placed]:
    """The filters of every series."""
    return filters_of(spec.series, FIELD)


def persons(spec: Trends, of: ListPersonsRequest.OfTrends, scope: Scope) -> Sql:
    """The persons of a point of a line, or of the whole range."""
    _check_transform(spec)
    buckets = _behind(spec, of, scope) if of.HasField("bucket") else scope.as_one_bucket().buckets
    return persons_behind(_question(spec), of.series, of.cell, buckets, scope=scope, field="trends")


def estimates(spec: Trends, scope: Scope) -> bool:
    """Whether a number of the answer is an estimate."""
    return lines.estimates(_question(spec), scope)


def _question(spec: Trends) -> lines.Question:
    # Formulas are calculated from the cumulated lines, each point of which is about all so far: A / B is all of A so far ÷ all of B.
    cumulative = spec.transform == Trends.TRANSFORM_CUMULATIVE
    return lines.Question(FIELD, spec.series, spec.formulas, spec.breakdowns, spec.breakdown_limit, cumulative)


def _check_transform(spec: Trends) -> None:
    match spec.transform:
        case Trends.TRANSFORM_UNSPECIFIED | Trends.TRANSFORM_NONE:
            return
        case Trends.TRANSFORM_CUMULATIVE:
            _check_adds_up(spec)
        case Trends.TRANSFORM_MOVING_AVERAGE:
            if not _LEAST_WINDOW <= spec.window <= _GREATEST_WINDOW:
                raise InvalidArgument(
                    f"A moving average is over {_LEAST_WINDOW} to {_GREATEST_WINDOW} buckets, not {spec.window}.",
                    field=f"{FIELD}.window",
                    hint="For example 7.",
                )
        case unknown:
            raise InvalidArgument(
                f"There is no transform {unknown}.",
                field=f"{FIELD}.transform",
                hint="Use TRANSFORM_NONE, TRANSFORM_CUMULATIVE or TRANSFORM_MOVING_AVERAGE.",
            )


def _check_adds_up(spec: Trends) -> None:
    for place, one in enumerate(spec.series):
        if one.metric.kind in Metric.Kind.values() and one.metric.kind not in _ADD_UP:
            raise InvalidArgument(
                f"{Metric.Kind.Name(one.metric.kind)} does not add up from bucket to bucket.",
                field=f"{FIELD}.series[{place}].metric.kind",
                hint="TRANSFORM_CUMULATIVE takes totals, sums, persons and sessions; a formula such as A / B makes a mean of two of them.",
            )


def _smoothed(values: list[float], spec: Trends) -> list[float]:
    if spec.transform != Trends.TRANSFORM_MOVING_AVERAGE:
        return values
    seen = (values[max(0, place - spec.window) : place] for place in range(1, len(values) + 1))
    return [sum(window) / len(window) for window in seen]


def _behind(spec: Trends, of: ListPersonsRequest.OfTrends, scope: Scope) -> Sequence[Bucket]:
    """The buckets that the point is calculated from: of a transformed line more than one."""
    place = next((place for place, bucket in enumerate(scope.buckets) if timestamp(bucket.start) == of.bucket), None)
    if place is None:
        raise InvalidArgument("No bucket of this query starts then.", field="trends.bucket", hint="Give a start as the answer has it.")
    match spec.transform:
        case Trends.TRANSFORM_CUMULATIVE:
            return scope.buckets[: place + 1]
        case Trends.TRANSFORM_MOVING_AVERAGE:
            return scope.buckets[max(0, place + 1 - spec.window) : place + 1]
        case _:
            return scope.buckets[place : place + 1]
