"""Stories about sessions, on the real engine. Which events belong to one is told in test_sessions_stitched.py."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import cast

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidArgument, PropertyMissing, PugError
from core.sql import sql, unsigned
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryResponse
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Happening, Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}

PAGE: JSON = {"property": "page"}


def query(metric: str = "SESSIONS", **spec: object) -> JSON:
    answer, filters = spec.pop("answer", "SEGMENTATION"), spec.pop("filters", {})
    sessions = {"metric": f"METRIC_{metric}", "as": f"AS_{answer}", **spec}
    return {"insight": {"sessions": sessions, "filters": filters}, "timeRange": THREE_DAYS}


def at(clock: str, name: str = "e", who: str = "ann", session_id: str = "", **properties: object) -> Happening:
    return event(name, who, f"2026-03-{clock}Z", session_id, **properties)


def label(cell: Cell) -> str:
    return "others" if cell.others else " ".join("(absent)" if value.absent else repr(value.value) for value in cell.values)


async def number(ask: Ask, metric: str = "SESSIONS", **spec: object) -> float:
    (row,) = (await ask(query(metric, **spec))).segmentation.rows
    return row.value


async def table(ask: Ask, metric: str = "SESSIONS", **spec: object) -> dict[str, float]:
    return {label(row.cell): row.value for row in (await ask(query(metric, **spec))).segmentation.rows}


async def test_session_counts_where_it_starts(store: Store, ask: Ask) -> None:
    await store.tell(at("01T23:50:00"), at("02T00:10:00"), at("03T12:00:00"))

    response = await ask(query(answer="TRENDS"))

    assert [list(one.values) for one in response.trends.series] == [[1, 0, 1]]
    assert [bucket.start.ToDatetime(UTC).day for bucket in response.trends.buckets] == [1, 2, 3]


async def test_session_that_started_before_the_range_does_not_count(store: Store, ask: Ask) -> None:
    await store.tell(event("e", at="2026-02-28T23:50:00Z"), at("01T00:10:00"))
    await store.tell(event("e", "bob", "2026-02-28T12:00:00Z", "s"), at("01T10:10:00", who="bob", session_id="s"))

    assert await number(ask) == 0


async def test_session_that_starts_in_the_range_lasts_past_its_end(store: Store, ask: Ask) -> None:
    await store.tell(at("03T23:50:00"), at("04T00:10:00"), at("04T00:30:00"))

    assert await number(ask, "AVG_DURATION") == 40 * 60
    assert await number(ask, "EVENTS_PER_SESSION") == 3


async def test_durations_are_in_seconds_between_first_and_last_event(store: Store, ask: Ask) -> None:
    await store.tell(
        at("01T10:00:00"), at("01T10:01:00.500"), at("01T12:00:00"), at("01T12:00:10"), at("02T12:00:00", session_id="s"), at("03T12:00:00")
    )

    assert await number(ask, "AVG_DURATION") == pytest.approx(70.5 / 4)
    assert await number(ask, "MEDIAN_DURATION") == 5


async def test_no_session_is_zero_rather_than_nothing(ask: Ask) -> None:
    for metric in ("SESSIONS", "AVG_DURATION", "MEDIAN_DURATION", "BOUNCE_RATE", "EVENTS_PER_SESSION"):
        assert await number(ask, metric) == 0
    assert (await ask(query(answer="TRENDS"))).trends.series[0].values == [0, 0, 0]
    assert not (await ask(query("ENTRY", property="page"))).segmentation.rows


async def test_bounce_has_exactly_one_matching_event(store: Store, ask: Ask) -> None:
    await store.tell(
        at("01T10:00:00", "view"),
        at("01T10:01:00", "click"),
        at("02T10:00:00", "view"),
        at("02T10:01:00", "view"),
        at("03T10:00:00", "click"),
    )

    assert await number(ask, "BOUNCE_RATE", scope={"name": "view"}) == 0.5
    assert await number(ask, "BOUNCE_RATE") == pytest.approx(1 / 3)


async def test_scope_counts_sessions_with_a_matching_event_from_their_own_start(store: Store, ask: Ask) -> None:
    await store.tell(at("01T23:50:00", "view"), at("02T00:10:00", "buy"), at("03T00:00:00", "view"))

    response = await ask(query(answer="TRENDS", scope={"name": "buy"}))

    assert response.trends.series[0].values == [1, 0, 0]
    assert await number(ask, "AVG_DURATION", scope={"name": "buy"}) == 20 * 60
    assert await number(ask, "EVENTS_PER_SESSION", scope={"name": "buy"}) == 1


async def test_filters_of_the_query_pick_matching_events(store: Store, ask: Ask) -> None:
    await store.tell(at("01T10:00:00"), at("01T10:10:00", plan="pro"), at("02T10:00:00", plan="free"))
    pro = {"filters": [{"property": "plan", "values": ["pro"]}]}

    assert await number(ask, filters=pro) == 1
    assert await number(ask, "AVG_DURATION", filters=pro) == 600


async def test_filters_of_the_scope_pick_matching_events(store: Store, ask: Ask) -> None:
    await store.tell(at("01T10:00:00"), at("01T10:10:00", plan="pro"), at("02T10:00:00", plan="free"))

    assert await number(ask, scope={"filters": [{"property": "plan", "values": ["pro"]}]}) == 1


async def test_entry_and_exit_are_the_values_at_the_ends(store: Store, ask: Ask) -> None:
    await store.tell(
        at("01T10:00:00"),
        at("01T10:01:00", page="/"),
        at("01T10:02:00", page="/buy"),
        at("01T10:03:00"),
        at("02T10:00:00", page="/"),
        at("03T10:00:00"),
    )

    assert await table(ask, "ENTRY", property="page") == {"'/'": 2, "(absent)": 1}
    assert await table(ask, "EXIT", property="page") == {"'/'": 1, "'/buy'": 1, "(absent)": 1}


async def test_events_of_one_millisecond_are_in_the_order_of_their_ids(store: Store, ask: Ask) -> None:
    first, last = "00000000-0000-7000-ffff-000000000001", "ffffffff-0000-7000-0000-000000000000"
    moment = datetime(2026, 3, 1, 10, tzinfo=UTC)
    await store.tell(
        Happening("e", "ann", moment, "s", {"page": "last"}, event_id=last),
        Happening("e", "ann", moment, "s", {"page": "first"}, event_id=first),
    )

    assert await table(ask, "ENTRY", property="page") == {"'first'": 1}
    assert await table(ask, "EXIT", property="page") == {"'last'": 1}


async def test_breakdown_takes_the_first_matching_event_that_has_a_value(store: Store, ask: Ask) -> None:
    await store.tell(
        at("01T10:00:00", "view", plan="free"), at("01T10:01:00", "buy"), at("01T10:02:00", "buy", plan="pro"), at("02T10:00:00", "buy")
    )

    assert await table(ask, breakdowns=[{"property": "plan"}], scope={"name": "buy"}) == {"'pro'": 1, "(absent)": 1}


async def test_sessions_beyond_the_limit_are_others_as_exact_as_any(store: Store, ask: Ask) -> None:
    await store.tell(
        *(at(f"01T10:00:0{n}", session_id=f"a{n}", page="a") for n in range(3)),
        at("01T10:00:00", session_id="b", page="b"),
        at("01T10:00:08", session_id="b", page="b"),
        at("01T10:00:00", session_id="c", page="c"),
        at("01T10:00:02", session_id="c", page="c"),
        at("01T10:00:00", session_id="d"),
        at("01T10:00:01", session_id="d"),
    )
    assert await table(ask, breakdowns=[PAGE], breakdownLimit=1) == {"'a'": 3, "others": 3}
    assert await table(ask, "MEDIAN_DURATION", breakdowns=[PAGE], breakdownLimit=1) == {"'b'": 8, "others": 0}
    trend = (await ask(query(answer="TRENDS", breakdowns=[PAGE], breakdownLimit=1))).trends.series
    assert [(label(one.cell), list(one.values)) for one in trend] == [("'a'", [3, 0, 0]), ("others", [3, 0, 0])]


async def test_sessions_of_visitors_without_cookies_count_always(store: Store, ask: Ask) -> None:
    await store.tell(at("01T10:00:00", who="cookieless-1"), at("01T10:00:00", who="ann"))

    assert await number(ask) == 2


@pytest.mark.parametrize(
    ("spec", "error", "field"),
    [
        ({"metric": 99}, InvalidArgument, "metric"),
        ({"as": 99}, InvalidArgument, "as"),
        ({"metric": "METRIC_ENTRY"}, PropertyMissing, "property"),
        ({"metric": "METRIC_EXIT", "property": "p", "breakdowns": [{"property": "q"}]}, InvalidArgument, "breakdowns"),
        ({"metric": "METRIC_EXIT", "property": "p", "breakdownLimit": 101}, InvalidArgument, "breakdownLimit"),
        ({"breakdowns": [{"property": ""}]}, PropertyMissing, "breakdowns[0].property"),
        ({"scope": {"filters": [{"values": ["x"]}]}}, PropertyMissing, "scope.filters[0].property"),
        ({"scope": {"name": "n" * 201}}, InvalidArgument, "scope.name"),
    ],
)
async def test_sessions_that_cannot_be_asked_for_are_refused(ask: Ask, spec: JSON, error: type[PugError], field: str) -> None:
    with pytest.raises(error) as raised:
        await ask({"insight": {"sessions": spec}, "timeRange": THREE_DAYS})

    assert raised.value.field == f"insight.sessions.{field}"
    assert raised.value.hint


async def test_persons_behind_a_number_are_those_of_its_sessions(store: Store) -> None:
    await store.tell(
        at("01T10:00:00", "view", "ann", "s1", page="a"),
        at("01T10:01:00", "view", "ann", "s2", page="a"),
        at("01T10:02:00", "view", "bob", "s2", page="b"),
        at("01T10:02:00", "click", "eve", "s2", page="b"),
        at("02T10:00:00", "view", "cid", "s3", page="b"),
        at("02T10:00:00", "view", "cookieless-1", "s4"),
    )
    spec = {"breakdowns": [PAGE], "breakdownLimit": 1, "scope": {"name": "view"}}

    assert await behind(store, spec, {"cell": {"values": [{"value": "a"}]}}) == {"ann", "bob"}
    assert await behind(store, spec, {"cell": {"values": [{"absent": True}]}}) == {"cookieless-1"}
    assert await behind(store, spec, {"cell": {"others": True}}) == {"cid", "cookieless-1"}
    assert await behind(store, spec, {"cell": {"others": True}, "bucket": "2026-03-01T00:00:00Z"}) == set()
    assert await behind(store, {}, {"bucket": "2026-03-01T00:00:00Z"}) == {"ann", "bob", "eve"}


@pytest.mark.parametrize(
    ("spec", "of", "field"),
    [
        ({}, {"cell": {"others": True}}, "sessions.cell"),
        ({"breakdowns": [PAGE]}, {}, "sessions.cell"),
        ({}, {"bucket": "2026-03-01T01:00:00Z"}, "sessions.bucket"),
        ({"as": "AS_SEGMENTATION"}, {"bucket": "2026-03-01T00:00:00Z"}, "sessions.bucket"),
    ],
)
async def test_numbers_an_answer_does_not_have_have_nobody_behind_them(store: Store, spec: JSON, of: JSON, field: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await behind(store, spec, of)

    assert raised.value.field == field


async def behind(store: Store, spec: JSON, of: JSON) -> set[str]:
    """Those behind a number, by the ids they are known by."""
    asked: JSON = {"query": {"insight": {"sessions": spec}, "timeRange": THREE_DAYS}, "sessions": of}
    request = ParseDict(dict(asked), ListPersonsRequest())
    found = await store.clickhouse.query(kinds.persons(request, scope_of(request.query, Project(store.project_id, "UTC"), NOW)))
    persons = [cast("int", row[0]) for row in found.rows]
    assert len(persons) == len(set(persons))
    return await ids_of(store, persons)


async def ids_of(store: Store, persons: list[int]) -> set[str]:
    rows = await store.clickhouse.query(
        sql("SELECT DISTINCT distinct_id, distinct_hash FROM events WHERE project_id = {id}", id=unsigned(store.project_id))
    )
    return {cast("str", distinct_id) for distinct_id, distinct_hash in rows.rows if distinct_hash in persons}


async def test_range_compared_with_has_the_cells_of_the_later_one(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", "2026-02-26T10:00:00Z", page="/old"),
        event("e", "ann", "2026-02-26T10:10:00Z", page="/old"),
        event("e", "bob", "2026-02-27T10:00:00Z", page="/a"),
        at("01T10:00:00", page="/a"),
        at("03T10:00:00", page="/a"),
        at("03T10:30:00", page="/b"),
    )
    earlier: JSON = {"compare": {}}

    lines = (await ask({**query("ENTRY", answer="TRENDS", property="page"), **earlier})).trends.series
    numbers = (await ask({**query("AVG_DURATION", breakdowns=[PAGE], breakdownLimit=1), **earlier})).segmentation.rows
    (whole,) = (await ask({**query("EVENTS_PER_SESSION"), **earlier})).segmentation.rows

    assert [(label(one.cell), list(one.values), list(one.compare_values)) for one in lines] == [
        ("'/a'", [1, 0, 1], [0, 1, 0]),
        ("others", [0, 0, 0], [1, 0, 0]),
    ]
    assert [(label(one.cell), one.value, one.compare_value) for one in numbers] == [("'/a'", 900, 0), ("others", 0, 600)]
    assert (whole.value, whole.compare_value) == (1.5, 1.5)
