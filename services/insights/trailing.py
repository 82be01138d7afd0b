"""Who was active in the time before the end of each bucket.

An event is seen from the bucket it falls in until the first bucket whose end is too far away: one stretch of buckets. So of each person only
the stretches are needed, and of these only where they begin and end; a count of every window for itself would look at each event as often as
there are windows that see it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.sql import Sql, Value, integer, integers, sql
from services.insights.buckets import Bucket
from services.insights.ranges import Range
from services.insights.scope import Scope

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Where a bucket is longer than the time looked back, it has events that no bucket sees.
SEEN = sql("seen_from < seen_until")


def windows(buckets: Sequence[Bucket], trailing: timedelta, range_: Range) -> list[Range]:
    """What each bucket sees. A bucket ends with the range if that cuts it."""
    ends = [min(bucket.end, range_.end) for bucket in buckets]
    return [Range(end - trailing, end) for end in ends]


def reaching_back(scope: Scope, trailing: timedelta) -> Scope:
    """The scope with all events that its buckets see, also those before its range."""
    return replace(scope, range=Range(windows(scope.buckets[:1], trailing, scope.range)[0].start, scope.range.end))


def stretch(scope: Scope, trailing: timedelta) -> list[Sql]:
    """Columns of an event: the start of the first bucket that sees it, and the end of the last, which is the start of the next."""
    starts = [_milliseconds(bucket.start) for bucket in scope.buckets]
    ends = [_milliseconds(window.end) for window in windows(scope.buckets, trailing, scope.range)]
    return [
        # An event before the first bucket is seen from the first on.
        sql("roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts}) AS seen_from", bucket_starts=integers(starts)),
        sql(
            "roundDown(toUnixTimestamp64Milli(occurred_at) + {trailing}, {bucket_ends}) AS seen_until",
            trailing=integer(trailing // _MILLISECOND),
            bucket_ends=integers(ends),
        ),
    ]


def is_in_last_window(scope: Scope) -> Sql:
    """Holds for the rows with those columns that the last bucket sees."""
    return sql("seen_until = {end}", end=end_of(scope))


def end_of(scope: Scope) -> Value:
    """Where the last bucket ends, as the columns say it."""
    return integer(_milliseconds(scope.range.end))


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND
