"""The service behind the edge, called by clients of three kinds over real ports."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.json_format import ParseDict
from sqlalchemy import delete, update

from app.backends import Backends
from board_site import SERVICE, Site, open_site
from core.postgres import transaction
from core.settings import Settings
from pug.common.v1.error_info_pb2 import ErrorInfo
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1 import render_pb2
from pug.insights.v1.insights_pb2 import QueryRequest
from services.dashboards.tables import dashboards, shares
from team import NOW, PURCHASES, insight_tile

ROOT = Path(__file__).parents[3]
BUF = Path(sys.executable).with_name("buf")
CARTS = {"trends": {"series": [{"event": {"name": "cart"}}]}}


@pytest_asyncio.fixture
async def site(backends: Backends, engine_settings: Settings) -> AsyncGenerator[Site]:
    async with open_site(backends, engine_settings) as site:
        yield site


def slow_purchases(go_on: asyncio.Event) -> Callable[[QueryRequest], object]:
    async def hold_up(request: QueryRequest) -> None:
        if "purchase" in str(request.insight):
            await go_on.wait()

    return hold_up


async def test_a_connect_client_works_with_dashboards(site: Site) -> None:
    asked = ParseDict({"name": "Shop", "tiles": [insight_tile("slow"), insight_tile("fast", CARTS)]}, pb.CreateDashboardRequest())
    go_on = asyncio.Event()
    site.team.answering = slow_purchases(go_on)  # pyright: ignore[reportAttributeAccessIssue]

    async with asyncio.timeout(60):
        board = (await site.client.create_dashboard(asked, headers=site.headers())).dashboard
        names = {tile.id: tile.name for tile in board.tiles}
        came: list[str] = []
        async for part in site.client.render_dashboard(render_pb2.RenderDashboardRequest(id=board.id), headers=site.headers()):
            came.append(names[part.tile.id] if part.HasField("tile") else "board")
            if came[-1] == "fast":
                go_on.set()
        with pytest.raises(ConnectError) as refused:
            await site.client.set_tiles(pb.SetTilesRequest(id=board.id, version=7), headers=site.headers())

    assert came == ["board", "fast", "slow"]
    assert refused.value.code is Code.ABORTED
    info = ErrorInfo.FromString(bytes(refused.value.details[0].message_bytes))
    assert (info.reason, info.field) == ("VERSION_CONFLICT", "version")
    assert "key:dashboards changed it at 20" in refused.value.message


async def test_a_link_shows_its_dashboard_and_opens_nothing_else(site: Site) -> None:
    board = await site.team.create(tiles=[insight_tile("Sales")])
    sharing = pb.ShareDashboardRequest(id=board.id)
    ask = render_pb2.RenderSharedDashboardRequest()

    async with asyncio.timeout(60):
        token = (await site.client.share_dashboard(sharing, headers=site.headers())).token
        shown = [part async for part in site.client.render_shared_dashboard(ask, headers=site.headers(token))]
        with pytest.raises(ConnectError) as other:
            await site.client.get_dashboard(pb.GetDashboardRequest(id=board.id), headers=site.headers(token))
        with pytest.raises(ConnectError) as by_key:
            _ = [part async for part in site.client.render_shared_dashboard(ask, headers=site.headers())]
        await site.client.unshare_dashboard(pb.UnshareDashboardRequest(id=board.id), headers=site.headers())
        with pytest.raises(ConnectError) as taken_back:
            _ = [part async for part in site.client.render_shared_dashboard(ask, headers=site.headers(token))]

    assert [part.WhichOneof("part") for part in shown] == ["board", "tile"]
    assert "purchase" not in str(shown)
    assert [refused.value.code for refused in (other, by_key, taken_back)] == [
        Code.PERMISSION_DENIED, Code.PERMISSION_DENIED, Code.UNAUTHENTICATED
    ]  # fmt: skip


@pytest.mark.parametrize("ended", ["unshared", "expired", "deleted"])
async def test_a_link_that_ended_elsewhere_is_answered_as_one_nobody_knows(site: Site, ended: str) -> None:
    board = await site.team.create(tiles=[insight_tile("Sales")])
    ask = render_pb2.RenderSharedDashboardRequest()
    mine = shares.c.dashboard_id == board.id
    ends = {
        "unshared": delete(shares).where(mine),
        "expired": update(shares).where(mine).values(expires_at=NOW),
        "deleted": delete(dashboards).where(dashboards.c.id == board.id),
    }

    async with asyncio.timeout(60):
        token = await site.team.share(board)
        remembered = [part async for part in site.client.render_shared_dashboard(ask, headers=site.headers(token))]
        # As another process would.
        async with transaction(site.team.backends.postgres) as connection:
            await connection.execute(ends[ended])
        answers: list[object] = []
        for link in (token, f"sh_{'0' * 40}"):
            with pytest.raises(ConnectError) as refused:
                _ = [part async for part in site.client.render_shared_dashboard(ask, headers=site.headers(link))]
            answers.append((refused.value.code, refused.value.message, bytes(refused.value.details[0].message_bytes)))

    assert len(remembered) == 2
    assert answers[0] == answers[1]


async def test_a_grpc_client_that_goes_away_ends_what_runs_for_it(site: Site) -> None:
    board = await site.team.create(tiles=[insight_tile("slow"), insight_tile("fast", CARTS)])
    ended = asyncio.Event()

    async def hold_up(request: QueryRequest) -> None:
        if "purchase" in str(request.insight):
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    site.team.answering = hold_up
    metadata = (("authorization", f"Bearer {site.key}"),)
    async with asyncio.timeout(60), grpc.aio.insecure_channel(f"127.0.0.1:{site.ports.grpc}") as channel:
        render = channel.unary_stream(
            f"/{SERVICE.full_name}/RenderDashboard",
            request_serializer=render_pb2.RenderDashboardRequest.SerializeToString,
            response_deserializer=render_pb2.RenderDashboardResponse.FromString,
        )
        going = render(render_pb2.RenderDashboardRequest(id=board.id), metadata=metadata)
        first: list[render_pb2.RenderDashboardResponse] = []
        async for part in going:
            first.append(part)
            if part.HasField("tile"):
                break
        going.cancel()
        await ended.wait()
        site.team.answering = None
        whole = [part async for part in render(render_pb2.RenderDashboardRequest(id=board.id), metadata=metadata)]
        missing = render(render_pb2.RenderDashboardRequest(id="none"), metadata=metadata)
        code = await missing.code()

    assert [part.WhichOneof("part") for part in first] == ["board", "tile"]
    assert first[1].tile.id == board.tiles[1].id
    assert [part.WhichOneof("part") for part in whole] == ["board", "tile", "tile"]
    assert code == grpc.StatusCode.NOT_FOUND


async def test_a_connect_client_that_goes_away_ends_what_runs_for_it(site: Site) -> None:
    board = await site.team.create(tiles=[insight_tile("slow")])
    began, ended = asyncio.Event(), asyncio.Event()

    async def hold_up(_request: QueryRequest) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    site.team.answering = hold_up

    async def look() -> None:
        async for _ in site.client.render_dashboard(render_pb2.RenderDashboardRequest(id=board.id), headers=site.headers()):
            pass

    async with asyncio.timeout(60):
        looking = asyncio.create_task(look())
        await began.wait()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await ended.wait()


@pytest.mark.parametrize("protocol", ["connect", "grpcweb", "grpc"])
async def test_buf_curl_renders_over_three_protocols(site: Site, protocol: str) -> None:
    board = await site.team.create(tiles=[insight_tile("a", PURCHASES), {"name": "b", "markdown": "# Sales"}])
    base = f"http://127.0.0.1:{site.ports.grpc}" if protocol == "grpc" else site.url
    schema = [] if protocol == "grpc" else ["--schema", str(ROOT / "proto")]
    plain = ["--http2-prior-knowledge"] if protocol == "grpc" else []
    asked = ["-H", f"Authorization: Bearer {site.key}", "-d", json.dumps({"id": board.id})]
    command = [
        str(BUF), "curl", *schema, "--protocol", protocol, *plain, *asked,
        f"{base}/pug.dashboards.v1.DashboardsService/RenderDashboard",
    ]  # fmt: skip

    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 120)

    assert process.returncode == 0, err
    parts = values_in(out.decode())
    assert [next(iter(part)) for part in parts] == ["board", "tile", "tile"]
    assert {part["tile"]["id"] for part in parts[1:]} == {tile.id for tile in board.tiles}


def values_in(text: str) -> list[dict[str, dict[str, object]]]:
    """The JSON values that follow each other in a text."""
    decoder, place, found = json.JSONDecoder(), 0, list[dict[str, dict[str, object]]]()
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found
