from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.sql import Sql, instants, sql, text
from services.insights.buckets import Grain, bucket_of, cut, cut_and, first_instant

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
LONGEST = {
    Grain.MINUTE: timedelta(hours=6),
    Grain.HOUR: timedelta(days=14),
    Grain.DAY: timedelta(days=366),
    Grain.WEEK: timedelta(days=1461),
    Grain.MONTH: timedelta(days=3653),
}
zones = st.sampled_from(ZONES).map(ZoneInfo)
grains = st.sampled_from(list(Grain))


@st.composite
def ranges(draw: st.DrawFn, first: datetime, last: datetime) -> tuple[ZoneInfo, Grain, datetime, datetime]:
    """A range of a zone, often around a change of its clocks."""
    zone, grain = draw(zones), draw(grains)
    start = draw(st.datetimes(first.replace(tzinfo=None), last.replace(tzinfo=None))).replace(tzinfo=UTC)
    if change := next_change(zone, start):
        start = draw(st.sampled_from([start, change - draw(st.timedeltas(timedelta(0), min(LONGEST[grain], timedelta(days=3))))]))
    end = start + draw(st.timedeltas(timedelta(milliseconds=1), LONGEST[grain]))
    return zone, grain, whole_ms(start), whole_ms(end) + timedelta(milliseconds=1)


def next_change(zone: ZoneInfo, after: datetime) -> datetime | None:
    for day in range(200):
        before, later = (after + timedelta(days=day + more) for more in (0, 1))
        if before.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            return later.replace(hour=1, minute=0, second=0, microsecond=0)
    return None


def whole_ms(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@given(ranges(datetime(1905, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)), st.booleans())
@settings(max_examples=300, deadline=None)
def test_buckets_touch_each_other_cover_the_range_and_change_label_where_they_are_cut(
    asked: tuple[ZoneInfo, Grain, datetime, datetime],
    sunday: bool,  # noqa: FBT001 - drawn
) -> None:
    zone, grain, start, end = asked

    buckets = cut(start, end, end, grain=grain, zone=zone, weeks_on_sunday=sunday)

    assert buckets[0].start <= start < buckets[0].end
    assert buckets[-1].start < end <= buckets[-1].end
    assert all(one.start < one.end == following.start for one, following in pairwise(buckets))
    assert [bucket.partial for bucket in buckets] == [bucket.start < start or bucket.end > end for bucket in buckets]
    assert len(buckets) <= 380
    assert all(
        label(one.start, zone, grain, sunday=sunday) != label(other.start, zone, grain, sunday=sunday) for one, other in pairwise(buckets)
    )
    for bucket in buckets:
        assert label(bucket.start, zone, grain, sunday=sunday) == label(bucket.end - timedelta(milliseconds=1), zone, grain, sunday=sunday)


def label(instant: datetime, zone: ZoneInfo, grain: Grain, *, sunday: bool) -> object:
    local = instant.astimezone(zone)
    match grain:
        case Grain.MINUTE:
            return local.timetuple()[:5], local.utcoffset()
        case Grain.HOUR:
            return local.timetuple()[:4], local.utcoffset()
        case Grain.DAY:
            return local.date()
        case Grain.WEEK:
            return (local.date() + timedelta(days=sunday)).isocalendar()[:2]
        case Grain.MONTH:
            return local.year, local.month


@given(ranges(datetime(1990, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)), st.lists(st.floats(0, 1), max_size=30))
@settings(max_examples=200, deadline=None)
async def test_clickhouse_finds_for_every_instant_the_bucket_that_holds_it(
    clickhouse: ClickHouse, asked: tuple[ZoneInfo, Grain, datetime, datetime], places: list[float]
) -> None:
    zone, grain, start, end = asked
    buckets = cut(start, end, end, grain=grain, zone=zone)
    edges = [edge for bucket in buckets for edge in (bucket.start, bucket.end - timedelta(milliseconds=1)) if start <= edge < end]
    moments = [*edges[:100], *(whole_ms(start + (end - start) * place * 0.999) for place in places)]

    found = await each(clickhouse, moments, sql("fromUnixTimestamp64Milli({bucket}, 'UTC')", bucket=bucket_of(sql("moment"), buckets)))

    assert found == [next(bucket.start for bucket in buckets if bucket.start <= moment < bucket.end) for moment in moments]


async def each(clickhouse: ClickHouse, moments: Sequence[datetime], of_moment: Sql) -> list[object]:
    """What ClickHouse makes of each moment, in their order."""
    query = sql("SELECT {of_moment} FROM (SELECT arrayJoin({moments}) AS moment)", of_moment=of_moment, moments=instants(moments))
    return [row[0] for row in (await clickhouse.query(query)).rows]


COMMON_ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Africa/Cairo",
    "Asia/Kathmandu",
)


