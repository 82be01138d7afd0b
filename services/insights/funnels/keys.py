"""An event as one number, its key: sorted, keys are the events of a unit in order.

A number is grouped and sorted in a fraction of the time a tuple takes. It begins with the time and ends with what the event matches, a bit
for each step and exclusion. In between comes the id, but only where it can make a difference which of the events of one millisecond comes
first: 8 bytes are sorted and kept in half of the time that 32 take.
"""

from dataclasses import dataclass

from core.sql import Sql, integer, sql
from services.insights.funnels.course import CountBy, Course, Order

# So that every time ClickHouse knows is above 0, which stands for never: the milliseconds from 1899-12-31 to 1970.
EPOCH_MS = 2_209_075_200_000

_TIME = "(toUnixTimestamp64Milli(occurred_at) + {epoch})"
# As a number an event's id is ordered as it is written, as a UUID by its last half first.
_WIDE = (
    """bitOr(
        bitShiftLeft(toUInt256"""
    + _TIME
    + """, 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32({matches})))
    )"""
)
# Times have 44 bits until the year 2300, and steps 20.
_NARROW = "bitOr(bitShiftLeft(toUInt64" + _TIME + ", 20), toUInt64({matches}))"


@dataclass(frozen=True, slots=True)
class Keys:
    """How events become numbers."""

    with_ids: bool

    def of_event(self, matches: Sql) -> Sql:
        """The key of an event, given the bits of what it matches."""
        return sql(_WIDE if self.with_ids else _NARROW, epoch=integer(EPOCH_MS), matches=matches)

    def time(self, key: Sql) -> Sql:
        """When the event of a key happened, in milliseconds by EPOCH_MS."""
        return sql("toInt64(bitShiftRight({key}, " + ("160" if self.with_ids else "20") + "))", key=key)

    def mask(self, key: Sql) -> Sql:
        """What the event of a key matches."""
        return sql("toUInt32({key})" if self.with_ids else "toUInt32(bitAnd({key}, 1048575))", key=key)


def keys_of(course: Course, *, of_events: bool) -> Keys:
    """The keys of a funnel; `of_events` says whether attempts take anything else from their events than times.

    Without ids the events of one millisecond are in the order of the steps. That leads to the same times where each event matches one step
    and nothing but steps matters: whichever order is right, an attempt finds all of these events from the first of them on.
    """
    steps = range(1, course.last + 1)
    meeting = any(course.may_meet(one, other) for one in steps for other in range(1, one))
    return Keys(
        with_ids=of_events
        or meeting
        or course.has_optional
        or bool(course.exclusions)
        or course.order is Order.STRICT
        or course.count_by is CountBy.TOTALS
    )
