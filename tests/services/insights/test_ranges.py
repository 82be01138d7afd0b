from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import InvalidArgument, PugError, RangeEmpty, RangeMissing, RangeReversed, RangeTooLong, UnknownTimeZone
from pug.insights.v1.insights_pb2 import QueryRequest, TimeRange
from services.insights.buckets import Grain
from services.insights.ranges import Range, grain_of, range_and_grain_of, range_of, weeks_on_sunday, zone_of

NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)


def resolved(written: Mapping[str, object], zone: str = "UTC") -> Range:
    request = ParseDict(dict(written), QueryRequest())
    return range_of(request, ZoneInfo(zone), grain_of(request), NOW)


def between(start: str, end: str, granularity: str = "DAY") -> Mapping[str, object]:
    return {"timeRange": {"from": start, "to": end}, "granularity": f"GRANULARITY_{granularity}"}


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        ("TODAY", "2026-03-10", "2026-03-11"),
        ("YESTERDAY", "2026-03-09", "2026-03-10"),
        ("LAST_7_DAYS", "2026-03-04", "2026-03-11"),
        ("LAST_30_DAYS", "2026-02-09", "2026-03-11"),
        ("LAST_90_DAYS", "2025-12-11", "2026-03-11"),
        ("THIS_MONTH", "2026-03-01", "2026-03-11"),
        ("LAST_MONTH", "2026-02-01", "2026-03-01"),
        ("LAST_12_MONTHS", "2025-04-01", "2026-03-11"),
    ],
)
def test_preset_is_cut_at_days_and_includes_all_of_today(preset: str, start: str, end: str) -> None:
    assert resolved({"preset": f"PRESET_{preset}"}) == Range(midnight(start), midnight(end))


