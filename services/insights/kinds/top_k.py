"""Top K: which values, event names or persons come first by a metric.

What adds up is read once, into a state for each label, and the others are merged of their states. For what is distinct, of which a state
for each of a million labels would be too much, the others are counted from their own events in a second reading, which knows the rows of
the first: persons of several of them are one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InvalidArgument
from core.person_ids import id_of_hash
from core.sql import Sql, join, numbered, sql, text, unsigned
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.person_pb2 import Person
from pug.insights.v1.top_k_pb2 import TopK, TopKResult
from services.insights.breakdowns import text_of
from services.insights.filters import Placed, in_list, matches
from services.insights.metrics import Measure, measure_of
from services.insights.scope import Scope

_FIELD = "insight.topK"
_MAX_LIMIT = 1_000
_DEFAULT_LIMIT = 10
_PERSON_ID = re.compile(r"[0-9a-f]{16}")

# Ties go by label ascending, absent ones last.
_LARGEST = """
    SELECT label, {metric} AS metric
    FROM {rows} AS event
    GROUP BY label
    ORDER BY metric DESC, {unmarked}
    LIMIT {limit}
"""
_ALONE = """
SELECT row_number() OVER (ORDER BY metric DESC, {unmarked}) AS rank, metric, {unmarked} AS called
FROM ({largest})
ORDER BY rank"""
_READ_ONCE = """
WITH counted AS (
    SELECT label, {states}
    FROM {rows} AS event
    GROUP BY label
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY {finished} DESC, {unmarked}) AS place
    FROM counted
)
SELECT if(place > {limit}, 0, place) AS rank, {merged} AS metric, if(rank = 0, NULL, any({unmarked})) AS called
FROM placed
GROUP BY rank
ORDER BY rank = 0, rank"""
# An event of no top row joins with rank 0.
_READ_TWICE = """
WITH top_rows AS (
    SELECT label, row_number() OVER (ORDER BY metric DESC, {unmarked}) AS rank
    FROM ({largest})
)
SELECT rank, {metric} AS metric, if(rank = 0, NULL, any({unmarked})) AS called
FROM {rows} AS event
LEFT ANY JOIN top_rows ON event.label = top_rows.label
GROUP BY rank
ORDER BY rank = 0, rank"""
_PERSONS = "SELECT DISTINCT person FROM {rows}"
_PERSONS_OF_OTHERS = """
SELECT DISTINCT person
FROM {rows} AS event
LEFT ANTI JOIN ({largest}) AS top_row ON event.label = top_row.label"""


@dataclass(frozen=True, slots=True)
class _Ranking:
    label: Sql
    # Whether it may be absent.
    nullable: bool
    measure: Measure
    where: list[Sql]
    limit: int

    @property
    def column(self) -> Sql:
        """The label, an absent one with a mark: joining and grouping take half the time where nothing can be NULL."""
        # No string holds a NUL.
        return sql("ifNull({label}, '\\0') AS label" if self.nullable else "{label} AS label", label=self.label)

    @property
    def unmarked(self) -> Sql:
        """The label in terms of the column."""
        return sql("nullIf(label, '\\0')" if self.nullable else "label")

    def rows(self, scope: Scope) -> Sql:
        return scope.events([self.column, *self.measure.columns], self.where)

    def largest(self, scope: Scope) -> Sql:
        return sql(
            _LARGEST,
            metric=self.measure.value(None),
            rows=self.rows(scope),
            unmarked=self.unmarked,
            limit=unsigned(self.limit),
        )


def plan(spec: TopK, scope: Scope) -> Sql:
    """The rows (rank, metric, label), the largest first; rank 0, which comes last, is everything beyond the limit."""
    ranking = _ranking(spec, scope)
    if spec.omit_others:
        return sql(_ALONE, largest=ranking.largest(scope), unmarked=ranking.unmarked)
    if ranking.measure.has_small_states:
        return _read_once(ranking, scope)
    return sql(
        _READ_TWICE,
        largest=ranking.largest(scope),
        metric=ranking.measure.value(None),
        rows=ranking.rows(scope),
        unmarked=ranking.unmarked,
    )


def _read_once(ranking: _Ranking, scope: Scope) -> Sql:
    measure = ranking.measure
    states = [(aggregate, numbered("state", place)) for place, aggregate in enumerate(measure.aggregates, 1)]
    return sql(
        _READ_ONCE,
        states=join(", ", [sql("{state} AS {name}", state=aggregate.state(None), name=name) for aggregate, name in states]),
        rows=ranking.rows(scope),
        finished=measure.result([aggregate.finished(name) for aggregate, name in states]),
        unmarked=ranking.unmarked,
        limit=unsigned(ranking.limit),
        merged=measure.result([aggregate.merged(name) for aggregate, name in states]),
    )


def shape(rows: Sequence[Sequence[object]]) -> TopKResult:
    """The answer; persons are named by their ids only."""
    found: list[TopKResult.Row] = []
    for row in rows:
        match row:
            case [0, float() as metric, _]:
                found.append(TopKResult.Row(others=True, metric=metric))
            case [int(), float() as metric, None]:
                found.append(TopKResult.Row(absent=True, metric=metric))
            case [int(), float() as metric, int() as person]:
                found.append(TopKResult.Row(value=id_of_hash(person), metric=metric, person=Person(id=id_of_hash(person))))
            case [int(), float() as metric, str() as label]:
                found.append(TopKResult.Row(value=label, metric=metric))
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return TopKResult(rows=found)


def filters(spec: TopK) -> list[Placed]:
    """The filters of the events that count."""
    return in_list(spec.scope.filters, f"{_FIELD}.scope.filters")


def persons(spec: TopK, of: ListPersonsRequest.OfTopK, scope: Scope) -> Sql:
    """The persons who have an event in a row."""
    ranking = _ranking(spec, scope)
    person = sql("{person} AS person", person=scope.as_of.people.person())
    counted = [*ranking.where, *scope.of_persons]
    if not of.others:
        return sql(_PERSONS, rows=scope.events([person], [*counted, _is_row(spec, of, ranking.label)]))
    if of.value or of.absent or spec.omit_others:
        raise InvalidArgument("The answer has no such row of others.", field="topK.others", hint="Name one row of the answer.")
    rows = scope.events([person, ranking.column], counted)
    return sql(_PERSONS_OF_OTHERS, rows=rows, largest=ranking.largest(scope))


def _ranking(spec: TopK, scope: Scope) -> _Ranking:
    if not 0 <= spec.limit <= _MAX_LIMIT:
        raise InvalidArgument(
            f"There are 1 to {_MAX_LIMIT:,} rows, not {spec.limit}.", field=f"{_FIELD}.limit", hint=f"0 means {_DEFAULT_LIMIT}."
        )
    label = _label(spec, scope)
    measure = _measure(spec, scope)
    of_persons = measure.of_persons or spec.dimension == TopK.DIMENSION_PERSON
    where = [*matches(spec.scope, f"{_FIELD}.scope", scope.as_of), *(scope.of_persons if of_persons else [])]
    return _Ranking(label, spec.dimension == TopK.DIMENSION_PROPERTY, measure, where, spec.limit or _DEFAULT_LIMIT)


def _label(spec: TopK, scope: Scope) -> Sql:
    if spec.dimension == TopK.DIMENSION_PROPERTY:
        return text_of(Breakdown(property=spec.property, source=spec.source), _FIELD, scope.as_of)
    if spec.property:
        raise InvalidArgument(
            "Only DIMENSION_PROPERTY takes a property.", field=f"{_FIELD}.property", hint="Set the dimension, or leave it out."
        )
    match spec.dimension:
        case TopK.DIMENSION_UNSPECIFIED | TopK.DIMENSION_EVENT_NAME:
            return sql("name")
        case TopK.DIMENSION_PERSON:
            return scope.as_of.people.person()
        case unknown:
            raise InvalidArgument(
                f"There is no dimension {unknown}.", field=f"{_FIELD}.dimension", hint="Use DIMENSION_EVENT_NAME, _PROPERTY or _PERSON."
            )


def _measure(spec: TopK, scope: Scope) -> Measure:
    if spec.metric.kind in (Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D):
        raise InvalidArgument(
            "A metric of the days up to each bucket ranks nothing, for there are no buckets here.",
            field=f"{_FIELD}.metric.kind",
            hint="Use KIND_PERSONS, over a range of so many days.",
        )
    return measure_of(spec.metric, 1, f"{_FIELD}.metric", scope.as_of)


def _is_row(spec: TopK, of: ListPersonsRequest.OfTopK, label: Sql) -> Sql:
    if of.absent:
        if of.value:
            raise InvalidArgument("A row of absent values has no value.", field="topK.value", hint="Name one row of the answer.")
        return sql("{label} IS NULL", label=label)
    if spec.dimension != TopK.DIMENSION_PERSON:
        return sql("{label} = {value}", label=label, value=text(of.value))
    if not _PERSON_ID.fullmatch(of.value):
        raise InvalidArgument(
            "That is no person's id.", field="topK.value", hint="It has 16 hexadecimal digits: take it from the row's `value`."
        )
    return sql("{label} = {person}", label=label, person=unsigned(int(of.value, 16)))
