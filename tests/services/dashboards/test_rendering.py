"""Dashboards as they are looked at: every tile as soon as it is answered."""

import asyncio
import math
from collections.abc import Mapping

import pytest
from google.protobuf.json_format import MessageToDict

from app.backends import Backends
from core.errors import InvalidArgument, QueryTooExpensive, TileNotFound
from pug.dashboards.v1 import render_pb2
from pug.insights.v1 import insights_pb2
from pug.insights.v1.insights_pb2 import QueryRequest
from story import event
from team import NOTHING, PURCHASES, Team, insight_tile, new_team

CARTS: Mapping[str, object] = {"trends": {"series": [{"event": {"name": "cart"}}]}}
MARCH = {"timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-11T00:00:00Z"}}


async def tell(team: Team) -> None:
    await team.store.tell(
        event("purchase", "ann", at="2026-03-09T10:00:00Z", plan="pro", country="DE"),
        event("purchase", "ann", at="2026-03-10T10:00:00Z", plan="pro", country="FR"),
        event("purchase", "bob", at="2026-03-10T11:00:00Z", plan="free", country="DE"),
        event("cart", "bob", at="2026-03-10T10:30:00Z", plan="free", country="DE"),
        event("purchase", "eve", at="2026-01-20T10:00:00Z", plan="pro", country="DE"),
    )


def is_about(request: QueryRequest, name: str) -> bool:
    return name in str(request.insight)


async def test_every_tile_is_answered(team: Team) -> None:
    await tell(team)
    saved = await team.save(insight=CARTS)
    board = await team.create(
        tiles=[insight_tile("own"), {"name": "saved", "savedInsightId": saved.id}, {"name": "text", "markdown": "# Sales"}]
    )

    found = await team.render(board)

    assert (found.total("own"), found.total("saved")) == (3, 1)
    assert found.tile("text") == render_pb2.RenderedTile(id=board.tiles[2].id)
    assert found.board.dashboard == board
    assert (found.board.granularity, found.board.time_zone) == (insights_pb2.GRANULARITY_DAY, "UTC")


async def test_an_answer_goes_out_before_a_slower_one(team: Team) -> None:
    go_on = asyncio.Event()

    async def hold_up(request: QueryRequest) -> None:
        if is_about(request, "purchase"):
            await go_on.wait()

    team.answering = hold_up
    board = await team.create(tiles=[insight_tile("slow"), insight_tile("fast", CARTS), {"name": "text", "markdown": "# Sales"}])
    names = {tile.id: tile.name for tile in board.tiles}
    came: list[str] = []

    async with asyncio.timeout(20):
        async for part in team.service.render_dashboard(render_pb2.RenderDashboardRequest(id=board.id), team.call):
            came.append(names[part.tile.id] if part.HasField("tile") else "board")
            if came[-1] == "fast":
                go_on.set()

    assert came == ["board", "text", "fast", "slow"]


async def test_a_tile_that_fails_harms_no_other(team: Team) -> None:
    await tell(team)

    async def fail(request: QueryRequest) -> None:
        if is_about(request, "cart"):
            raise QueryTooExpensive("It took too long.", field="insight.trends", hint="Ask for less.")
        if is_about(request, "signup"):
            raise ZeroDivisionError("a secret")

    team.answering = fail
    signups = {"trends": {"series": [{"event": {"name": "signup"}}]}}
    board = await team.create(tiles=[insight_tile("dear", CARTS), insight_tile("broken", signups), insight_tile("good")])

    found = await team.render(board)

    dear, broken = found.tile("dear").error, found.tile("broken").error
    assert (dear.code, dear.info.reason, dear.info.field, dear.info.hint) == (
        "resource_exhausted", "QUERY_TOO_EXPENSIVE", "insight.trends", "Ask for less."
    )  # fmt: skip
    assert "It took too long." in dear.message
    assert (broken.code, broken.info.reason) == ("internal", "INTERNAL")
    assert "request" in broken.message
    assert "secret" not in str(broken)
    assert found.total("good") == 3


async def test_what_tiles_ask_alike_is_asked_once(team: Team) -> None:
    await tell(team)
    saved = await team.save()
    drawn_otherwise, by_name = insight_tile("b", viewMode="VIEW_MODE_TABLE"), {"name": "c", "savedInsightId": saved.id}
    board = await team.create(tiles=[insight_tile("a"), drawn_otherwise, by_name, insight_tile("d", CARTS)])

    found = await team.render(board)

    assert len(team.asked) == 2
    assert [found.total(name) for name in "abcd"] == [3, 3, 3, 1]


async def test_so_many_are_asked_at_once_and_no_more(team: Team) -> None:
    running, most = 0, 0

    async def count(_request: QueryRequest) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    team.answering = count
    trends = [{"trends": {"series": [{"event": {"name": f"event {number}"}}]}} for number in range(20)]
    board = await team.create(tiles=[insight_tile("", each) for each in trends])

    found = await team.render(board)

    assert most == 8
    assert all(tile.HasField("answer") for tile in found.tiles)


