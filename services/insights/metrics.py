"""Metrics as aggregates over rows of events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

from core.errors import InvalidArgument, PropertyMissing
from core.sql import Sql, numbered, sql
from pug.insights.v1.metric_pb2 import Metric
from services.insights.people import People
from services.insights.properties import event_property
from services.insights.sessions import SESSION

# Every row of a query, or those of one series.
Rows = Sql | None

_NUMERIC: dict[int, tuple[LiteralString, LiteralString]] = {
    Metric.KIND_SUM: ("sum", ""),
    Metric.KIND_AVG: ("avg", ""),
    Metric.KIND_MIN: ("min", ""),
    Metric.KIND_MAX: ("max", ""),
    # Interpolates linearly between the two nearest values.
    Metric.KIND_MEDIAN: ("quantileExactInclusive", "(0.5)"),
    Metric.KIND_P90: ("quantileExactInclusive", "(0.9)"),
    Metric.KIND_P95: ("quantileExactInclusive", "(0.95)"),
    Metric.KIND_P99: ("quantileExactInclusive", "(0.99)"),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric ready for SQL: the column it reads of each event, if any, and its value over a condition's rows or over all.

    The value is a finite Float64, 0 when there is nothing to calculate it from.
    """

    column: Sql | None
    value: Callable[[Rows], Sql]
    # Whether it is about persons, so that events of nobody who is counted as one are left out.
    of_persons: bool = False


def measure_of(metric: Metric, place: int, field: str, people: People) -> Measure:
    """The metric of the series at a place; `field` is its path in the request."""
    if metric.kind in _NUMERIC:
        return _numeric(metric, place, field)
    match metric.kind:
        case Metric.KIND_UNSPECIFIED | Metric.KIND_TOTAL:
            return Measure(None, lambda rows: sql("toFloat64({total})", total=_total(rows)))
        case Metric.KIND_PERSONS:
            return Measure(_person_column(people), lambda rows: sql("toFloat64({persons})", persons=_persons(rows)), of_persons=True)
        case Metric.KIND_PER_PERSON:
            return Measure(
                _person_column(people),
                # 0 ÷ 0 where nothing happened.
                lambda rows: sql("ifNotFinite({total} / {persons}, 0)", total=_total(rows), persons=_persons(rows)),
                of_persons=True,
            )
        case Metric.KIND_SESSIONS:
            return Measure(SESSION, lambda rows: sql("toFloat64({sessions})", sessions=_sessions(rows)))
        case unknown:
            raise InvalidArgument(
                f"There is no metric {unknown}.", field=f"{field}.kind", hint="Use one such as KIND_TOTAL or KIND_PERSONS."
            )


def _numeric(metric: Metric, place: int, field: str) -> Measure:
    if not metric.property:
        raise PropertyMissing(
            "This metric is calculated from a property.", field=f"{field}.property", hint="Name a numeric one, such as `price`."
        )
    column = numbered("number", place)
    name, level = _NUMERIC[metric.kind]

    def value(rows: Rows) -> Sql:
        call = (
            sql(name + level + "({column})", column=column)
            if rows is None
            else sql(name + "If" + level + "({column}, {rows})", column=column, rows=rows)
        )
        return sql("ifNotFinite(ifNull({call}, 0), 0)", call=call)

    number = event_property(metric.property, 0, field).number()
    return Measure(sql("{number} AS {column}", number=number, column=column), value)


def _person_column(people: People) -> Sql:
    return sql("{person} AS person", person=people.person())


def _total(rows: Rows) -> Sql:
    return sql("count()") if rows is None else sql("countIf({rows})", rows=rows)


def _persons(rows: Rows) -> Sql:
    return sql("uniqExact(person)") if rows is None else sql("uniqExactIf(person, {rows})", rows=rows)


def _sessions(rows: Rows) -> Sql:
    return sql("uniqExact(session)") if rows is None else sql("uniqExactIf(session, {rows})", rows=rows)
