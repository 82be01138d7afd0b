"""Which time a query is about: its zone, its range and the size of its buckets, as the request says them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import InvalidArgument, RangeEmpty, RangeMissing, RangeReversed, RangeTooLong
from core.instants import EPOCH, at_milliseconds
from core.time_zones import require_time_zone
from pug.insights.v1.insights_pb2 import Granularity, Preset, QueryRequest, TimeRange, WeekStart
from pug.insights.v1.retention_pb2 import Retention
from services.insights.buckets import Grain, first_instant

_DAY = timedelta(days=1)
# What ClickHouse promises of DateTime64.
_FIRST_YEAR, _LAST_YEAR = 1900, 2299
# Before and after all events.
BEGINNING = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
END = datetime(_LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC)

_GRAINS: dict[int, Grain] = {
    Granularity.GRANULARITY_UNSPECIFIED: Grain.DAY,
    Granularity.GRANULARITY_MINUTE: Grain.MINUTE,
    Granularity.GRANULARITY_HOUR: Grain.HOUR,
    Granularity.GRANULARITY_DAY: Grain.DAY,
    Granularity.GRANULARITY_WEEK: Grain.WEEK,
    Granularity.GRANULARITY_MONTH: Grain.MONTH,
}
_PERIODS: dict[int, Grain] = {
    Retention.PERIOD_UNSPECIFIED: Grain.DAY,
    Retention.PERIOD_HOUR: Grain.HOUR,
    Retention.PERIOD_DAY: Grain.DAY,
    Retention.PERIOD_WEEK: Grain.WEEK,
    Retention.PERIOD_MONTH: Grain.MONTH,
}
# The longest range of each, finest first.
_CAPS: dict[Grain, tuple[timedelta, str]] = {
    Grain.MINUTE: (timedelta(hours=6), "6 hours"),
    Grain.HOUR: (timedelta(days=14), "14 days"),
    Grain.DAY: (timedelta(days=366), "366 days"),
    Grain.WEEK: (timedelta(days=4 * 365 + 1), "4 years"),
    Grain.MONTH: (timedelta(days=10 * 365 + 3), "10 years"),
}
_WEEK_STARTS: dict[int, bool] = {
    WeekStart.WEEK_START_UNSPECIFIED: False,
    WeekStart.WEEK_START_MONDAY: False,
    WeekStart.WEEK_START_SUNDAY: True,
}


@dataclass(frozen=True, slots=True)
class Range:
    """Half-open, in UTC."""

    start: datetime
    end: datetime

    @property
    def whole_days(self) -> "Range":
        """The days in UTC that lie within it; an empty range after its start where there is none."""
        day = timedelta(days=1)
        first = self.start + (EPOCH - self.start) % day
        return Range(first, max(first, self.end - (self.end - EPOCH) % day))


EVER = Range(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(_LAST_YEAR, 12, 31, tzinfo=UTC))


def zone_of(request: QueryRequest, default: str) -> ZoneInfo:
    """The time zone the query names, else the project's."""
    name = request.time_zone or default
    require_time_zone(name, "timeZone")
    return ZoneInfo(name)


def grain_of(request: QueryRequest) -> Grain:
    """The size of the buckets; a retention's are its periods, and a stickiness may name its own."""
    if _is_retention(request):
        return _period_of(request.insight.retention)
    own = request.insight.stickiness.interval
    named, field = (own, "insight.stickiness.interval") if own else (request.granularity, "granularity")
    if (grain := _GRAINS.get(named)) is None:
        raise InvalidArgument(
            f"There is no granularity {named}.",
            field=field,
            hint="Use GRANULARITY_MINUTE, _HOUR, _DAY, _WEEK or _MONTH.",
        )
    return grain


def _is_retention(request: QueryRequest) -> bool:
    return request.insight.WhichOneof("kind") == "retention"


def _period_of(retention: Retention) -> Grain:
    if (grain := _PERIODS.get(retention.period)) is None:
        raise InvalidArgument(
            f"There is no period {retention.period}.",
            field="insight.retention.period",
            hint="Use PERIOD_HOUR, _DAY, _WEEK or _MONTH.",
        )
    return grain


def weeks_on_sunday(request: QueryRequest) -> bool:
    """Whether weeks start on Sunday."""
    if (sunday := _WEEK_STARTS.get(request.week_start)) is None:
        raise InvalidArgument(
            f"There is no first day of the week {request.week_start}.",
            field="weekStart",
            hint="Use WEEK_START_MONDAY or WEEK_START_SUNDAY.",
        )
    return sunday


def range_of(request: QueryRequest, zone: ZoneInfo, grain: Grain, now: datetime) -> Range:
    """The range the query names, with a preset made into instants, if buckets of that size may fill it."""
    asked = instants_of(request, zone, now)
    _check_length(asked, zone, grain, "PERIOD" if _is_retention(request) else "GRANULARITY")
    return asked


def range_and_grain_of(request: QueryRequest, zone: ZoneInfo, now: datetime) -> tuple[Range, Grain]:
    """The range the query names, and the size of its buckets; where it names none and its answer has none, the finest that fit."""
    grain = grain_of(request)
    if request.granularity or _has_buckets(request):
        return range_of(request, zone, grain, now), grain
    asked = instants_of(request, zone, now)
    return asked, finest(asked, zone, grain)


def _has_buckets(request: QueryRequest) -> bool:
    match request.insight.WhichOneof("kind"):
        case "segmentation" | "top_k" | "flow":
            return False
        case "funnel":
            return request.insight.funnel.trend
        case _:
            return True


