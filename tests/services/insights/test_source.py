"""Which table answers what, decided without one."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import Sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.scope import Scope, scope_of
from services.insights.source import choose_source
from services.insights.tables import ROLLUPS
from services.rpc.call import Project

JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC)
ANY: JSON = {}
VIEW: JSON = {"name": "page_view"}
PERSONS: JSON = {"kind": "KIND_PERSONS"}
FIREFOX: JSON = {"property": "$browser", "values": ["Firefox"]}

TOTALS: Mapping[str, JSON] = {
    "total": {"trends": {"series": [{"event": VIEW}]}},
    "total of any event": {"trends": {"series": [ANY]}},
    "totals of several": {"segmentation": {"series": [{"event": VIEW}, {"event": {"name": "click"}}]}},
    "total by a property": {"trends": {"series": [{"event": VIEW}], "breakdowns": [{"property": "$country"}]}},
    "total filtered by the property it is split by": {
        "trends": {"series": [{"event": {**VIEW, "filters": [FIREFOX]}}], "breakdowns": [{"property": "$browser"}]}
    },
    "event names": {"topK": {"scope": ANY}},
    "cumulative": {"trends": {"series": [{"event": VIEW}], "transform": "TRANSFORM_CUMULATIVE"}},
}
PAGES: Mapping[str, JSON] = {
    "top pages": {"topK": {"scope": VIEW, "dimension": "DIMENSION_PROPERTY", "property": "$pathname"}},
    "pages": {"segmentation": {"series": [{"event": VIEW}], "breakdowns": [{"property": "$pathname"}]}},
}
PAGES_BY_DAY: JSON = {"trends": {"series": [{"event": VIEW}], "breakdowns": [{"property": "$pathname"}]}}
DAYS: Mapping[str, JSON] = {
    "rolling actives": {"trends": {"series": [{"metric": {"kind": "KIND_ACTIVE_30D"}}]}},
    "persons of any event": {"trends": {"series": [{"metric": PERSONS}]}},
    "persons of the whole range": {"segmentation": {"series": [{"event": VIEW, "metric": PERSONS}]}},
    "persons by a trait": {
        "trends": {"series": [{"event": VIEW, "metric": PERSONS}], "breakdowns": [{"property": "tier", "source": "SOURCE_PERSON"}]}
    },
    "cumulative persons": {"trends": {"series": [{"event": VIEW, "metric": PERSONS}], "transform": "TRANSFORM_CUMULATIVE"}},
    "stickiness": {"stickiness": {"event": VIEW}},
    "lifecycle": {"lifecycle": {"event": VIEW}},
    "retention": {"retention": {"start": {"name": "signed_up"}, "return": VIEW, "entry": "ENTRY_FIRST_EVER"}},
    "event names by persons": {"topK": {"metric": PERSONS}},
}
DAILY: JSON = {"trends": {"series": [{"event": VIEW, "metric": PERSONS}, {"event": {"name": "click"}, "metric": PERSONS}]}}
ACTIVITY: Mapping[str, JSON] = {
    "persons by two properties": {
        "segmentation": {"series": [{"event": VIEW, "metric": PERSONS}], "breakdowns": [{"property": "$country"}, {"property": "$channel"}]}
    },
    "total by one property and filtered by another": {
        "trends": {"series": [{"event": {**VIEW, "filters": [FIREFOX]}}], "breakdowns": [{"property": "$os"}]}
    },
    "per person": {"trends": {"series": [{"event": VIEW, "metric": {"kind": "KIND_PER_PERSON"}}]}},
    "total of persons with a trait": {
        "trends": {"series": [{"event": {**VIEW, "filters": [{"property": "tier", "source": "SOURCE_PERSON", "values": ["gold"]}]}}]}
    },
    "persons by most events": {"topK": {"dimension": "DIMENSION_PERSON"}},
}
SESSIONS: Mapping[str, JSON] = {
    "sessions": {"sessions": {"scope": ANY}},
    "bounce rate of page views": {"sessions": {"metric": "METRIC_BOUNCE_RATE", "scope": VIEW}},
}
RAW: Mapping[str, JSON] = {
    "sessions by a property": {"sessions": {"breakdowns": [{"property": "$channel"}]}},
    "entry pages": {"sessions": {"metric": "METRIC_ENTRY", "property": "$pathname"}},
    "sessions of clicks": {"sessions": {"scope": {"name": "click"}}},
    "sessions of a browser": {"sessions": {"scope": {"filters": [FIREFOX]}}},
    "a property that is not kept": {"trends": {"series": [{"event": VIEW}], "breakdowns": [{"property": "plan"}]}},
    "persons by page": {"segmentation": {"series": [{"metric": PERSONS}], "breakdowns": [{"property": "$pathname"}]}},
    "a sum": {"trends": {"series": [{"metric": {"kind": "KIND_SUM", "property": "dollars"}}]}},
    "a number": {"trends": {"series": [{"event": {"filters": [{"property": "$os", "op": "OP_GT", "values": [3]}]}}]}},
    "whether there is a browser": {"trends": {"series": [{"event": {"filters": [{"property": "$browser", "op": "OP_IS_SET"}]}}]}},
    "sessions of a series": {"trends": {"series": [{"metric": {"kind": "KIND_SESSIONS"}}]}},
    "retention by the clock": {"retention": {"start": VIEW, "clock": "CLOCK_ROLLING"}},
    "retention of at least two": {"retention": {"start": VIEW, "minimum": 2}},
    "retention by a property": {"retention": {"start": VIEW, "breakdowns": [{"property": "$browser"}]}},
    "funnel": {"funnel": {"steps": [{"event": VIEW}, {"event": {"name": "click"}}]}},
    "flow": {"flow": {"scope": ANY}},
}
UNTIL_SEVEN: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T07:00:00Z"}
WHOLE_HOURS: JSON = {"preset": "PRESET_LAST_7_DAYS"}


@pytest.mark.parametrize("case", TOTALS)
def test_totals_come_from_the_totals(case: str) -> None:
    assert answered_from(TOTALS[case]) == "totals_hours"


@pytest.mark.parametrize("case", PAGES)
def test_pages_come_from_the_days_and_from_hours_at_the_ends_of_the_range(case: str) -> None:
    assert answered_from(PAGES[case]) == "totals_days"
    assert answered_from(PAGES[case], {"timeZone": "Europe/Berlin"}) == "totals_days, totals_hours"
    assert answered_from(PAGES[case], {"timeRange": {"from": "2026-03-01T06:00:00Z", "to": "2026-03-01T18:00:00Z"}}) == "totals_hours"


def test_pages_compared_come_from_the_hours_where_days_are_not_those_of_utc() -> None:
    assert answered_from(PAGES["pages"], {"compare": ANY}) == "totals_days"
    assert answered_from(PAGES["pages"], {"timeZone": "Europe/Berlin", "compare": ANY}) == "totals_hours"


def test_pages_by_day_come_from_the_days_where_they_are_those_of_utc() -> None:
    assert answered_from(PAGES_BY_DAY) == "totals_days"
    assert answered_from(PAGES_BY_DAY, {"compare": ANY}) == "totals_days"
    assert answered_from(PAGES_BY_DAY, {"timeZone": "Europe/Berlin"}) == "totals_hours"


@pytest.mark.parametrize("case", ACTIVITY)
def test_what_is_about_persons_or_several_properties_comes_from_the_activity(case: str) -> None:
    assert answered_from(ACTIVITY[case]) == "activity_hours"


@pytest.mark.parametrize("case", DAYS)
def test_who_did_something_comes_from_the_active_days_where_days_are_those_of_utc(case: str) -> None:
    assert answered_from(DAYS[case]) == "active_days"
    assert answered_from(DAYS[case], {"timeZone": "Europe/Berlin"}) == "activity_hours"


def test_persons_of_one_name_and_day_need_no_set() -> None:
    assert answered_from(DAILY) == "active_days FINAL"
    assert answered_from(DAILY, {"compare": ANY}) == "active_days FINAL"
    assert answered_from(DAILY, {"granularity": "GRANULARITY_WEEK"}) == "active_days"
    assert answered_from(DAILY, {"granularity": "GRANULARITY_HOUR"}) == "activity_hours"


@pytest.mark.parametrize("case", SESSIONS)
def test_whole_sessions_come_from_the_sessions(case: str) -> None:
    assert answered_from(SESSIONS[case]) == "session_hours"
    assert answered_from(SESSIONS[case], {"timeZone": "Asia/Kolkata", "timeRange": UNTIL_SEVEN}) == "session_hours"


@pytest.mark.parametrize("case", RAW)
def test_what_no_rollup_keeps_comes_from_the_events(case: str) -> None:
    assert answered_from(RAW[case]) == "events"


@pytest.mark.parametrize(
    ("asked", "table"),
    [
        ({"timeZone": "Europe/Berlin"}, "totals_hours"),
        ({"timeZone": "Asia/Kolkata"}, "events"),
        # Before 1972 the clocks there were 44 minutes and 30 seconds behind.
        ({"timeZone": "Africa/Monrovia"}, "totals_hours"),
        ({"timeZone": "Africa/Monrovia", "timeRange": {"from": "1971-01-01T00:00:00Z", "to": "1971-01-02T00:00:00Z"}}, "events"),
        ({"timeRange": UNTIL_SEVEN}, "totals_hours"),
        ({"timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T07:00:00.001Z"}}, "events"),
        ({"preset": "PRESET_TODAY", "granularity": "GRANULARITY_HOUR"}, "totals_hours"),
        ({"timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T06:00:00Z"}, "granularity": "GRANULARITY_MINUTE"}, "events"),
        ({"compare": ANY}, "totals_hours"),
        ({"compare": {"offset": "86400s"}}, "totals_hours"),
        ({"compare": {"offset": "1800s"}}, "events"),
    ],
)
def test_a_rollup_answers_where_every_cut_is_between_hours(asked: JSON, table: str) -> None:
    assert answered_from(TOTALS["total"], asked) == table


def test_the_whole_range_is_one_bucket_whatever_the_zone() -> None:
    asked = {"timeZone": "Asia/Kolkata", "timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}}

    assert answered_from(TOTALS["totals of several"], asked) == "totals_hours"
    assert answered_from(TOTALS["event names"], asked) == "totals_hours"


@pytest.mark.parametrize("filter_", [FIREFOX, {"property": "plan", "values": ["pro"]}])
def test_filters_of_the_query_are_read_from_the_same_table(filter_: JSON) -> None:
    insight = {**TOTALS["total"], "filters": {"filters": [filter_]}}

    assert answered_from(insight) == ("totals_hours" if filter_ is FIREFOX else "events")


def test_only_rollups_that_are_built_are_used() -> None:
    assert answered_from(TOTALS["total"], built=("activity_hours",)) == "activity_hours"
    assert answered_from(TOTALS["total"], built=()) == "events"


@pytest.mark.parametrize("case", ["total by a property", "persons by two properties", "lifecycle", "persons of one name and day"])
def test_the_sql_is_that_of_the_events_on_a_narrower_table(case: str) -> None:
    _, query = chosen({**TOTALS, **DAYS, **ACTIVITY, "persons of one name and day": DAILY}[case])

    assert_reads_as(f"rollups/{case.replace(' ', '_')}", query)


def answered_from(insight: JSON, asked: JSON = WHOLE_HOURS, built: tuple[str, ...] = ROLLUPS) -> str:
    scope, query = chosen(insight, asked, built)
    assert all(f"FROM {table}" in query.render()[0] for table in scope.as_of.table.label.split(", "))
    return scope.as_of.table.label


def chosen(insight: JSON, asked: JSON = WHOLE_HOURS, built: tuple[str, ...] = ROLLUPS) -> tuple[Scope, Sql]:
    asked = asked if "preset" in asked or "timeRange" in asked else {**WHOLE_HOURS, **asked}
    request = ParseDict({"insight": insight, **asked}, QueryRequest())
    return choose_source(request.insight, scope_of(request, Project(7, "UTC"), NOW, 4), built)
