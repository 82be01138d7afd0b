"""Stories about which session an event belongs to, counted by a trend, on the real engine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.json_format import ParseDict

from core.sql import sql
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from services.insights.scope import scope_of
from services.insights.sessions import SESSION
from services.rpc.call import Project
from story import Happening, Store, event, next_project

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]


def at(clock: str, who: str = "ann", name: str = "e", session_id: str = "") -> Happening:
    return event(name, who, f"2026-03-01T{clock}Z", session_id)


async def sessions(ask: Ask, name: str = "", start: str = "2026-03-01T00:00:00Z", **query: object) -> float:
    series = {"event": {"name": name}, "metric": {"kind": "KIND_SESSIONS"}}
    response = await ask({"insight": {"trends": {"series": [series]}}, "timeRange": {"from": start, "to": "2026-03-02T00:00:00Z"}, **query})
    (value,) = response.trends.series[0].values
    return value


async def test_pause_of_30_minutes_continues_a_session_and_a_millisecond_more_ends_it(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00"), at("10:30:00"), at("11:00:00.001"))

    assert await sessions(ask) == 2


async def test_session_lasts_as_long_as_no_pause_ends_it(store: Store, ask: Ask) -> None:
    await store.tell(*(at(f"{hour:02}:{minute:02}:00") for hour in range(24) for minute in (0, 30)))

    assert await sessions(ask) == 1


async def test_events_of_another_name_keep_a_session_going(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00", name="buy"), at("10:20:00"), at("10:40:00", name="buy"))

    assert await sessions(ask, "buy") == 1


async def test_filters_of_the_query_do_not_take_a_session_apart(store: Store, ask: Ask) -> None:
    await store.tell(event("e", at="2026-03-01T10:00:00Z", plan="pro"), at("10:20:00"), event("e", at="2026-03-01T10:40:00Z", plan="pro"))
    trends = {"series": [{"metric": {"kind": "KIND_SESSIONS"}}]}

    response = await ask(
        {
            "insight": {"trends": trends, "filters": {"filters": [{"property": "plan", "values": ["pro"]}]}},
            "timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
        }
    )

    assert list(response.trends.series[0].values) == [1]


async def test_late_event_joins_what_looked_like_two_sessions(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00"), at("10:40:00"))
    before = await sessions(ask)

    await store.tell(at("10:20:00"))

    assert (before, await sessions(ask)) == (2, 1)


async def test_every_id_has_sessions_of_its_own(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00", "ann"), at("10:00:00", "bob"))
    await Store(store.clickhouse, next_project()).tell(at("09:50:00", "ann"))

    assert await sessions(ask) == 2


async def test_session_the_client_named_is_one_whatever_the_pauses_and_ids(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00", "ann", session_id="s"), at("20:00:00", "bob", session_id="s"))

    assert await sessions(ask) == 1


async def test_events_with_a_session_id_do_not_bridge_a_pause_of_those_without(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00"), at("10:20:00", session_id="s"), at("10:40:00"))

    assert await sessions(ask) == 3


async def test_session_from_before_the_range_is_still_the_same_one_for_everybody_who_asks(store: Store) -> None:
    await store.tell(at("09:50:00"), at("10:10:00"), at("10:35:00"))

    seen = {await session_seen(store, start) for start in ("2026-03-01T00:00:00Z", "2026-03-01T10:00:00Z", "2026-03-01T10:30:00Z")}

    assert len(seen) == 1


async def test_range_may_touch_the_ends_of_time(store: Store) -> None:
    await store.tell(at("10:00:00"))

    seen = {
        await session_seen(store, start, end, "GRANULARITY_MONTH")
        for start, end in (("1900-01-01T00:00:00Z", "1900-01-02T00:00:00Z"), ("2299-12-30T00:00:00Z", "2299-12-31T12:00:00Z"))
    }

    assert seen == {None}


async def session_seen(store: Store, start: str, end: str = "2026-03-02T00:00:00Z", granularity: str = "GRANULARITY_DAY") -> object:
    """The session of the last event of a range."""
    request = ParseDict({"timeRange": {"from": start, "to": end}, "granularity": granularity}, QueryRequest())
    scope = scope_of(request, Project(store.project_id, "UTC"), datetime(2026, 3, 10, tzinfo=UTC))
    columns = [SESSION, sql("occurred_at")]
    found = await store.clickhouse.query(
        sql("SELECT argMax(session, occurred_at), count() FROM {events}", events=replace(scope, filters=None).events(columns, []))
    )
    session, events = found.rows[0]
    return session if events else None
