"""A dashboard's window as instants, and its filters joined to others."""

from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given
from hypothesis import strategies as st

from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.insights.v1.filter_pb2 import Filter, FilterGroup
from pug.insights.v1.insights_pb2 import Granularity
from services.dashboards.filters import joined
from services.dashboards.windows import frame_of
from services.rpc.call import Project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "asked", "taken"),
    [
        (0.25, "MINUTE", "MINUTE"),
        (0.26, "MINUTE", "HOUR"),
        (14, "MINUTE", "HOUR"),
        (15, "MINUTE", "DAY"),
        (366, "HOUR", "DAY"),
        (367, "DAY", "WEEK"),
        (1461, "DAY", "WEEK"),
        (1462, "DAY", "MONTH"),
        (3653, "MINUTE", "MONTH"),
        (1, "MONTH", "MONTH"),
        (30, "UNSPECIFIED", "DAY"),
    ],
)
def test_the_finest_granularity_that_fits_is_taken(days: float, asked: str, taken: str) -> None:
    until = datetime(2026, 3, 1, tzinfo=UTC)
    since = datetime.fromtimestamp(until.timestamp() - days * 86_400, UTC)
    window = {"timeRange": {"from": since.isoformat(), "to": until.isoformat()}, "granularity": f"GRANULARITY_{asked}"}

    frame = frame_of(ParseDict({"window": window}, Dashboard()), Project(1, "UTC"), NOW)

    assert Granularity.Name(frame.granularity) == f"GRANULARITY_{taken}"


def test_days_are_those_of_the_project() -> None:
    board = ParseDict({"window": {"preset": "PRESET_TODAY"}}, Dashboard())

    frame = frame_of(board, Project(1, "Asia/Tokyo"), NOW)

    assert MessageToDict(frame.time_range) == {"from": "2026-03-09T15:00:00Z", "to": "2026-03-10T15:00:00Z"}
    assert frame.time_zone == "Asia/Tokyo"


def holds(group: FilterGroup, of: frozenset[str]) -> bool:
    """Naively, with a filter that holds for the properties there are."""
    parts = [*(each.property in of for each in group.filters), *(holds(inner, of) for inner in group.groups)]
    return any(parts) if group.match == FilterGroup.MATCH_ANY and parts else all(parts)


def depth(group: FilterGroup) -> int:
    return max((1 + depth(inner) for inner in group.groups), default=0)


def flat(match: FilterGroup.Match, properties: list[str]) -> FilterGroup:
    return FilterGroup(match=match, filters=[Filter(property=each) for each in properties])


def nested(match: FilterGroup.Match, inside: list[FilterGroup]) -> FilterGroup:
    return FilterGroup(match=match, groups=inside)


PROPERTIES = "abc"
matches = st.sampled_from(FilterGroup.Match.values())
groups = st.recursive(
    st.builds(flat, matches, st.lists(st.sampled_from(PROPERTIES), max_size=2)),
    lambda inner: st.builds(nested, matches, st.lists(inner, max_size=2)),
    max_leaves=4,
)
subsets = [frozenset(each for place, each in enumerate(PROPERTIES) if number >> place & 1) for number in range(2 ** len(PROPERTIES))]


@given(st.lists(groups, max_size=3))
def test_joined_filters_pass_what_all_of_them_pass(parts: list[FilterGroup]) -> None:
    whole = joined(parts)

    assert [holds(whole, subset) for subset in subsets] == [all(holds(part, subset) for part in parts) for subset in subsets]
    # One level more at most, and only where one that any part passes has to keep together.
    assert depth(whole) <= max((depth(part) + (part.match == FilterGroup.MATCH_ANY) for part in parts), default=0)