@given(st.sampled_from(COMMON_ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2020, 1, 1)))  # noqa: DTZ001
@settings(max_examples=100, deadline=None)
async def test_days_weeks_and_months_are_those_of_clickhouse_where_both_know_the_zone(
    clickhouse: ClickHouse, name: str, naive: datetime
) -> None:
    start, zone = whole_ms(naive.replace(tzinfo=UTC)), ZoneInfo(name)
    moments = [start + timedelta(hours=7) * step for step in range(100)]
    theirs = {
        Grain.DAY: sql("toDate(moment, {zone})", zone=text(name)),
        Grain.WEEK: sql("toStartOfWeek(moment, 1, {zone})", zone=text(name)),
        Grain.MONTH: sql("toStartOfMonth(moment, {zone})", zone=text(name)),
    }
    for grain, of_moment in theirs.items():
        buckets = cut(start, moments[-1] + timedelta(hours=1), start, grain=grain, zone=zone)

        found = await each(clickhouse, moments, of_moment)

        ours = [next(bucket for bucket in buckets if bucket.start <= moment < bucket.end) for moment in moments]
        assert [bucket.start.astimezone(zone).date() for bucket in ours] == found


def instant(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def starts(zone: str, grain: Grain, start: str, end: str) -> list[str]:
    """Where the buckets start, on the zone's clock."""
    buckets = cut(instant(start), instant(end), instant(end), grain=grain, zone=ZoneInfo(zone))
    return [bucket.start.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for bucket in buckets]


def test_hour_that_the_clocks_repeat_is_two_buckets() -> None:
    found = starts("Europe/Berlin", Grain.HOUR, "2026-10-25T01:00+02:00", "2026-10-25T04:00+01:00")

    assert found == ["2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"]


def test_hour_that_the_clocks_skip_is_no_bucket() -> None:
    found = starts("Europe/Berlin", Grain.HOUR, "2026-03-29T01:00+01:00", "2026-03-29T05:00+02:00")

    assert found == ["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"]


def test_half_an_hour_that_the_clocks_repeat_is_a_bucket_of_its_own() -> None:
    found = starts("Australia/Lord_Howe", Grain.HOUR, "2026-04-05T01:00+11:00", "2026-04-05T03:00+10:30")

    assert found == ["2026-04-05T01:00+11:00", "2026-04-05T01:30+10:30", "2026-04-05T02:00+10:30"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_day_of_23_or_25_hours_is_one_bucket_of_days_and_so_many_of_hours(day: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = first_instant(date.fromisoformat(day), berlin)
    end = first_instant(date.fromisoformat(day) + timedelta(days=1), berlin)

    counts = [len(cut(start, end, end, grain=grain, zone=berlin)) for grain in (Grain.DAY, Grain.HOUR)]

    assert counts == [1, hours]


def test_day_without_midnight_begins_where_the_clocks_jump_to() -> None:
    found = starts("America/Sao_Paulo", Grain.DAY, "2018-11-03T00:00-03:00", "2018-11-06T00:00-02:00")

    assert found == ["2018-11-03T00:00-03:00", "2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]


def test_day_that_a_zone_skipped_has_no_bucket() -> None:
    found = starts("Pacific/Apia", Grain.DAY, "2011-12-29T00:00-10:00", "2012-01-01T00:00+14:00")

    assert found == ["2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00"]


def test_weeks_start_on_monday_unless_asked_otherwise() -> None:
    start, end = instant("2026-03-04T00:00Z"), instant("2026-03-10T00:00Z")

    monday, sunday = (
        cut(start, end, end, grain=Grain.WEEK, zone=ZoneInfo("UTC"), weeks_on_sunday=on_sunday) for on_sunday in (False, True)
    )

    assert [bucket.start.date() for bucket in monday] == [date(2026, 3, 2), date(2026, 3, 9)]
    assert [bucket.start.date() for bucket in sunday] == [date(2026, 3, 1), date(2026, 3, 8)]


@given(ranges(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_as_many_buckets_follow_as_are_asked_for(asked: tuple[ZoneInfo, Grain, datetime, datetime], more: int) -> None:
    zone, grain, start, end = asked
    end = min(end, start + 10 * LONGEST[Grain.HOUR])
    of_range = cut(start, end, end, grain=grain, zone=zone)

    found = cut_and(more, of_range, end, grain=grain, zone=zone)

    assert found[: len(of_range)] == of_range
    assert len(found) == len(of_range) + more
    all_of_it = cut(start, found[-1].end, end, grain=grain, zone=zone)
    assert [(one.start, one.end) for one in found] == [(one.start, one.end) for one in all_of_it]


def test_bucket_is_partial_when_the_range_cuts_it_or_it_still_runs() -> None:
    start, end, now = instant("2026-03-01T06:00Z"), instant("2026-03-05T18:00Z"), instant("2026-03-04T12:00Z")

    buckets = cut(start, end, now, grain=Grain.DAY, zone=ZoneInfo("UTC"))

    assert [(bucket.start.day, bucket.partial) for bucket in buckets] == [(1, True), (2, False), (3, False), (4, True), (5, True)]