def midnight(day: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_preset_is_cut_in_the_querys_time_zone() -> None:
    today = resolved({"preset": "PRESET_TODAY"}, "Asia/Tokyo")

    assert today == Range(midnight("2026-03-11", "Asia/Tokyo"), midnight("2026-03-12", "Asia/Tokyo"))


def test_bounds_finer_than_a_millisecond_are_rounded_up_so_that_no_event_changes_sides() -> None:
    request = QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=10, nanos=1)}, to=Timestamp(seconds=20, nanos=999_999_999)))

    found = range_of(request, ZoneInfo("UTC"), grain_of(request), NOW)

    assert found == Range(datetime(1970, 1, 1, 0, 0, 10, 1000, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("granularity", "end"),
    [
        ("MINUTE", "2026-01-01T06:00:00Z"),
        ("HOUR", "2026-01-15T00:00:00Z"),
        ("DAY", "2027-01-02T00:00:00Z"),
        ("WEEK", "2030-01-01T00:00:00Z"),
        ("MONTH", "2036-01-02T00:00:00Z"),
    ],
)
def test_range_may_be_as_long_as_its_cap_and_no_longer(granularity: str, end: str) -> None:
    resolved(between("2026-01-01T00:00:00Z", end, granularity))

    with pytest.raises(RangeTooLong):
        resolved(between("2025-12-31T23:59:59.999Z", end, granularity))


def test_fourteen_local_days_are_not_too_long_for_hours_though_one_has_25() -> None:
    found = resolved(between("2026-10-20T00:00:00+02:00", "2026-11-03T00:00:00+01:00", "HOUR"), "Europe/Berlin")

    assert (found.end - found.start).total_seconds() == (14 * 24 + 1) * 3600


@pytest.mark.parametrize(
    ("granularity", "start", "cap", "hint"),
    [
        ("MINUTE", "2026-01-01", "6 hours", "GRANULARITY_HOUR"),
        ("MINUTE", "2025-06-01", "6 hours", "GRANULARITY_DAY"),
        ("HOUR", "2025-06-01", "14 days", "GRANULARITY_DAY"),
        ("DAY", "2024-06-01", "366 days", "GRANULARITY_WEEK"),
        ("WEEK", "2018-06-01", "4 years", "GRANULARITY_MONTH"),
        ("MONTH", "2008-06-01", "10 years", "at most 10 years"),
    ],
)
def test_range_too_long_names_the_cap_and_the_finest_granularity_that_fits(granularity: str, start: str, cap: str, hint: str) -> None:
    with pytest.raises(RangeTooLong) as raised:
        resolved(between(f"{start}T00:00:00Z", "2026-01-08T00:00:00Z", granularity))

    assert raised.value.field == "timeRange"
    assert cap in raised.value.message
    assert hint in raised.value.hint


YEARS = between("2020-01-01T00:00:00Z", "2026-01-08T00:00:00Z", "UNSPECIFIED")


@pytest.mark.parametrize("insight", [{"topK": {}}, {"segmentation": {}}, {"flow": {}}, {"funnel": {}}])
def test_years_may_be_asked_about_without_a_granularity_where_the_answer_has_no_buckets(insight: dict[str, object]) -> None:
    request = ParseDict({**YEARS, "insight": insight}, QueryRequest())

    assert range_and_grain_of(request, ZoneInfo("UTC"), NOW)[1] is Grain.MONTH


@pytest.mark.parametrize("insight", [{"trends": {}}, {"funnel": {"trend": True}}, {"sessions": {}}, {"stickiness": {}}, {"lifecycle": {}}])
def test_years_by_days_are_refused_where_the_answer_has_buckets(insight: dict[str, object]) -> None:
    request = ParseDict({**YEARS, "insight": insight}, QueryRequest())

    with pytest.raises(RangeTooLong):
        range_and_grain_of(request, ZoneInfo("UTC"), NOW)


REFUSED: Mapping[str, tuple[QueryRequest, type[PugError], str]] = {
    "no range": (QueryRequest(), RangeMissing, "timeRange"),
    "no start": (QueryRequest(time_range=TimeRange(to=Timestamp(seconds=5))), RangeMissing, "timeRange.from"),
    "no end": (QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=5)})), RangeMissing, "timeRange.to"),
    "empty": (QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=5)}, to=Timestamp(seconds=5))), RangeEmpty, "timeRange"),
    "reversed": (QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=6)}, to=Timestamp(seconds=5))), RangeReversed, "timeRange"),
    "before 1900": (
        QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=-62_135_596_800)}, to=Timestamp())),
        InvalidArgument,
        "timeRange.from",
    ),
    "after 2299": (
        QueryRequest(time_range=TimeRange(**{"from": Timestamp()}, to=Timestamp(seconds=253_402_300_799))),
        InvalidArgument,
        "timeRange.to",
    ),
    "no year at all": (
        QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=-(2**63))}, to=Timestamp(seconds=2**63 - 1))),
        InvalidArgument,
        "timeRange.from",
    ),
    "less than no part of a second": (
        QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=5, nanos=-1)}, to=Timestamp(seconds=9))),
        InvalidArgument,
        "timeRange.from",
    ),
    "more than a second of nanoseconds": (
        QueryRequest(time_range=TimeRange(**{"from": Timestamp(seconds=5)}, to=Timestamp(seconds=9, nanos=10**9))),
        InvalidArgument,
        "timeRange.to",
    ),
    "unset preset": (ParseDict({"preset": "PRESET_UNSPECIFIED"}, QueryRequest()), RangeMissing, "preset"),
    "unknown preset": (ParseDict({"preset": 77}, QueryRequest()), InvalidArgument, "preset"),
    "unknown granularity": (ParseDict({"preset": 1, "granularity": 77}, QueryRequest()), InvalidArgument, "granularity"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_range_that_makes_no_sense_is_refused_at_its_field(case: str) -> None:
    request, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        range_of(request, ZoneInfo("UTC"), grain_of(request), NOW)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


@pytest.mark.parametrize(
    "name", ["Berlin", "europe/berlin", "../../etc/passwd", "/etc/localtime", "Europe", "localtime", "\0", "UTC\n", "UTC+1"]
)
def test_time_zone_outside_of_the_iana_database_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimeZone) as raised:
        zone_of(QueryRequest(time_zone=name), "UTC")

    assert raised.value.field == "timeZone"


def test_time_zone_is_the_projects_unless_the_query_names_one() -> None:
    assert zone_of(QueryRequest(), "Europe/Berlin").key == "Europe/Berlin"
    assert zone_of(QueryRequest(time_zone="Asia/Tokyo"), "Europe/Berlin").key == "Asia/Tokyo"


def test_unknown_first_day_of_the_week_is_refused() -> None:
    with pytest.raises(InvalidArgument) as raised:
        weeks_on_sunday(ParseDict({"weekStart": 9}, QueryRequest()))

    assert raised.value.field == "weekStart"
