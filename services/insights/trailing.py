"""Who was active in the time before the end of each bucket.

Time is cut where a bucket starts or its window does, into slots: all events of one slot are seen by the same buckets, which follow one on
another. So of each person only the slots they were active in are needed, and of these where their being seen begins and ends; a count of
every window for itself would look at each event as often as there are windows that see it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core.instants import MILLISECOND, milliseconds
from core.sql import Sql, Value, integer, integers, sql
from services.insights.buckets import Bucket
from services.insights.ranges import Range
from services.insights.scope import Scope


def windows(buckets: Sequence[Bucket], trailing: timedelta, range_: Range) -> list[Range]:
    """What each bucket sees. A bucket ends with the range if that cuts it."""
    ends = [min(bucket.end, range_.end) for bucket in buckets]
    return [Range(end - trailing, end) for end in ends]


def reaching_back(scope: Scope, trailing: timedelta) -> Scope:
    """The scope with all events that its buckets see, also those before its range."""
    return replace(scope, range=Range(windows(scope.buckets[:1], trailing, scope.range)[0].start, scope.range.end))


def slot_column(scope: Scope, trailing: timedelta) -> Sql:
    """The column `slot` of an event: the start of its slot in milliseconds."""
    return sql("roundDown(toUnixTimestamp64Milli(occurred_at), {slots}) AS slot", slots=integers(_slots(scope, trailing)))


def is_seen(scope: Scope, trailing: timedelta) -> list[Sql]:
    """What holds for events that a bucket sees: all, unless a bucket is longer than the time it looks back."""
    starts = _starts(scope)
    reach = [milliseconds(window.start) for window in windows(scope.buckets, trailing, scope.range)]
    # An event is seen by the bucket it is in, or, before all of them, by the first, unless that doesn't look back as far.
    unseen = [slot for slot in _slots(scope, trailing) if slot < reach[max(bisect_right(starts, slot) - 1, 0)]]
    return [sql("NOT has({unseen}, slot)", unseen=integers(unseen))] if unseen else []


def is_in_last_window(scope: Scope, trailing: timedelta) -> Sql:
    """Holds for the events that the last bucket sees."""
    return sql("slot >= {window_start}", window_start=integer(milliseconds(scope.range.end - trailing)))


def seen(scope: Scope, trailing: timedelta) -> dict[str, Value]:
    """Holes: `{starts}` and `{ends}` of the buckets, the time looked back, and the end of it all."""
    ends = [milliseconds(window.end) for window in windows(scope.buckets, trailing, scope.range)]
    return {
        "starts": integers(_starts(scope)),
        "ends": integers(ends),
        "trailing": integer(trailing // MILLISECOND),
        "end": integer(ends[-1]),
    }


def _slots(scope: Scope, trailing: timedelta) -> list[int]:
    first, *others = [milliseconds(window.start) for window in windows(scope.buckets, trailing, scope.range)]
    return [first, *sorted({cut for cut in (*others, *_starts(scope)) if cut > first})]


def _starts(scope: Scope) -> list[int]:
    return [milliseconds(bucket.start) for bucket in scope.buckets]
