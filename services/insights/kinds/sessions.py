"""Sessions: what whole sessions are like.

The events are read once, a day beyond the range on either side, and become one row for each session that starts in the range: its first
matching event's cell, when it starts, how long it lasts, how many matching events it has. Those are counted by cell and bucket as states,
from which a window finds the largest cells; the rest is folded from the same states, so it is as exact as any. Sessions of the range
compared with are counted beside them, and have the cells of the later ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import LiteralString

from core.errors import InvalidArgument
from core.instants import EPOCH, milliseconds, timestamp
from core.sql import Sql, all_of, instant, join, numbered, sql, text, unsigned
from core.words import counted
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.segmentation_pb2 import SegmentationResult
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.trends_pb2 import TrendsResult
from services.insights.breakdowns import Cells, cell_message, cells_of, kept_cells
from services.insights.buckets import bucket_of
from services.insights.filters import Placed, all_conditions, event_name, in_list
from services.insights.order import PLACE
from services.insights.properties import event_property
from services.insights.scope import Scope
from services.insights.sessions import ALL_EVENTS, FIRST_AT, HOUR, LAST_AT, PAGE_VIEWS, SESSION, by_hours, followed
from services.insights.tables import SESSION_HOURS, NotKept

FIELD = "insight.sessions"


@dataclass(frozen=True, slots=True)
class _Measure:
    """An aggregate in three parts, so that it can be had as it is, as a state and merged of states: its name, its level, what it is of."""

    name: LiteralString
    of: LiteralString = ""
    level: LiteralString = ""


_MEASURES: dict[int, _Measure] = {
    Sessions.METRIC_UNSPECIFIED: _Measure("count"),
    Sessions.METRIC_SESSIONS: _Measure("count"),
    Sessions.METRIC_AVG_DURATION: _Measure("avg", "lasted"),
    Sessions.METRIC_MEDIAN_DURATION: _Measure("quantileExactInclusive", "lasted", "(0.5)"),
    Sessions.METRIC_BOUNCE_RATE: _Measure("avg", "matching = 1"),
    Sessions.METRIC_EVENTS_PER_SESSION: _Measure("avg", "matching"),
    Sessions.METRIC_ENTRY: _Measure("count"),
    Sessions.METRIC_EXIT: _Measure("count"),
}

_IN_MILLISECONDS = (Sessions.METRIC_AVG_DURATION, Sessions.METRIC_MEDIAN_DURATION)
_AT_THE_ENDS = (Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT)

_SESSIONS = """(
    SELECT {columns}
    FROM {rows} AS event
    GROUP BY session
    HAVING started >= {from} AND started < {to} AND matching > 0
)"""

_KEPT_SESSIONS = """(
    SELECT {columns}
    FROM {rows} AS event
    GROUP BY session
    HAVING started >= {from} AND started < {to}{matching}
)"""

_COUNTED = """
SELECT 1 AS rank, {compared} AS compared, {bucket} AS bucket, {value} AS value
FROM {sessions}
GROUP BY bucket"""

_COUNTED_AS_STATES = """
    SELECT {cell}, {compared} AS compared, {bucket} AS bucket, {state} AS state
    FROM {sessions}
    GROUP BY {cell}, bucket"""

# Ties go by value ascending, NULL last.
_BY_CELL = """
WITH counted AS ({counted}
),
measured AS (
    SELECT
        *,
        {merged_if}(state, NOT compared) OVER (PARTITION BY {cell}) AS overall,
        min(compared) OVER (PARTITION BY {cell}) AS only_earlier
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY only_earlier, overall DESC, {cell}) AS place
    FROM measured
)
SELECT if(place > {limit} OR only_earlier, 0, place) AS rank, compared, bucket, toFloat64({merged}(state)) AS value, {label}
FROM placed
GROUP BY rank, compared, bucket
ORDER BY rank, compared, bucket"""


_PERSONS = """
SELECT DISTINCT arrayJoin(people) AS person
FROM {sessions} AS session
WHERE {in_cell}"""

_PERSONS_OF_OTHERS = """
WITH largest AS (
    SELECT {cell}
    FROM {sessions} AS session
    GROUP BY {cell}
    ORDER BY {value} DESC, {cell}
    LIMIT {limit}
)
SELECT DISTINCT arrayJoin(people) AS person
FROM {sessions} AS session
LEFT ANTI JOIN largest ON {same_cell}
WHERE {in_bucket}"""


def plan(spec: Sessions, scope: Scope) -> Sql:
    """The rows (rank of the cell, whether it is of the range compared with, start of the bucket in ms, value, then the cell)."""
    measure, cells = _measure(spec), _cells(spec, scope)
    template: LiteralString = _COUNTED_AS_STATES if cells else _COUNTED
    names = join(", ", cells.names if cells else [])
    parts = [
        sql(
            template,
            compared=sql("true" if of is scope.compared else "false"),
            bucket=sql("toInt64(0)") if _as(spec) == Sessions.AS_SEGMENTATION else bucket_of(sql("started"), of.buckets),
            sessions=_sessions(spec, of, cells, []),
            **({"cell": names, "state": _aggregate(measure, "State")} if cells else {"value": _aggregate(measure, "")}),
        )
        for of in (scope, scope.compared)
        if of
    ]
    counted = join("\nUNION ALL", parts)
    if not cells:
        return counted
    return sql(
        _BY_CELL,
        counted=counted,
        cell=names,
        merged=_aggregated(measure, "Merge"),
        merged_if=_aggregated(measure, "MergeIf"),
        limit=unsigned(cells.limit),
        label=join(", ", cells.labels("placed")),
    )


def shape(rows: Sequence[Sequence[object]], spec: Sessions, scope: Scope) -> TrendsResult | SegmentationResult:
    """The answer: every bucket of every line, or the numbers of the whole range; 0 where there are no sessions."""
    lines: dict[int, _Line] = {} if _splits(spec) else {1: _Line(Cell())}
    for row in rows:
        match row:
            case [int() as rank, bool() as compared, int() as bucket, float() as value, *cell]:
                line = lines.setdefault(rank, _Line(cell_message(rank, cell)))
                (line.compared if compared else line.values)[bucket] = value / 1000 if spec.metric in _IN_MILLISECONDS else value
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    # Rank 0 is that of the others.
    ranked = [lines[rank] for rank in sorted(lines, key=lambda rank: (rank == 0, rank))]
    if _as(spec) == Sessions.AS_SEGMENTATION:
        return SegmentationResult(rows=[_number(line, scope) for line in ranked])
    return TrendsResult(
        buckets=[TrendsResult.Bucket(start=timestamp(bucket.start), partial=bucket.partial) for bucket in scope.buckets],
        series=[
            TrendsResult.Series(
                series="A",
                cell=line.cell,
                values=_in_buckets(line.values, scope),
                compare_values=_in_buckets(line.compared, scope.compared) if scope.compared else [],
            )
            for line in ranked
        ],
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """What was found of a cell by start of the bucket in ms, in the range and in the one compared with."""

    cell: Cell
    values: dict[int, float] = field(default_factory=dict[int, float])
    compared: dict[int, float] = field(default_factory=dict[int, float])


def _number(line: _Line, scope: Scope) -> SegmentationResult.Row:
    row = SegmentationResult.Row(series="A", cell=line.cell, value=line.values.get(0, 0))
    if scope.compared:
        row.compare_value = line.compared.get(0, 0)
    return row


def _in_buckets(values: dict[int, float], scope: Scope) -> list[float]:
    return [values.get(milliseconds(bucket.start), 0) for bucket in scope.buckets]


def filters(spec: Sessions) -> list[Placed]:
    """The filters of the matching events."""
    return in_list(spec.scope.filters, f"{FIELD}.scope.filters")


def persons(spec: Sessions, of: ListPersonsRequest.OfSessions, scope: Scope) -> Sql:
    """The persons of the matching events of the sessions behind a number; visitors without cookies among them, as their sessions count."""
    measure, cells = _measure(spec), _cells(spec, scope)
    people = [sql("groupUniqArrayIf(person, matches) AS people")]
    in_bucket = _in_bucket(spec, of, scope)
    names = cells.names if cells else []
    if of.cell.others and cells:
        return sql(
            _PERSONS_OF_OTHERS,
            cell=join(", ", names),
            sessions=_sessions(spec, scope, cells, people),
            value=_aggregate(measure, ""),
            limit=unsigned(cells.limit),
            same_cell=join(" AND ", cells.same("session", "largest")),
            in_bucket=in_bucket,
        )
    if of.cell.others or len(of.cell.values) != len(names):
        raise InvalidArgument(
            f"The answer's cells have {counted(len(names), 'value')}.",
            field="sessions.cell",
            hint="Give a cell as the answer to the query has it.",
        )
    in_cell = cells.are(of.cell) if cells else []
    return sql(_PERSONS, sessions=_sessions(spec, scope, cells, people), in_cell=all_of([in_bucket, *in_cell]))


def _measure(spec: Sessions) -> _Measure:
    if spec.metric not in _MEASURES:
        raise InvalidArgument(
            f"There is no metric {spec.metric}.", field=f"{FIELD}.metric", hint="Use one such as METRIC_SESSIONS or METRIC_BOUNCE_RATE."
        )
    return _MEASURES[spec.metric]


def _as(spec: Sessions) -> int:
    answer_as = getattr(spec, "as")
    if answer_as not in Sessions.As.values():
        raise InvalidArgument(f"There is no layout {answer_as}.", field=f"{FIELD}.as", hint="Use AS_TRENDS or AS_SEGMENTATION.")
    return answer_as


def _splits(spec: Sessions) -> bool:
    return bool(spec.breakdowns) or spec.metric in _AT_THE_ENDS


def _cells(spec: Sessions, scope: Scope) -> Cells | None:
    if spec.metric not in _AT_THE_ENDS:
        return cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of)
    if spec.breakdowns:
        raise InvalidArgument(
            "Entry and exit values are the cells already.", field=f"{FIELD}.breakdowns", hint="Leave them out, or ask for METRIC_SESSIONS."
        )
    name = numbered("value", 1)
    return Cells([event_property(spec.property, 0, FIELD).text()], [name], kept_cells(spec.breakdown_limit, FIELD))


def _sessions(spec: Sessions, scope: Scope, cells: Cells | None, extra: list[Sql]) -> Sql:
    """One row for each session of the range with a matching event."""
    if scope.as_of.table is SESSION_HOURS:
        return _kept(spec, scope, cells)
    # The filters of the query pick matching events; they don't cut a session.
    unfiltered = replace(scope, filters=None)
    read = [SESSION, sql("occurred_at"), sql("{matches} AS matches", matches=_matches(spec, scope))]
    if cells:
        read += [*cells.columns, PLACE]
    if extra:
        read.append(sql("{person} AS person", person=scope.as_of.people.person()))
    columns = [
        sql("min(occurred_at) AS started"),
        sql("toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted"),
        sql("countIf(matches) AS matching"),
        *_values(spec, cells),
        *extra,
    ]
    return sql(
        _SESSIONS,
        columns=join(", ", columns),
        rows=unfiltered.events(read, [], followed(scope.range)),
        **{"from": instant(scope.range.start)},
        to=instant(scope.range.end),
    )


def _kept(spec: Sessions, scope: Scope, cells: Cells | None) -> Sql:
    """The same from the rollup, which knows of each session how many events and page views it has."""
    name = event_name(spec.scope, f"{FIELD}.scope")
    if cells or scope.filters or spec.scope.filters or name not in ("", "page_view"):
        raise NotKept
    of = _measure(spec).of
    if _is_cut_between_hours(spec, scope):
        columns, known = [sql("fromUnixTimestamp64Milli(min(hour) * 3600000, 'UTC') AS started")], [HOUR]
    else:
        columns, known = [sql("min(first_at) AS started")], [FIRST_AT]
    if of == "lasted":
        columns.append(sql("toUnixTimestamp64Milli(max(last_at)) - toUnixTimestamp64Milli(min(first_at)) AS lasted"))
        known += [LAST_AT] if FIRST_AT in known else [FIRST_AT, LAST_AT]
    # Without a name every session has an event that matches.
    if name or of.startswith("matching"):
        columns.append(sql("sum(counted) AS matching"))
        known.append(PAGE_VIEWS if name else ALL_EVENTS)
    return sql(
        _KEPT_SESSIONS,
        columns=join(", ", columns),
        rows=by_hours(scope.project.id, followed(scope.range), known),
        matching=sql(" AND matching > 0" if name else ""),
        **{"from": instant(scope.range.start)},
        to=instant(scope.range.end),
    )


def _is_cut_between_hours(spec: Sessions, scope: Scope) -> bool:
    """Whether it is enough to know in which hour a session starts, as it is of the range."""
    hour = timedelta(hours=1)
    return _as(spec) == Sessions.AS_SEGMENTATION or all((bucket.start - EPOCH) % hour == timedelta() for bucket in scope.buckets)


def _matches(spec: Sessions, scope: Scope) -> Sql:
    field = f"{FIELD}.scope"
    name = event_name(spec.scope, field)
    conditions = [
        *([sql("name = {name}", name=text(name))] if name else []),
        *all_conditions(spec.scope.filters, f"{field}.filters", scope.as_of),
        *([scope.filters] if scope.filters else []),
    ]
    return sql("ifNull({all}, false)", all=all_of(conditions)) if conditions else sql("true")


def _values(spec: Sessions, cells: Cells | None) -> list[Sql]:
    """The cell of a session; both aggregates pass over events where the value is NULL."""
    if not cells:
        return []
    last = spec.metric == Sessions.METRIC_EXIT
    value = "argMaxIf(event.{name}, place, matches) AS {name}" if last else "argMinIf(event.{name}, place, matches) AS {name}"
    return [sql(value, name=name) for name in cells.names]


def _aggregate(measure: _Measure, suffix: LiteralString) -> Sql:
    call = sql("{aggregated}(" + measure.of + ")", aggregated=_aggregated(measure, suffix))
    return call if suffix else sql("toFloat64({call})", call=call)


def _aggregated(measure: _Measure, suffix: LiteralString) -> Sql:
    """The name of an aggregate, with its level."""
    return sql(measure.name + suffix + measure.level)


def _in_bucket(spec: Sessions, of: ListPersonsRequest.OfSessions, scope: Scope) -> Sql:
    if not of.HasField("bucket"):
        return sql("true")
    for bucket in scope.buckets:
        if timestamp(bucket.start) == of.bucket and _as(spec) != Sessions.AS_SEGMENTATION:
            return sql("started >= {start} AND started < {end}", start=instant(bucket.start), end=instant(bucket.end))
    raise InvalidArgument("The answer has no such bucket.", field="sessions.bucket", hint="Give the start of one of its buckets.")
