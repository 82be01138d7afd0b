"""Which cells of a broken-down answer are kept: the largest of each series, ranked over the whole range; all others have rank 0."""

from dataclasses import dataclass
from typing import LiteralString

from core.sql import Sql, join, sql, unsigned
from services.insights import trailing
from services.insights.breakdowns import Cells
from services.insights.scope import Scope
from services.insights.series import Series, rows_of, series_column, value_of

# Ties go by value ascending, absent ones last. Ranks run through all series, one after the other, which is enough to order the cells of
# each; an event of no top cell joins with rank 0.
_TOP_CELLS = """WITH events_of_cells AS {rows},
largest_cells AS (
    SELECT {series} AS series, {cell}, {value} AS value
    FROM events_of_cells AS event
    GROUP BY series, {cell}
    ORDER BY value DESC, {unmarked}
    LIMIT {limit}{by_series}
),
top_cells AS (
    SELECT series, {cell}, row_number() OVER (ORDER BY series, value DESC, {unmarked}) AS rank
    FROM largest_cells
)
"""


@dataclass(frozen=True, slots=True)
class Ranked:
    """How rows of events, called `event`, come by the rank of their cell: before the SELECT, in it and behind its FROM."""

    beginning: Sql
    rank: Sql
    join: Sql
    columns: list[Sql]
    cells: Cells | None

    def label(self, table: LiteralString) -> Sql:
        """Columns that follow others: the values of the cell, from a table with those of a row."""
        return labels_after(self.cells, table)


def labels_after(cells: Cells | None, table: LiteralString) -> Sql:
    """Columns that follow others: the values of the cell as `Cells.labels` has them, from a table with the marked ones of a row."""
    if not cells:
        return sql("")
    label: LiteralString = ", toLowCardinality(if(rank = 0, NULL, nullIf(any(" + table + ".{name}), '\\0'))) AS {name}"
    return join("", (sql(label, name=name) for name in cells.names))


def unbroken() -> Ranked:
    """Without breakdowns everything is one cell, of rank 1."""
    return Ranked(sql(""), sql("1 AS rank"), sql(""), [], None)


def ranked(cells: Cells, series: list[Series], scope: Scope) -> Ranked:
    """The cells that series of one way of counting keep, as they are in a scope."""
    several = len(series) > 1
    same = [*([sql("series")] if several else []), *cells.names]
    beginning = sql(
        _TOP_CELLS,
        rows=_rows(cells, series, scope),
        series=series_column(series),
        cell=join(", ", cells.names),
        unmarked=join(", ", cells.unmarked),
        value=_value(series, scope),
        limit=unsigned(cells.limit),
        by_series=sql(" BY series" if several else ""),
    )
    on = join(" AND ", [sql("event.{name} = top_cells.{name}", name=name) for name in same])
    return Ranked(beginning, sql("rank"), sql("\nLEFT ANY JOIN top_cells ON {on}", on=on), cells.marked, cells)


def _rows(cells: Cells, series: list[Series], scope: Scope) -> Sql:
    span = series[0].trailing
    if span is None:
        return rows_of(series, scope, cells.marked)
    columns = [trailing.slot_column(scope, span), *cells.marked]
    return rows_of(series, trailing.reaching_back(scope, span), columns, trailing.is_seen(scope, span))


def _value(series: list[Series], scope: Scope) -> Sql:
    """The value over the whole range, for rolling actives at its end."""
    span = series[0].trailing
    return value_of(series, trailing.is_in_last_window(scope, span) if span else None)
