import pytest

from pug.insights.v1.insights_pb2 import QueryRequest
from services.rpc.misfits import Misfit, first_misfit

SERIES = "insight.trends.series"
FITS: list[object] = [
    {},
    {"timeZone": "UTC", "granularity": "GRANULARITY_DAY"},
    {"time_zone": "UTC", "granularity": 3},
    {"timeRange": {"from": "2026-03-01T00:00:00Z"}},
    {"insight": {"trends": {"breakdownLimit": "1e1"}}},
    {"insight": {"trends": {"breakdownLimit": 10.0}}},
    {"insight": None},
    {"insight": {"filters": {"filters": [{"values": ["a", 1, None, {"b": []}]}]}}},
]


@pytest.mark.parametrize("value", FITS, ids=range(len(FITS)))
def test_what_the_contract_takes_has_no_misfit(value: object) -> None:
    assert first_misfit(value, QueryRequest) is None


MISFITS: list[tuple[object, str, str]] = [
    (5, "", "must be an object"),
    ({"insight": "abc"}, "insight", "must be an object"),
    ({"insight": [{"trends": {}}]}, "insight", "must be an object"),
    ({"insight": {"trends": {"series": {}}}}, SERIES, "must be a list"),
    ({"insight": {"trends": {"series": [{}, {"event": 5}]}}}, f"{SERIES}[1].event", "must be an object"),
    ({"insight": {"trends": {"breakdownLimit": 2**31}}}, "insight.trends.breakdownLimit", "whole number"),
    ({"insight": {"trends": {"breakdownLimit": 1.5}}}, "insight.trends.breakdownLimit", "whole number"),
    ({"insight": {"trends": {"breakdownLimit": True}}}, "insight.trends.breakdownLimit", "whole number"),
    ({"timeZone": 5}, "timeZone", "must be a string"),
    ({"weekStart": "FRIDAY"}, "weekStart", "WEEK_START_MONDAY, WEEK_START_SUNDAY"),
    ({"weekStart": {}}, "weekStart", "WEEK_START_MONDAY"),
    ({"timeRange": {"from": "2025-01-01"}}, "timeRange.from", "RFC 3339, such as 2026-03-01T00:00:00Z"),
    ({"timeRange": {"from": 5}}, "timeRange.from", "such as 2026-03-01T00:00:00Z"),
]


@pytest.mark.parametrize(("value", "path", "words"), MISFITS, ids=range(len(MISFITS)))
def test_the_first_value_that_does_not_fit_is_found_with_what_it_must_be(value: object, path: str, words: str) -> None:
    misfit = first_misfit(value, QueryRequest)

    assert isinstance(misfit, Misfit)
    assert misfit.path == path
    assert words in misfit.words
