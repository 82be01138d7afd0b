"""Cells kept and others folded, from one reading of the events.

They are counted by cell and bucket as states. Windows over these, which are few, rank the cells; then all cells beyond the limit become
one, whose persons and averages are merged of their states and so as exact as any. With many cells and many buckets there would be nearly as
many states as events, and persons of a million values take a million sets: then it is better to read twice
(services/insights/cells_kept.py).
"""

from core.instants import milliseconds
from core.sql import Sql, all_of, integer, join, sql, unsigned
from services.insights.breakdowns import Cells
from services.insights.buckets import bucket_of
from services.insights.cells_kept import labels_after
from services.insights.readings import Reading
from services.insights.series import Series, finished, merged, rows_of, series_column, states_of

# The range as one, and that compared with.
_FEW_BUCKETS = 2

# Ties go by value ascending, absent ones last. A cell of which nothing is ranked is none of the largest.
_FOLDED = """WITH counted AS (
    SELECT {series} AS series, {cell}, {bucket}, {states}
    FROM {rows} AS event
    GROUP BY {keys}
),
measured AS (
    SELECT *, {overall}
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER ({partition}ORDER BY is_kept DESC, overall DESC, {unmarked}) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, \
{value} AS value, {compared} AS compared{label}
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket"""


def can_be_folded(cells: Cells, series: list[Series], reading: Reading) -> bool:
    """Whether the states are few or small, and those the cells are ranked by are among them."""
    small = len(reading.scope.buckets) <= _FEW_BUCKETS and all(one.measure.has_small_states for one in series)
    return (cells.few or small) and reading.ranks


def folded(cells: Cells, series: list[Series], reading: Reading, *, ranked_by: Series | None) -> Sql:
    """The rows of `lines.plan`; cells are ranked by one of the series, or each series has largest cells of its own."""
    scope = reading.scope
    several = len(scope.buckets) > 1
    return sql(
        _FOLDED,
        series=series_column(series),
        cell=join(", ", cells.names),
        bucket=sql("bucket") if several else sql("{start} AS bucket", start=integer(milliseconds(scope.buckets[0].start))),
        states=join(", ", states_of(series)),
        # Grouping by a value alone takes half the time of grouping by several.
        keys=join(", ", [*([sql("series")] if len(series) > 1 else []), *cells.names, *([sql("bucket")] if several else [])]),
        rows=rows_of(
            series,
            scope,
            [*([sql("{bucket} AS bucket", bucket=bucket_of(sql("occurred_at"), scope.buckets))] if several else []), *cells.marked],
            reading.where,
        ),
        overall=_overall(cells, series, reading, ranked_by) if several or ranked_by else _of_one_row(series),
        partition=sql("" if ranked_by else "PARTITION BY series "),
        unmarked=join(", ", cells.unmarked),
        limit=unsigned(cells.limit),
        value=merged(series),
        compared=reading.compared,
        label=labels_after(cells, "placed"),
    )


def _overall(cells: Cells, series: list[Series], reading: Reading, ranked_by: Series | None) -> Sql:
    """What a cell is ranked by, and whether there is anything."""
    window = sql("(PARTITION BY {cell})", cell=join(", ", [*([] if ranked_by else [sql("series")]), *cells.names]))
    is_ranked = [
        *([reading.is_ranked] if reading.is_ranked else []),
        *([sql("series = {number}", number=unsigned(ranked_by.number))] if ranked_by else []),
    ]
    return sql(
        "{value} AS overall, max({is_ranked}) OVER {window} AS is_kept",
        value=merged([ranked_by] if ranked_by else series, reading.is_ranked, window),
        is_ranked=all_of(is_ranked) if is_ranked else sql("true"),
        window=window,
    )


def _of_one_row(series: list[Series]) -> Sql:
    """The same where a cell has one row: then there may be as many as values, and windows over them would take much memory."""
    return sql("{value} AS overall, true AS is_kept", value=finished(series))