def instants_of(request: QueryRequest, zone: ZoneInfo, now: datetime) -> Range:
    """The range the query names, with a preset made into instants, however long it is."""
    match request.WhichOneof("range"):
        case "time_range":
            return _between(request.time_range)
        case "preset":
            return _preset(request.preset, now.astimezone(zone).date(), zone)
        case _:
            raise RangeMissing(
                "The query says no time range.", field="timeRange", hint="Give timeRange.from and timeRange.to, or a preset."
            )


def finest(asked: Range, zone: ZoneInfo, grain: Grain) -> Grain:
    """The size of buckets nearest to one, and no finer, by which the range may be asked about."""
    length = _length(asked, zone)
    grains = list(_CAPS)
    fits = next((other for other in grains[grains.index(grain) :] if length <= _CAPS[other][0]), Grain.MONTH)
    _check_length(asked, zone, fits, "GRANULARITY")
    return fits


def _between(asked: TimeRange) -> Range:
    for bound in ("from", "to"):
        if not asked.HasField(bound):
            raise RangeMissing(f"The time range has no `{bound}`.", field=f"timeRange.{bound}", hint="Give both ends.")
    # `from` is a keyword, so the message has no attribute of that name.
    start = instant_of(cast("Timestamp", getattr(asked, "from")), "timeRange.from")
    end = instant_of(asked.to, "timeRange.to")
    if start == end:
        raise RangeEmpty("The time range is empty.", field="timeRange", hint="`to` is the first instant after the range: make it later.")
    if start > end:
        raise RangeReversed("The time range ends before it starts.", field="timeRange", hint="`to` is the first instant after the range.")
    return Range(start, end)


def instant_of(timestamp: Timestamp, field: str) -> datetime:
    """The bound of a range, if ClickHouse can compare with it; `field` is its path in the request."""
    # Events have milliseconds. A finer bound is rounded up, which keeps `>= from` and `< to` exact.
    milliseconds = timestamp.seconds * 1000 + -(-timestamp.nanos // 1_000_000)
    try:
        instant = at_milliseconds(milliseconds)
    except OverflowError:
        instant = None
    # protobuf's binary format carries any nanoseconds, also those that are no part of a second.
    if instant is None or not 0 <= timestamp.nanos < 10**9 or not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise InvalidArgument(f"`{field}` is out of range.", field=field, hint=f"Use the years {_FIRST_YEAR} to {_LAST_YEAR}.")
    return instant


def span_of(duration: Duration, field: str) -> timedelta:
    """A length of time, if it can be one; `field` is its path in the request."""
    try:
        return duration.ToTimedelta()
    except OverflowError as error:
        raise InvalidArgument(f"`{field}` is out of range.", field=field, hint="Give seconds, such as 604800s for a week.") from error


def _preset(preset: int, today: date, zone: ZoneInfo) -> Range:
    """Whole days: a range that includes today ends with today, so that it stays the same until midnight."""
    tomorrow = today + _DAY
    this_month = today.replace(day=1)
    days: dict[int, tuple[date, date]] = {
        Preset.PRESET_TODAY: (today, tomorrow),
        Preset.PRESET_YESTERDAY: (today - _DAY, today),
        Preset.PRESET_LAST_7_DAYS: (tomorrow - 7 * _DAY, tomorrow),
        Preset.PRESET_LAST_30_DAYS: (tomorrow - 30 * _DAY, tomorrow),
        Preset.PRESET_LAST_90_DAYS: (tomorrow - 90 * _DAY, tomorrow),
        Preset.PRESET_THIS_MONTH: (this_month, tomorrow),
        Preset.PRESET_LAST_MONTH: ((this_month - _DAY).replace(day=1), this_month),
        Preset.PRESET_LAST_12_MONTHS: (_months_before(this_month, 11), tomorrow),
    }
    if preset == Preset.PRESET_UNSPECIFIED:
        raise RangeMissing("The query says no time range.", field="preset", hint="Give timeRange.from and timeRange.to, or a preset.")
    if preset not in days:
        raise InvalidArgument(f"There is no preset {preset}.", field="preset", hint="Use one such as PRESET_LAST_30_DAYS.")
    first, last = days[preset]
    return Range(first_instant(first, zone), first_instant(last, zone))


def _months_before(month: date, months: int) -> date:
    years, rest = divmod(month.month - 1 - months, 12)
    return month.replace(year=month.year + years, month=rest + 1)


def _check_length(asked: Range, zone: ZoneInfo, grain: Grain, unit: str) -> None:
    length = _length(asked, zone)
    cap, words = _CAPS[grain]
    if length <= cap:
        return
    fits = next((f"{unit}_{other.name}" for other, (longest, _) in _CAPS.items() if length <= longest), None)
    hint = f"The finest {unit.lower()} that fits is {fits}." if fits else f"Ask about at most {_CAPS[Grain.MONTH][1]}, by {unit}_MONTH."
    raise RangeTooLong(f"A range by {unit}_{grain.name} is at most {words}.", field="timeRange", hint=hint)


def _length(asked: Range, zone: ZoneInfo) -> timedelta:
    """Real time or the local clock's, whichever is shorter: 14 days are 14 days though one of them has 25 hours."""
    on_the_clock = asked.end.astimezone(zone).replace(tzinfo=None) - asked.start.astimezone(zone).replace(tzinfo=None)
    return min(on_the_clock, asked.end - asked.start)
