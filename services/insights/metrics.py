"""Metrics as aggregates over rows of events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from core.errors import InvalidArgument, PropertyMissing
from core.sql import Sql, join, numbered, sql
from pug.insights.v1.metric_pb2 import Metric
from services.insights.people import AsOf, People
from services.insights.properties import event_property
from services.insights.sessions import SESSION
from services.insights.tables import Table

# How long the rolling kinds look back. They count KIND_PERSONS, of windows of real time: 7 days are 7 × 24 hours whatever the clocks do.
TRAILING: Mapping[int, timedelta] = {Metric.KIND_ACTIVE_7D: timedelta(days=7), Metric.KIND_ACTIVE_30D: timedelta(days=30)}

# The kinds that a query may let estimate.
ESTIMATED = (Metric.KIND_PERSONS, Metric.KIND_SESSIONS, Metric.KIND_PER_PERSON)

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
    """A metric ready for SQL: the columns it reads of each event, and its value over a condition's rows or over all.

    The value is a finite Float64, 0 when there is nothing to calculate it from.
    """

    columns: tuple[Sql, ...]
    value: Callable[[Rows], Sql]
    # Whether it is about persons, so that events of nobody who is counted as one are left out.
    of_persons: bool = False
    # What holds, on a row of events with the columns, for those it is calculated from; None for all.
    contributes: Sql | None = None
    # What it counts the distinct values of, NULL aside, if that is all it does.
    distinct: Sql | None = None


def measure_of(metric: Metric, place: int, field: str, as_of: AsOf, *, approximate: bool = False) -> Measure:
    """The metric of the series at a place; `field` is its path in the request, `approximate` lets distinct counts be estimated."""
    if metric.kind in _NUMERIC:
        return _numeric(metric, place, field, as_of.table)
    # uniqCombined64 errs by less than 0.5 %; what it says doesn't depend on the order of the rows.
    uniq: LiteralString = "uniqCombined64" if approximate else "uniqExact"
    person, events = _person_column(as_of.people), as_of.table.events
    counted = (events,) if events else ()
    match metric.kind:
        case Metric.KIND_UNSPECIFIED | Metric.KIND_TOTAL:
            return Measure(counted, lambda rows: sql("toFloat64({total})", total=_total(events, rows)))
        case Metric.KIND_PERSONS:
            if as_of.table.ids_once and not approximate:
                return _persons_once(person, as_of.people)
            return Measure(
                (person,),
                lambda rows: sql("toFloat64({persons})", persons=_persons(uniq, rows)),
                of_persons=True,
                distinct=sql("person"),
            )
        case Metric.KIND_PER_PERSON:
            return Measure(
                (person, *counted),
                # 0 ÷ 0 where nothing happened.
                lambda rows: sql("ifNotFinite({total} / {persons}, 0)", total=_total(events, rows), persons=_persons(uniq, rows)),
                of_persons=True,
            )
        case Metric.KIND_SESSIONS:
            return Measure((SESSION,), lambda rows: sql("toFloat64({sessions})", sessions=_sessions(uniq, rows)), distinct=sql("session"))
        case unknown:
            raise InvalidArgument(
                f"There is no metric {unknown}.", field=f"{field}.kind", hint="Use one such as KIND_TOTAL or KIND_PERSONS."
            )


def _numeric(metric: Metric, place: int, field: str, table: Table) -> Measure:
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

    number = event_property(metric.property, 0, field, table).number()
    return Measure(
        (sql("{number} AS {column}", number=number, column=column),), value, contributes=sql("{column} IS NOT NULL", column=column)
    )


def _persons_once(person: Sql, people: People) -> Measure:
    """Persons where each id has one row: only those of several ids have to be told apart."""

    def value(rows: Rows) -> Sql:
        alone, several = (join(" AND ", [sql(tied), *([rows] if rows else [])]) for tied in ("NOT tied", "tied"))
        return sql("toFloat64(countIf({alone}) + uniqExactIf(person, {several}))", alone=alone, several=several)

    return Measure((person, sql("{tied} AS tied", tied=people.is_tied())), value, of_persons=True, distinct=sql("person"))


def _person_column(people: People) -> Sql:
    return sql("{person} AS person", person=people.person())


def _total(events: Sql | None, rows: Rows) -> Sql:
    if events:
        return sql("sum({events})", events=events) if rows is None else sql("sumIf({events}, {rows})", events=events, rows=rows)
    return sql("count()") if rows is None else sql("countIf({rows})", rows=rows)


def _persons(uniq: LiteralString, rows: Rows) -> Sql:
    return sql(uniq + "(person)") if rows is None else sql(uniq + "If(person, {rows})", rows=rows)


def _sessions(uniq: LiteralString, rows: Rows) -> Sql:
    return sql(uniq + "(session)") if rows is None else sql(uniq + "If(session, {rows})", rows=rows)
