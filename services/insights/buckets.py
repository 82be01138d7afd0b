"""Cuts time into buckets, in a time zone.

The buckets are cut here and nowhere else: ClickHouse is given where each starts and only looks up which one an event falls in. So there are
no two time-zone databases that could disagree, and the lookup costs the same as `toStartOfDay`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.instants import EPOCH, milliseconds
from core.sql import Sql, integers, sql

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Grain(StrEnum):
    """The size of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# No bucket is longer, whatever the clocks do and though a zone may skip a day.
_LONGEST = {
    Grain.MINUTE: timedelta(minutes=1),
    Grain.HOUR: timedelta(hours=1),
    Grain.DAY: 2 * _DAY + timedelta(hours=2),
    Grain.WEEK: 9 * _DAY,
    Grain.MONTH: 33 * _DAY,
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket, half-open, in UTC. `partial` says that the range cuts it or that it is still running."""

    start: datetime
    end: datetime
    partial: bool


def cut(
    start: datetime, end: datetime, now: datetime, *, grain: Grain, zone: ZoneInfo, weeks_on_sunday: bool = False
) -> tuple[Bucket, ...]:
    """The buckets that touch `[start, end)`, oldest first; the first starts where its bucket does, even before the range."""
    if grain in (Grain.MINUTE, Grain.HOUR):
        cuts = _clock_cuts(start, end, timedelta(minutes=1) if grain is Grain.MINUTE else timedelta(hours=1), zone)
    else:
        cuts = _calendar_cuts(start, end, grain, zone, weeks_on_sunday=weeks_on_sunday)
    return tuple(Bucket(first, last, partial=first < start or last > end or now < last) for first, last in pairwise(cuts) if last > start)


def cut_and(
    more: int, buckets: tuple[Bucket, ...], now: datetime, *, grain: Grain, zone: ZoneInfo, weeks_on_sunday: bool = False
) -> tuple[Bucket, ...]:
    """The buckets, and as many as `more` that follow them."""
    last = buckets[-1].end
    following = cut(last, last + more * _LONGEST[grain], now, grain=grain, zone=zone, weeks_on_sunday=weeks_on_sunday) if more else ()
    return (*buckets, *following[:more])


def bucket_of(column: Sql, buckets: tuple[Bucket, ...]) -> Sql:
    """The start, in milliseconds, of the bucket that a time falls in."""
    starts = [milliseconds(bucket.start) for bucket in buckets]
    # roundDown is a binary search in a constant array.
    return sql("roundDown(toUnixTimestamp64Milli({column}), {bucket_starts})", column=column, bucket_starts=integers(starts))


def bucket_number(moment: Sql, buckets: tuple[Bucket, ...]) -> Sql:
    """Which of the buckets, counted from 1, a time in milliseconds falls in."""
    starts = integers([milliseconds(bucket.start) for bucket in buckets])
    return sql(
        "transform(roundDown({moment}, {bucket_starts}), {bucket_starts}, arrayEnumerate({bucket_starts}), 0)",
        moment=moment,
        bucket_starts=starts,
    )


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins: at midnight, or at the first instant after it where the clocks skip midnight."""
    midnight = datetime.combine(day, time(), zone)
    began = midnight.astimezone(UTC)
    if began.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return began
    return _change_of_clocks(began - _DAY, began, zone) or began


def _calendar_cuts(start: datetime, end: datetime, grain: Grain, zone: ZoneInfo, *, weeks_on_sunday: bool) -> list[datetime]:
    day = _first_day(start.astimezone(zone).date(), grain, weeks_on_sunday=weeks_on_sunday)
    cuts = [first_instant(day, zone)]
    while cuts[-1] < end:
        day = _next_day(day, grain)
        instant = first_instant(day, zone)
        # A day that a zone skipped altogether, when it crossed the date line, begins where the next one does.
        if instant > cuts[-1]:
            cuts.append(instant)
    return cuts


def _first_day(day: date, grain: Grain, *, weeks_on_sunday: bool) -> date:
    if grain is Grain.MONTH:
        return day.replace(day=1)
    if grain is Grain.WEEK:
        return day - _DAY * ((day.weekday() + weeks_on_sunday) % 7)
    return day


def _next_day(day: date, grain: Grain) -> date:
    if grain is Grain.MONTH:
        return (day.replace(day=1) + 31 * _DAY).replace(day=1)
    return day + (7 * _DAY if grain is Grain.WEEK else _DAY)


def _clock_cuts(start: datetime, end: datetime, size: timedelta, zone: ZoneInfo) -> list[datetime]:
    """Full hours or minutes of the local clock, in real time: an hour the clocks repeat is two buckets."""
    began = start - _past_the_cut(start, size, zone)
    cuts = [_change_of_clocks(began, start, zone) or began]
    while cuts[-1] < end:
        following = cuts[-1] - _past_the_cut(cuts[-1], size, zone) + size
        cuts.append(_change_of_clocks(cuts[-1], following, zone) or following)
    return cuts


def _past_the_cut(instant: datetime, size: timedelta, zone: ZoneInfo) -> timedelta:
    return (instant.astimezone(zone).replace(tzinfo=UTC) - EPOCH) % size


def _change_of_clocks(before: datetime, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant in `(before, after]` from which the clocks read as they do at `after`; None when they read as `before` all along."""
    if _offset(before, zone) == _offset(after, zone):
        return None
    # Clocks change at full seconds.
    unchanged, changed = before.replace(microsecond=0), after.replace(microsecond=0)
    while changed - unchanged > _SECOND:
        middle = unchanged + (changed - unchanged) // _SECOND // 2 * _SECOND
        unchanged, changed = (middle, changed) if _offset(middle, zone) == _offset(before, zone) else (unchanged, middle)
    return changed


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()
