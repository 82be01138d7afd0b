"""The lines Trends and Segmentation answer with: every series, split into cells, over the buckets; as SQL.

An event may belong to several series, so it becomes one row for each (`arrayJoin`), and everything after groups by series. With breakdowns
every cell beyond the limit is folded into one, whose persons and averages are as exact as any: in one reading of the events where there are
few cells, or only one bucket and nothing distinct is counted (`cells_folded`), else in two, the first of which ranks the cells
(`cells_kept`).

Series that have to be counted in another way are queries of their own, put together by UNION ALL, as is a range compared with that cannot
be read along (`readings`). Where the values of a line build on one another (`grows`) a row says by how much it grows or shrinks with the
bucket.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from core.errors import TooMany
from core.sql import Sql, join, sql
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.trends_pb2 import Trends
from services.insights import trailing
from services.insights.breakdowns import Cells, cells_of, kept_cells
from services.insights.buckets import bucket_of
from services.insights.cells_folded import can_be_folded, folded
from services.insights.cells_kept import Ranked, ranked, unbroken
from services.insights.formulas import Formula, formula_of
from services.insights.limits import MOST_NUMBERS
from services.insights.metrics import ESTIMATED, TRAILING
from services.insights.readings import Reading, readings
from services.insights.scope import Scope
from services.insights.series import Series, rows_of, series_column, series_of, value_of
from services.insights.session_facts import facts_in
from services.insights.tables import NotKept

_MAX_FORMULAS = 10

_BY_BUCKET = """{beginning}SELECT {series} AS series, {rank}, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, {value} AS value, \
{compared} AS compared{label}
FROM {rows} AS event{join}
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket"""

# Each is new in the first of their buckets.
_SO_FAR = """{beginning}SELECT series, rank, fromUnixTimestamp64Milli(first, 'UTC') AS bucket_start, toFloat64(count(subject)) AS value, \
{compared} AS compared{label_of_one}
FROM
(
    SELECT {series} AS series, {rank}, {distinct} AS subject, min(bucket) AS first{label}
    FROM {rows} AS event{join}
    GROUP BY series, rank, subject
) AS one
GROUP BY series, rank, first
ORDER BY series, rank, first"""

# Seen again before not being seen any more is going on. None who is seen to the end leaves within the range.
_TRAILING = """{beginning}SELECT series, rank, fromUnixTimestamp64Milli(change.1, 'UTC') AS bucket_start, \
toFloat64(sum(change.2)) AS value, {compared} AS compared{label_of_one}
FROM
(
    SELECT {series} AS series, {rank}, arraySort(groupUniqArray(slot)) AS slots{label},
        arrayMap(slot -> roundDown(slot, {starts}), slots) AS seen_from,
        arrayMap(slot -> roundDown(slot + {trailing}, {ends}), slots) AS seen_until
    FROM {rows} AS event{join}
    GROUP BY series, rank, person
) AS one
ARRAY JOIN arrayConcat(
    arrayMap((start, last_end) -> (greatest(start, last_end), 1), seen_from, arrayShiftRight(seen_until, 1)),
    arrayMap(end -> (end, -1), seen_until)
) AS change
WHERE change.1 < {end}
GROUP BY series, rank, bucket_start
ORDER BY series, rank, bucket_start"""


@dataclass(frozen=True, slots=True)
class Question:
    """What Trends and Segmentation ask alike; `field` is the path of the message."""

    field: str
    series: Sequence[Trends.Series]
    formulas: Sequence[Trends.Formula]
    breakdowns: Sequence[Breakdown]
    breakdown_limit: int
    # Whether each bucket counts with all before it.
    cumulative: bool = False


def plan(asked: Question, scope: Scope) -> Sql:
    """Rows (series, rank of the cell, start of the bucket, value, whether it is of the range compared with, then the cell)."""
    series = series_asked(asked, scope)
    formulas_of(asked)
    _check_size(asked, scope)
    parts = [part for alike in _counted_alike(series, asked) for part in _parts(asked, series, alike, scope)]
    if len(parts) == 1:
        return parts[0]
    return sql("SELECT *\nFROM\n(\n{parts}\n)", parts=join("\nUNION ALL\n", (sql("(\n{part}\n)", part=part) for part in parts)))


def _check_size(asked: Question, scope: Scope) -> None:
    """Refuse an answer that nobody could read."""
    cells = kept_cells(asked.breakdown_limit, asked.field) + 1 if asked.breakdowns else 1
    buckets = sum(len(one.buckets) for one in (scope, scope.compared) if one)
    if (len(asked.series) + len(asked.formulas)) * cells * buckets > MOST_NUMBERS:
        raise TooMany(
            f"An answer has at most {MOST_NUMBERS:,} numbers: series and formulas × cells × buckets.",
            field=f"{asked.field}.breakdownLimit" if cells > 1 else f"{asked.field}.series",
            hint="Ask for fewer series or cells, a shorter range or a coarser granularity.",
        )


def series_asked(asked: Question, scope: Scope) -> list[Series]:
    """The series, lettered by their places."""
    if scope.as_of.table.ids_once:
        _check_ids_are_once(asked, scope)
    # What adds up from bucket to bucket is counted exactly.
    return series_of(asked.series, asked.field, replace(scope, approximate=scope.approximate and not asked.cumulative))


def _check_ids_are_once(asked: Question, scope: Scope) -> None:
    """Raises NotKept unless every number is about one day and one name: more rows of an id may be in it otherwise."""
    buckets = (bucket for one in (scope, scope.compared) if one for bucket in one.buckets)
    if (
        asked.breakdowns
        or asked.cumulative
        or any(not one.event.name or one.metric.kind in TRAILING for one in asked.series)
        or any(bucket.end - bucket.start != timedelta(days=1) for bucket in buckets)
    ):
        raise NotKept


def formulas_of(asked: Question) -> list[Formula]:
    """The formulas, read."""
    if len(asked.formulas) > _MAX_FORMULAS:
        raise TooMany(f"There are at most {_MAX_FORMULAS} formulas.", field=f"{asked.field}.formulas", hint="Ask in two queries.")
    return [
        formula_of(one.expression, len(asked.series), f"{asked.field}.formulas[{place}].expression")
        for place, one in enumerate(asked.formulas)
    ]


def cells_kept(asked: Question, series: list[Series], alike: list[Series], scope: Scope) -> Ranked:
    """The cells that series counted alike are split into; with formulas everything has the cells of the first series."""
    cells = _cells(asked, scope)
    return ranked(cells, series[:1] if asked.formulas else alike, scope) if cells else unbroken()


def _cells(asked: Question, scope: Scope) -> Cells | None:
    return cells_of(asked.breakdowns, asked.breakdown_limit, asked.field, scope.as_of)


def estimates(asked: Question, scope: Scope) -> bool:
    """Whether any number of the answer is an estimate."""
    return scope.approximate and not asked.cumulative and any(one.metric.kind in ESTIMATED for one in asked.series)


def grows(one: Trends.Series, asked: Question) -> bool:
    """Whether the rows of a series say by how much its values grow, rather than the values."""
    return asked.cumulative or one.metric.kind in TRAILING


def _counted_alike(series: list[Series], asked: Question) -> list[list[Series]]:
    alike: dict[object, list[Series]] = {}
    for one in series:
        alike.setdefault((one.trailing, one.measure.distinct if asked.cumulative else None), []).append(one)
    return list(alike.values())


def _parts(asked: Question, series: list[Series], alike: list[Series], scope: Scope) -> list[Sql]:
    """The queries of series that are counted alike."""
    span, distinct = alike[0].trailing, alike[0].measure.distinct
    if span is None and not (asked.cumulative and distinct):
        of_sessions = _asks_of_sessions(asked, alike, scope)
        return [_by_bucket(asked, series, alike, reading, scope) for reading in readings(scope, of_sessions=of_sessions)]
    kept = cells_kept(asked, series, alike, scope)
    parts: list[Sql] = []
    for of in (scope, scope.compared) if scope.compared else (scope,):
        split = _split(alike, kept, sql("true" if of is scope.compared else "false"))
        if span:
            parts.append(_looking_back(alike, kept, of, span, split))
        elif distinct:
            rows = rows_of(alike, of, [_bucket(of), *kept.columns])
            parts.append(sql(_SO_FAR, rows=rows, distinct=distinct, label_of_one=kept.label("one"), **split))
    return parts


def _asks_of_sessions(asked: Question, series: list[Series], scope: Scope) -> bool:
    cells = _cells(asked, scope)
    conditions = [condition for one in series for condition in one.matches()]
    return bool(facts_in([*conditions, *(cells.texts if cells else []), *([scope.filters] if scope.filters else [])]))


def _by_bucket(asked: Question, series: list[Series], alike: list[Series], reading: Reading, scope: Scope) -> Sql:
    """Each bucket counted for itself."""
    cells = _cells(asked, scope)
    ranked_by = series[0] if asked.formulas else None
    if cells and can_be_folded(cells, alike, reading) and (ranked_by is None or ranked_by in alike):
        return folded(cells, alike, reading, ranked_by=ranked_by if len(alike) > 1 else None)
    kept = cells_kept(asked, series, alike, scope)
    rows = rows_of(alike, reading.scope, [_bucket(reading.scope), *kept.columns], reading.where)
    return sql(_BY_BUCKET, rows=rows, value=value_of(alike), **_split(alike, kept, reading.compared))


def _looking_back(series: list[Series], kept: Ranked, scope: Scope, span: timedelta, split: dict[str, Sql]) -> Sql:
    """Each bucket counted with so much time before its end."""
    reading = trailing.reaching_back(scope, span)
    if len(scope.buckets) == 1:
        # It sees all that is read.
        return sql(_BY_BUCKET, rows=rows_of(series, reading, [_bucket(scope), *kept.columns]), value=value_of(series), **split)
    rows = rows_of(series, reading, [trailing.slot_column(scope, span), *kept.columns], trailing.is_seen(scope, span))
    return sql(_TRAILING, rows=rows, label_of_one=kept.label("one"), **trailing.seen(scope, span), **split)


def _bucket(scope: Scope) -> Sql:
    return sql("{bucket} AS bucket", bucket=bucket_of(sql("occurred_at"), scope.buckets))


def _split(series: list[Series], kept: Ranked, compared: Sql) -> dict[str, Sql]:
    return {
        "beginning": kept.beginning,
        "series": series_column(series),
        "rank": kept.rank,
        "join": kept.join,
        "label": kept.label("event"),
        "compared": compared,
    }