async def test_who_goes_away_ends_what_runs_for_them(team: Team) -> None:
    began, ended = asyncio.Semaphore(0), 0

    async def hold_up(_request: QueryRequest) -> None:
        nonlocal ended
        began.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended += 1

    team.answering = hold_up
    board = await team.create(tiles=[insight_tile("a"), insight_tile("b", CARTS), {"markdown": "# Sales"}])
    stream = team.service.render_dashboard(render_pb2.RenderDashboardRequest(id=board.id), team.call)

    async with asyncio.timeout(20):
        assert [(await anext(stream)).WhichOneof("part") for _ in range(2)] == ["board", "tile"]
        waiting = asyncio.ensure_future(anext(stream))
        for _ in range(2):
            await began.acquire()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert ended == 2


async def test_the_window_is_the_same_instants_for_every_tile(backends: Backends) -> None:
    team = await new_team(backends, "America/Los_Angeles")
    board = await team.create(
        window={"preset": "PRESET_LAST_7_DAYS", "granularity": "GRANULARITY_HOUR"},
        weekStart="WEEK_START_SUNDAY",
        tiles=[insight_tile("a"), insight_tile("b", CARTS, compare={})],
    )

    found = await team.render(board)

    # The clocks there were changed on 8 March 2026.
    expected = {"from": "2026-03-04T08:00:00Z", "to": "2026-03-11T07:00:00Z"}
    assert MessageToDict(found.board.time_range) == expected
    assert found.board.time_zone == "America/Los_Angeles"
    assert [MessageToDict(request.time_range) for request in team.asked] == [expected] * 2
    assert {request.week_start for request in team.asked} == {insights_pb2.WEEK_START_SUNDAY}
    assert [request.HasField("compare") for request in sorted(team.asked, key=lambda each: "cart" in str(each))] == [False, True]


async def test_buckets_are_as_fine_as_the_range_allows(team: Team) -> None:
    board = await team.create(window={"preset": "PRESET_LAST_30_DAYS", "granularity": "GRANULARITY_MINUTE"}, tiles=[insight_tile("a")])

    own = await team.render(board)
    years = {"timeRange": {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "granularity": "GRANULARITY_HOUR"}
    long = await team.render(board, window=years)
    coarse = await team.render(board, window={"preset": "PRESET_TODAY", "granularity": "GRANULARITY_WEEK"})

    assert [found.board.granularity for found in (own, long, coarse)] == [
        insights_pb2.GRANULARITY_DAY, insights_pb2.GRANULARITY_MONTH, insights_pb2.GRANULARITY_WEEK
    ]  # fmt: skip
    assert all(found.tiles[0].HasField("answer") for found in (own, long, coarse))
    assert own.board.dashboard.window.granularity == insights_pb2.GRANULARITY_MINUTE
    with pytest.raises(InvalidArgument) as refused:
        await team.render(board, window={"timeRange": {"from": "2000-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}})
    assert refused.value.field == "window.timeRange"


async def test_filters_of_board_tile_and_request_all_have_to_pass(team: Team) -> None:
    await tell(team)
    either = {"match": "MATCH_ANY", "filters": [{"property": "country", "values": ["FR"]}, {"property": "plan", "values": ["free"]}]}
    board = await team.create(
        filters=either,
        tiles=[
            insight_tile("all"),
            insight_tile("pro", {**PURCHASES, "filters": {"filters": [{"property": "plan", "values": ["pro"]}]}}),
        ],
    )

    found = await team.render(board)
    german = await team.render(board, filters={"filters": [{"property": "country", "values": ["DE"]}]})

    assert (found.total("all"), found.total("pro")) == (2, 1)
    assert (german.total("all"), german.total("pro")) == (1, 0)
    with pytest.raises(InvalidArgument) as refused:
        await team.render(board, filters={"filters": [NOTHING]})
    assert refused.value.field == "filters.filters[0].property"
    with pytest.raises(InvalidArgument) as not_finite:
        await team.render(board, filters={"filters": [{"property": "plan", "values": [math.nan]}]})
    assert not_finite.value.field == "filters.filters[0].values[0]"


async def test_another_window_is_asked_about_on_request(team: Team) -> None:
    await tell(team)
    board = await team.create(window={"preset": "PRESET_TODAY"}, tiles=[insight_tile("a")])

    today, march, year = [
        await team.render(board, **request) for request in ({}, {"window": MARCH}, {"window": {"preset": "PRESET_LAST_12_MONTHS"}})
    ]

    assert [found.total("a") for found in (today, march, year)] == [2, 3, 4]


async def test_only_the_tiles_asked_for_are_answered(team: Team) -> None:
    board = await team.create(tiles=[insight_tile("a"), insight_tile("b", CARTS), {"markdown": "# Sales"}])

    found = await team.render(board, tileIds=[board.tiles[1].id])

    assert [tile.id for tile in found.tiles] == [board.tiles[1].id]
    assert len(team.asked) == 1
    with pytest.raises(TileNotFound) as refused:
        await team.render(board, tileIds=[board.tiles[1].id, "none"])
    assert refused.value.field == "tileIds[1]"
