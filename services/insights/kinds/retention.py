"""Retention: who comes back.

The events are read once. Each person becomes a history: their entries, one for each cohort they are in, and when they did the return event.
An entry has places: 0 for the size of the cohort, then one for each count in which the person returned. Whoever is in a cohort is in one
cell of it, so what lies beyond the breakdown limit may be added up, and the sum is exact.
"""

from collections.abc import Sequence

from core.errors import InvalidArgument
from core.instants import timestamp
from core.sql import Sql, all_of, join, sql, unsigned
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.retention_pb2 import Retention, RetentionResult
from services.insights.breakdowns import Cells, cells_of
from services.insights.cohorts import empty_table, series_of, tables_of
from services.insights.filters import Placed
from services.insights.histories import matcher_filters, person_cohorts
from services.insights.periods import Periods, periods_of
from services.insights.scope import Scope

FIELD = "insight.retention"
_OF = "retention"

_TABLE = """
WITH person_cohorts AS {person_cohorts}
SELECT
    1 AS rank,
    cohort,
    place,
    count() AS persons,
    fromUnixTimestamp64Milli(min(started), 'UTC') AS first_start,
    fromUnixTimestamp64Milli(max(started), 'UTC') AS last_start
FROM person_cohorts
ARRAY JOIN places AS place
GROUP BY cohort, place
ORDER BY cohort, place"""

_TABLE_BY_CELL = """
WITH person_cohorts AS {person_cohorts},
cohort_counts AS (
    SELECT cohort, place, {cell}, count() AS persons, min(started) AS first, max(started) AS last, countIf(place = 0 AND new_to_cell) AS new
    FROM person_cohorts
    ARRAY JOIN places AS place
    GROUP BY cohort, place, {cell}
),
ranked_counts AS {ranked}
SELECT
    {rank} AS rank,
    cohort,
    place,
    sum(counted.persons) AS persons,
    fromUnixTimestamp64Milli(min(first), 'UTC') AS first_start,
    fromUnixTimestamp64Milli(max(last), 'UTC') AS last_start,
    {label}
FROM ranked_counts AS counted
GROUP BY rank, cohort, place
ORDER BY rank, cohort, place"""

# Ties go by value ascending, NULL last.
_RANKED = """(
    SELECT *, dense_rank() OVER (ORDER BY persons_of_cell DESC, {cell}) AS nth_cell
    FROM (SELECT *, sum({new}) OVER (PARTITION BY {cell}) AS persons_of_cell FROM {rows})
)"""

_PERSONS = """
WITH person_cohorts AS {person_cohorts}
SELECT person
FROM {rows}
WHERE {conditions}"""


def plan(spec: Retention, scope: Scope) -> Sql:
    """The rows (rank of the cell, number of the cohort, place, persons, when the first and the last of them started, then the cell)."""
    cells = cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of)
    rows = person_cohorts(spec, FIELD, periods_of(spec, FIELD, scope), cells, scope)
    if not cells:
        return sql(_TABLE, person_cohorts=rows)
    return sql(
        _TABLE_BY_CELL,
        person_cohorts=rows,
        cell=join(", ", cells.names),
        ranked=_ranked(cells, sql("cohort_counts"), sql("new")),
        rank=sql("if(nth_cell <= {limit}, nth_cell, 0)", limit=unsigned(cells.limit)),
        label=join(", ", cells.labels("counted")),
    )


def shape(rows: Sequence[Sequence[object]], spec: Retention, scope: Scope) -> RetentionResult:
    """The answer: every cohort of the range, whether anybody is in it or not."""
    periods = periods_of(spec, FIELD, scope)
    tables = tables_of(rows, periods, scope) or ([] if spec.breakdowns else [empty_table(Cell(), periods, scope)])
    return RetentionResult(series=[series_of(table, periods, scope, simple_mean=spec.simple_mean) for table in tables])


def filters(spec: Retention) -> list[Placed]:
    """The filters of the start and the return event."""
    return matcher_filters(spec, FIELD)


def persons(spec: Retention, of: ListPersonsRequest.OfRetention, scope: Scope) -> Sql:
    """The persons behind one count of a cohort."""
    cells = cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of)
    periods = periods_of(spec, FIELD, scope)
    in_others = cells is not None and of.cell.others
    return sql(
        _PERSONS,
        person_cohorts=person_cohorts(spec, FIELD, periods, cells, scope),
        rows=_ranked(cells, sql("person_cohorts"), sql("new_to_cell")) if cells and in_others else sql("person_cohorts"),
        conditions=all_of([_in_cohort(of, scope), _at_place(of, periods), *_in_cell(of.cell, cells)]),
    )


def _ranked(cells: Cells, rows: Sql, new: Sql) -> Sql:
    return sql(_RANKED, rows=rows, new=new, cell=join(", ", cells.names))


def _in_cohort(of: ListPersonsRequest.OfRetention, scope: Scope) -> Sql:
    starts = [timestamp(bucket.start) for bucket in scope.buckets]
    if of.cohort not in starts:
        raise InvalidArgument("The answer has no such cohort.", field=f"{_OF}.cohort", hint="Give the `start` of one of its cohorts.")
    return sql("cohort = {cohort}", cohort=unsigned(starts.index(of.cohort) + 1))


def _at_place(of: ListPersonsRequest.OfRetention, periods: Periods) -> Sql:
    if not 0 <= of.period <= len(periods.spans):
        raise InvalidArgument(
            f"There is no count {of.period} of a cohort.", field=f"{_OF}.period", hint=f"They are numbered from 0 to {len(periods.spans)}."
        )
    if periods.or_after:
        return sql("arrayMax(places) >= {place}", place=unsigned(of.period))
    return sql("has(places, {place})", place=unsigned(of.period))


def _in_cell(cell: Cell, cells: Cells | None) -> list[Sql]:
    names = cells.names if cells else []
    if cell.others and cells:
        return [sql("nth_cell > {limit}", limit=unsigned(cells.limit))]
    if cell.others or len(cell.values) != len(names):
        raise InvalidArgument(
            "The answer has no such cell.",
            field=f"{_OF}.cell",
            hint="Give the `cell` of one of its series, with a value for each breakdown.",
        )
    return cells.are(cell) if cells else []
