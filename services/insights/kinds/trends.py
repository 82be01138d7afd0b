"""Trends: how metrics develop over time.

An event may belong to several series, so it becomes one row for each (`arrayJoin`), and everything after groups by series. With
breakdowns the events are read twice: once to rank the cells of each series over the whole range, once to count by bucket with every cell
beyond the limit folded into one, from the events themselves, so that its persons and averages are as exact as any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from string import ascii_uppercase

from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import InvalidArgument, MissingField, TooMany
from core.sql import Sql, all_of, instant, join, sql, text, texts, unsigned
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.trends_pb2 import Trends, TrendsResult
from services.insights.breakdowns import Cells, cell_message, cells_of
from services.insights.buckets import bucket_of
from services.insights.filters import Placed, all_conditions, event_name, in_list
from services.insights.metrics import Measure, measure_of
from services.insights.scope import Scope

FIELD = "insight.trends"

_OVER_TIME = """
SELECT {series} AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, {value} AS value
FROM {rows} AS event
GROUP BY series, bucket
ORDER BY series, bucket"""

# Ties go by value ascending, NULL last. Ranks run through all series, which is enough to order the cells of each; an event of no top cell
# joins with rank 0.
_OVER_TIME_BY_CELL = """
WITH events_of_cells AS {ranked},
largest_cells AS (
    SELECT {series} AS series, {cell}, {value} AS value
    FROM events_of_cells AS event
    GROUP BY series, {cell}
    ORDER BY value DESC, {cell}
    LIMIT {limit}{by_series}
),
top_cells AS (
    SELECT series, {cell}, row_number() OVER (ORDER BY value DESC, {cell}) AS rank
    FROM largest_cells
)
SELECT {series} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, {value} AS value, {label}
FROM {rows} AS event
LEFT ANY JOIN top_cells ON {same_cell}
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket"""


@dataclass(frozen=True, slots=True)
class _Series:
    number: int
    name: str
    filters: list[Sql]
    counted: list[Sql]
    measure: Measure

    def matches(self) -> list[Sql]:
        named = [sql("name = {name}", name=text(self.name))] if self.name else []
        return [*named, *self.filters, *self.counted]


def plan(spec: Trends, scope: Scope) -> Sql:
    """The rows (series, rank of the cell, start of the bucket, value, then the cell), where something happened."""
    series = _series_of(spec, scope)
    cells = cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of.people)
    bucket = sql("{bucket} AS bucket", bucket=bucket_of(sql("occurred_at"), scope.buckets))
    if cells:
        return _by_cell(series, cells, scope, bucket)
    return sql(_OVER_TIME, series=_series_column(series), value=_value(series), rows=_rows(series, scope, [bucket]))


def shape(rows: Sequence[Sequence[object]], spec: Trends, scope: Scope) -> TrendsResult:
    """The answer: every bucket of every line, 0 where nothing happened."""
    places = {bucket.start: place for place, bucket in enumerate(scope.buckets)}
    lines: dict[tuple[int, int], tuple[Cell, list[float]]] = {}
    if not spec.breakdowns:
        lines = {(number, 1): (Cell(), [0.0] * len(places)) for number in range(1, len(spec.series) + 1)}
    for row in rows:
        match row:
            case [int() as number, int() as rank, datetime() as start, float() as value, *cell]:
                _, values = lines.setdefault((number, rank), (cell_message(rank, cell), [0.0] * len(places)))
                values[places[start]] = value
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return TrendsResult(
        buckets=[TrendsResult.Bucket(start=_timestamp(bucket.start), partial=bucket.partial) for bucket in scope.buckets],
        series=[
            TrendsResult.Series(series=ascii_uppercase[number - 1], cell=cell, values=values)
            for (number, _), (cell, values) in sorted(lines.items(), key=lambda line: (line[0][0], line[1][0].others, line[0][1]))
        ],
    )


def persons(spec: Trends, of: ListPersonsRequest.OfTrends, scope: Scope) -> Sql:
    """Who did what a series counts, in one bucket or in all."""
    series = {ascii_uppercase[one.number - 1]: one for one in _series_of(spec, scope)}
    if (one := series.get(of.series)) is None:
        raise InvalidArgument(f"There is no series {of.series!r}.", field="trends.series", hint=f"There are {', '.join(series)}.")
    bucket = bucket_of(sql("occurred_at"), scope.buckets)
    inside = [sql("fromUnixTimestamp64Milli({bucket}, 'UTC') = {start}", bucket=bucket, start=instant(of.bucket.ToDatetime(UTC)))]
    columns = [sql("{person} AS person", person=scope.as_of.people.person())]
    return sql(
        "SELECT DISTINCT person FROM {rows}", rows=scope.events(columns, [*one.matches(), *(inside if of.HasField("bucket") else [])])
    )


def filters(spec: Trends) -> list[Placed]:
    """The filters of every series."""
    return [found for place, one in enumerate(spec.series) for found in in_list(one.event.filters, _filters_field(place))]


def _series_of(spec: Trends, scope: Scope) -> list[_Series]:
    if not spec.series:
        raise MissingField(
            "Trends need at least one series.", field=f"{FIELD}.series", hint='For example [{"event": {"name": "signed_up"}}].'
        )
    if len(spec.series) > len(ascii_uppercase):
        raise TooMany(f"Trends have at most {len(ascii_uppercase)} series.", field=f"{FIELD}.series", hint="Ask in two queries.")
    return [_one_series(one, place, scope) for place, one in enumerate(spec.series)]


def _one_series(one: Trends.Series, place: int, scope: Scope) -> _Series:
    measure = measure_of(one.metric, place + 1, f"{FIELD}.series[{place}].metric", scope.as_of.people)
    return _Series(
        number=place + 1,
        name=event_name(one.event, f"{FIELD}.series[{place}].event"),
        filters=all_conditions(one.event.filters, _filters_field(place), scope.as_of),
        counted=scope.of_persons if measure.of_persons else [],
        measure=measure,
    )


def _filters_field(place: int) -> str:
    return f"{FIELD}.series[{place}].event.filters"


def _by_cell(series: list[_Series], cells: Cells, scope: Scope, bucket: Sql) -> Sql:
    several = len(series) > 1
    same_series = [sql("event.series = top_cells.series")] if several else []
    return sql(
        _OVER_TIME_BY_CELL,
        by_series=sql(" BY series" if several else ""),
        same_cell=join(" AND ", [*same_series, *cells.same("event", "top_cells")]),
        cell=join(", ", cells.names),
        label=join(", ", cells.labels("event")),
        series=_series_column(series),
        value=_value(series),
        ranked=_rows(series, scope, cells.columns),
        limit=unsigned(cells.limit),
        rows=_rows(series, scope, [bucket, *cells.columns]),
    )


def _rows(series: list[_Series], scope: Scope, columns: list[Sql]) -> Sql:
    """One row for each event and series it belongs to."""
    columns = [*columns, *dict.fromkeys(one.measure.column for one in series if one.measure.column)]
    if len(series) == 1:
        return scope.events(columns, series[0].matches())
    memberships = [sql("ifNull({matches}, false) * {bit}", matches=all_of(one.matches()), bit=unsigned(2**one.number)) for one in series]
    each = sql("arrayJoin(bitPositionsToArray({memberships})) AS series", memberships=join(" + ", memberships))
    names = sorted({one.name for one in series})
    # All together they let ClickHouse skip the events of no series by the primary key.
    named = [sql("name IN {names}", names=texts(names))] if all(names) else []
    return scope.events([each, *columns], named)


def _series_column(series: list[_Series]) -> Sql:
    return sql("1") if len(series) == 1 else sql("event.series")


def _value(series: list[_Series]) -> Sql:
    if len(series) == 1:
        return series[0].measure.value(None)
    values = [one.measure.value(sql("event.series = {series}", series=unsigned(one.number))) for one in series]
    return sql("[{values}][event.series]", values=join(", ", values))


def _timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message
