"""Which session an event belongs to: the one its client named, or one stitched together from the events of its distinct id.

Events without a session id belong together while no pause between them is longer than 30 minutes. That is worked out in every query, from
all such events whatever their name, so it is right at once when an event comes late or out of order. Persons don't matter to it: ids that
are tied to one person keep sessions of their own, as they keep their devices.

A session is followed for a day beyond the range of a query, in either direction; what lies further back or ahead is taken for another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.sql import Sql, instant, integer, join, sql, unsigned
from services.insights.ranges import Range

# The session of an event that is joined with `stitched`: a UInt64, of the id the client gave, or of who it is and when the session started.
SESSION_OF_EVENT = sql("if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id))")
# Ask scope.events() for this column to get the session of each event.
SESSION = sql("{session} AS session", session=SESSION_OF_EVENT)
PAUSE = timedelta(minutes=30)
_REACH = timedelta(days=1)

# The starts are found in an array for each id, in a third of the time a window function takes, which sorts all events at once. Only events
# without a session id find something to join with; where all have one the right side is empty, which costs next to nothing.
_JOIN = """
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start"""


# Sessions with ids by the hour, and the events without: where there are none, which the rollup knows, no event is read.
_BY_HOURS = """(
    SELECT session, {of_hours}
    FROM session_hours
    WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to} AND session != 0
    UNION ALL
    SELECT {session}, {of_events}
    FROM events{stitched}
    WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to} AND session_id = '' AND (
        SELECT count() > 0
        FROM session_hours
        WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to} AND session = 0
    )
)"""


# What ClickHouse promises of DateTime64.
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC)


def stitched(project_id: int, start: datetime, end: datetime) -> Sql:
    """What has to be joined with events before `end` so that SESSION can be read, of sessions as if nothing had been before `start`."""
    return sql(
        _JOIN,
        project=unsigned(project_id),
        longest=integer(PAUSE // timedelta(milliseconds=1)),
        **{"from": instant(start)},
        to=instant(end),
    )


@dataclass(frozen=True, slots=True)
class OfSession:
    """Something that is known of a session's part in an hour, and how to read it of a single event."""

    name: Sql
    of_hour: Sql
    of_event: Sql


# The number of the hour since 1970: half the size of a moment, which counts where there are millions of sessions.
HOUR = OfSession(
    sql("hour"),
    sql("toInt32(intDiv(toUnixTimestamp64Milli(occurred_at), 3600000))"),
    sql("toInt32(intDiv(toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000), 3600000))"),
)
FIRST_AT = OfSession(sql("first_at"), sql("first_at"), sql("occurred_at"))
LAST_AT = OfSession(sql("last_at"), sql("last_at"), sql("occurred_at"))
ALL_EVENTS = OfSession(sql("counted"), sql("events"), sql("toUInt64(1)"))
PAGE_VIEWS = OfSession(sql("counted"), sql("page_views"), sql("toUInt64(name = 'page_view')"))


def by_hours(project_id: int, read: Range, known: Sequence[OfSession]) -> Sql:
    """Rows of the sessions of whole hours, one or more for each: `session`, and by their names what is to be known of it."""
    return sql(
        _BY_HOURS,
        of_hours=join(", ", [sql("{of} AS {name}", of=one.of_hour, name=one.name) for one in known]),
        of_events=join(", ", [one.of_event for one in known]),
        session=SESSION,
        stitched=stitched(project_id, followed(read).start, read.end),
        project=unsigned(project_id),
        **{"from": instant(read.start)},
        to=instant(read.end),
    )


def followed(asked: Range, pause: timedelta = PAUSE) -> Range:
    """The range and how far beyond it what a longer pause would end is followed: a day, or the pause if that is longer."""
    reach = max(_REACH, pause)
    return Range(max(asked.start, _FIRST + reach) - reach, min(asked.end, _LAST - reach) + reach)
