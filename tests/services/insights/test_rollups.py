"""What comes late, comes again or turns out to be of one person, as a rollup answers."""

from collections.abc import Awaitable, Callable, Mapping

from google.protobuf.json_format import ParseDict

from pug.insights.v1.insights_pb2 import ExplainRequest, Meta, QueryRequest, QueryResponse
from services.insights.service import InsightsService
from services.rpc.call import Call
from story import Store, event

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
SERIES = [{"event": {"name": "page_view"}}, {"event": {"name": "page_view"}, "metric": {"kind": "KIND_PERSONS"}}]
DAYS: JSON = {
    "insight": {"trends": {"series": SERIES}},
    "timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-03T00:00:00Z"},
}
PERSONS: JSON = {**DAYS, "insight": {"trends": {"series": SERIES[1:]}}}
IN_BERLIN: JSON = {**DAYS, "timeRange": {"from": "2026-02-28T23:00:00Z", "to": "2026-03-02T23:00:00Z"}, "timeZone": "Europe/Berlin"}


async def numbers(ask: Ask, asked: JSON = DAYS) -> list[list[float]]:
    response = await ask(asked)
    assert response.meta.source == Meta.TABLE_ROLLUP
    return [list(line.values) for line in response.trends.series]


async def test_an_event_that_comes_late_counts_in_its_hour(store: Store, ask: Ask) -> None:
    await store.tell(event("page_view", "ann", "2026-03-02T10:00:00Z"))
    before = await numbers(ask)

    await store.tell(event("page_view", "ann", "2026-03-01T23:30:00Z"), event("page_view", "bob", "2026-03-01T00:00:00Z"))

    assert before == [[0, 1], [0, 1]]
    assert await numbers(ask) == [[2, 1], [2, 1]]
    assert await numbers(ask, IN_BERLIN) == [[1, 2], [1, 1]]


async def test_a_merge_and_its_end_change_what_was_counted_before(store: Store, ask: Ask) -> None:
    await store.tell(
        *(event("page_view", who, "2026-03-01T10:00:00Z") for who in ("ann", "bob", "cid")),
        event("page_view", "bob", "2026-03-02T10:00:00Z"),
    )
    before = [await numbers(ask, PERSONS), await numbers(ask, IN_BERLIN)]

    await store.know(1, ties={"bob": "ann", "ann": "ann"})
    merged = [await numbers(ask, PERSONS), await numbers(ask, IN_BERLIN)]
    await store.know(2, ties={"bob": "bob"})

    assert before == [[[3, 1]], [[3, 1], [3, 1]]]
    assert merged == [[[2, 1]], [[3, 1], [2, 1]]]
    assert [await numbers(ask, PERSONS), await numbers(ask, IN_BERLIN)] == before


async def test_cookieless_visitors_count_in_totals_and_not_among_persons(store: Store, ask: Ask) -> None:
    await store.tell(event("page_view", "ann"), event("page_view", "cookieless-x"))

    assert await numbers(ask) == [[2, 0], [1, 0]]
    assert await numbers(ask, {**PERSONS, "insight": {"trends": {"series": SERIES[1:]}, "includeCookieless": True}}) == [[2, 0]]


async def test_explain_shows_the_rollup_that_answers(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(event("page_view"))

    explained = await insights.explain(ExplainRequest(query=ParseDict(dict(PERSONS), QueryRequest())), call)

    assert explained.source == Meta.TABLE_ROLLUP
    assert "FROM active_days FINAL" in explained.console_sql


async def test_a_filter_of_several_values_compares_with_the_property(store: Store, ask: Ask) -> None:
    await store.tell(event("page_view", **{"$browser": "Firefox"}), event("page_view", **{"$browser": "Safari"}), event("page_view"))
    of_two: JSON = {"property": "$browser", "op": "OP_STARTS_WITH", "values": ["Fire", "Chrome"]}

    assert await numbers(ask, {**DAYS, "insight": {"trends": {"series": SERIES[:1]}, "filters": {"filters": [of_two]}}}) == [[1, 0]]
