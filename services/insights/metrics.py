"""Metrics as aggregates over rows of events."""

from collections.abc import Callable, Mapping, Sequence
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


_SMALL = ("count", "sum", "avg", "min", "max")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate function: its name, its level such as `(0.9)`, and what it is of."""

    name: LiteralString
    level: LiteralString = ""
    of: Sql | None = None

    @property
    def is_small(self) -> bool:
        """Whether its state takes a few bytes, however many rows it is of; others keep what they have seen."""
        return self.name in _SMALL

    def over(self, rows: Rows) -> Sql:
        """Its value over a condition's rows or over all."""
        return self._call("", self.of, rows)

    def state(self, rows: Rows) -> Sql:
        """What is needed to go on with it."""
        return self._call("State", self.of, rows)

    def merged(self, states: Sql, rows: Rows = None) -> Sql:
        """Its value over all that states are of."""
        return self._call("Merge", states, rows)

    def finished(self, state: Sql) -> Sql:
        """Its value over all that one state is of."""
        return sql("finalizeAggregation({state})", state=state)

    def _call(self, suffix: LiteralString, of: Sql | None, rows: Rows) -> Sql:
        arguments = [argument for argument in (of, rows) if argument]
        return sql(self.name + suffix + ("If" if rows else "") + self.level + "({arguments})", arguments=join(", ", arguments))


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric ready for SQL: the columns it reads of each event, and what it is calculated from.

    The value is a finite Float64, 0 when there is nothing to calculate it from.
    """

    columns: tuple[Sql, ...]
    aggregates: tuple[Aggregate, ...]
    # The metric from the values of the aggregates.
    result: Callable[[Sequence[Sql]], Sql]
    # Whether it is about persons, so that events of nobody who is counted as one are left out.
    of_persons: bool = False
    # What holds, on a row of events with the columns, for those it is calculated from; None for all.
    contributes: Sql | None = None
    # What it counts the distinct values of, NULL aside, if that is all it does.
    distinct: Sql | None = None

    @property
    def has_small_states(self) -> bool:
        """Whether there may be a state of it for each of a million values."""
        return all(aggregate.is_small for aggregate in self.aggregates)

    def value(self, rows: Rows) -> Sql:
        """Its value over a condition's rows or over all."""
        return self.result([aggregate.over(rows) for aggregate in self.aggregates])


def measure_of(metric: Metric, place: int, field: str, as_of: AsOf, *, approximate: bool = False) -> Measure:
    """The metric of the series at a place; `field` is its path in the request, `approximate` lets distinct counts be estimated."""
    if metric.kind in _NUMERIC:
        return _numeric(metric, place, field, as_of.table)
    # uniqCombined64 errs by less than 0.5 %; what it says doesn't depend on the order of the rows.
    uniq: LiteralString = "uniqCombined64" if approximate else "uniqExact"
    person, events = _person_column(as_of.people), as_of.table.events
    counted = (events,) if events else ()
    total = Aggregate("sum", of=events) if events else Aggregate("count")
    match metric.kind:
        case Metric.KIND_UNSPECIFIED | Metric.KIND_TOTAL:
            return Measure(counted, (total,), _as_float)
        case Metric.KIND_PERSONS:
            if as_of.table.ids_once and not approximate:
                return _persons_once(as_of.people)
            return Measure(
                (person,),
                (Aggregate(uniq, of=sql("person")),),
                _as_float,
                of_persons=True,
                distinct=sql("person"),
            )
        case Metric.KIND_PER_PERSON:
            return Measure(
                (person, *counted),
                (total, Aggregate(uniq, of=sql("person"))),
                # 0 ÷ 0 where nothing happened.
                lambda values: sql("ifNotFinite({total} / {persons}, 0)", total=values[0], persons=values[1]),
                of_persons=True,
            )
        case Metric.KIND_SESSIONS:
            return Measure((SESSION,), (Aggregate(uniq, of=sql("session")),), _as_float, distinct=sql("session"))
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

    number = event_property(metric.property, 0, field, table).number()
    return Measure(
        (sql("{number} AS {column}", number=number, column=column),),
        (Aggregate(name, level, column),),
        lambda values: sql("ifNotFinite(ifNull({value}, 0), 0)", value=values[0]),
        contributes=sql("{column} IS NOT NULL", column=column),
    )


def _persons_once(people: People) -> Measure:
    """Persons where each id has one row: only those of several ids have to be told apart."""
    tied = sql("{tied} AS tied", tied=people.is_tied())
    several = sql("if(tied, {person}, NULL) AS person_of_several", person=people.looked_up())
    return Measure(
        (tied, several),
        (Aggregate("sum", of=sql("NOT tied")), Aggregate("uniqExact", of=sql("person_of_several"))),
        lambda values: sql("toFloat64({alone} + {several})", alone=values[0], several=values[1]),
        of_persons=True,
        distinct=sql("person"),
    )


def _person_column(people: People) -> Sql:
    return sql("{person} AS person", person=people.person())


def _as_float(values: Sequence[Sql]) -> Sql:
    return sql("toFloat64({value})", value=values[0])
