"""A person's events, oldest first, as they are stored.

They are read in stretches of time that hold about a page each: so a page reads what it shows, and not again and again all that comes later.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from core.instants import at_milliseconds
from core.sql import Sql, instant, integer, join, sql, text, unsigned, uuids
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED
from services.profiles.exporting.pages import Last, Page, Pages, instant_in
from services.profiles.exporting.whose import Whose

# Of at most 64 KiB each as they were sent, mostly of less than one.
ROWS = 4_000
_HOUR = timedelta(hours=1)

_HOURS = """
SELECT toInt64(floor(toUnixTimestamp64Milli(occurred_at) / {hour})) AS hour, toInt64(count()), max(toUnixTimestamp64Micro(stored_at))
FROM events
WHERE project_id = {project} AND {theirs}
GROUP BY hour
ORDER BY hour"""

_EVENTS = """
SELECT
    event_id AS eventId, name, distinct_id AS distinctId, session_id AS sessionId, occurred_at AS occurredAt, received_at AS receivedAt,
    stored_at AS storedAt, properties, {added} AS added
FROM events
WHERE
    project_id = {project} AND occurred_at >= {from} AND occurred_at < {to} AND {theirs}
    AND toUnixTimestamp64Micro(stored_at) <= {stored_until} AND {after}
ORDER BY occurred_at, event_id
LIMIT {rows}"""

# Columns hold texts; where a request said true or a number, it says so again.
_ADDED = """mapApply(
        (key, value) -> (
            key,
            multiIf(
                key IN ('$mobile', '$bot') AND value IN ('true', 'false'),
                CAST(toBool(value = 'true'), 'Variant(Bool, Float64, String)'),
                key IN ('$latitude', '$longitude') AND isNotNull(toFloat64OrNull(value)),
                CAST(toFloat64OrZero(value), 'Variant(Bool, Float64, String)'),
                CAST(value, 'Variant(Bool, Float64, String)')
            )
        ),
        mapFilter((key, value) -> value != '', map({pairs}))
    )"""


@dataclass(frozen=True, slots=True)
class Extent:
    """What there was of a person's events when an export began."""

    # Hours since 1970 with how many events they have.
    hours: Sequence[tuple[int, int]]
    # When the latest of them was stored, in microseconds: what is stored later is not part of the export.
    stored_until: int

    @property
    def events(self) -> int:
        """How many."""
        return sum(events for _, events in self.hours)


async def extent(pages: Pages, whose: Whose) -> Extent:
    """What there is of a person's events now."""
    query = sql(_HOURS, hour=integer(_HOUR // timedelta(milliseconds=1)), project=whose.project, theirs=whose.theirs())
    rows = cast("Sequence[tuple[int, int, int]]", await pages.rows(query))
    return Extent([(hour, events) for hour, events, _ in rows], max((stored for _, _, stored in rows), default=0))


async def pages_of(pages: Pages, whose: Whose, stored: Extent) -> Page:
    """All of them."""
    for start, end in stretches(stored.hours, ROWS):

        def plan(last: Last, start: datetime = start, end: datetime = end) -> Sql:
            return _plan(whose, stored, start, end, last)

        async with aclosing(pages.all(plan, ROWS)) as found:
            async for page in found:
                yield page


def stretches(hours: Sequence[tuple[int, int]], most: int) -> list[tuple[datetime, datetime]]:
    """Stretches of time, each from its first to before its second instant, of no more than so many events; but no shorter than an hour."""
    found: list[tuple[int, int]] = []
    held = 0
    for hour, events in hours:
        if found and held + events <= most:
            found[-1] = (found[-1][0], hour + 1)
            held += events
        else:
            found.append((hour, hour + 1))
            held = events
    return [(_at_hour(first), _at_hour(end)) for first, end in found]


def _at_hour(hour: int) -> datetime:
    return at_milliseconds(hour * (_HOUR // timedelta(milliseconds=1)))


def _plan(whose: Whose, stored: Extent, start: datetime, end: datetime, last: Last) -> Sql:
    return sql(
        _EVENTS,
        added=_added(),
        project=whose.project,
        **{"from": instant(start)},
        to=instant(end),
        theirs=whose.theirs(),
        stored_until=integer(stored.stored_until),
        after=_after(last) if last else sql("true"),
        rows=unsigned(ROWS),
    )


def _after(last: Last) -> Sql:
    assert last is not None
    at = instant(instant_in(last, "occurredAt"))
    return sql("occurred_at >= {at} AND (occurred_at > {at} OR event_id > {ids}[1])", at=at, ids=uuids([str(last["eventId"])]))


def _added() -> Sql:
    """What Pug added to an event, by the names of properties; nothing that isn't known."""
    columns = {**CLIENT_OR_DERIVED, **DERIVED}.items()
    pairs = (sql("{key}, toString({column})", key=text(key), column=column) for key, column in columns)
    return sql(_ADDED, pairs=join(", ", pairs))
