"""Cells kept and others folded, from one reading of the events.

They are counted by cell and bucket as states. Windows over these, which are few, rank the cells; then all cells beyond the limit become
one, whose persons and averages are merged of their states and so as exact as any. With many cells and many buckets there would be nearly as
many states as events: then it is better to read twice (services/insights/cells_kept.py).
"""

from core.sql import Sql, all_of, join, sql, unsigned
from services.insights.breakdowns import Cells
from services.insights.buckets import bucket_of
from services.insights.cells_kept import labels_after
from services.insights.readings import Reading
from services.insights.series import Series, merged, rows_of, series_column, states_of

# The range as one, and that compared with.
_FEW_BUCKETS = 2

# Ties go by value ascending, absent ones last. A cell of which nothing is ranked is none of the largest.
_FOLDED = """WITH counted AS (
    SELECT {series} AS series, {cell}, bucket, {states}
    FROM {rows} AS event
    GROUP BY series, {cell}, bucket
),
measured AS (
    SELECT *, {overall} AS overall, max({is_ranked}) OVER cell AS is_kept
    FROM counted
    WINDOW cell AS (PARTITION BY {by_series}{cell})
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


def can_be_folded(cells: Cells, reading: Reading) -> bool:
    """Whether the states are few against the events, and those the cells are ranked by are among them."""
    return (cells.few or len(reading.scope.buckets) <= _FEW_BUCKETS) and reading.ranks


def folded(cells: Cells, series: list[Series], reading: Reading, *, ranked_by: Series | None) -> Sql:
    """The rows of `lines.plan`; cells are ranked by one of the series, or each series has largest cells of its own."""
    window = sql("cell")
    is_ranked = [
        *([reading.is_ranked] if reading.is_ranked else []),
        *([sql("series = {number}", number=unsigned(ranked_by.number))] if ranked_by else []),
    ]
    return sql(
        _FOLDED,
        series=series_column(series),
        cell=join(", ", cells.names),
        states=join(", ", states_of(series)),
        rows=rows_of(
            series,
            reading.scope,
            [sql("{bucket} AS bucket", bucket=bucket_of(sql("occurred_at"), reading.scope.buckets)), *cells.marked],
            reading.where,
        ),
        overall=merged([ranked_by] if ranked_by else series, reading.is_ranked, window),
        is_ranked=all_of(is_ranked) if is_ranked else sql("true"),
        by_series=sql("" if ranked_by else "series, "),
        partition=sql("" if ranked_by else "PARTITION BY series "),
        unmarked=join(", ", cells.unmarked),
        limit=unsigned(cells.limit),
        value=merged(series),
        compared=reading.compared,
        label=labels_after(cells, "placed"),
    )
