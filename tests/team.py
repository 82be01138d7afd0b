"""A project with dashboards, and somebody who works on them, on the real engines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from sqlalchemy import select

from app.backends import Backends
from core.stream import Watermark
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1 import render_pb2, saved_insight_pb2
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from services.accounts.repository import AccountsRepository
from services.accounts.tables import audit_entries
from services.dashboards.service import DashboardsService
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.rpc.call import Account, Call, Credential, Project, Scope
from story import Store

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOTHING: Mapping[str, object] = {}
PURCHASES: Mapping[str, object] = {"trends": {"series": [{"event": {"name": "purchase"}}]}}


@dataclass
class Team:
    """A project with dashboards, and somebody who works on them."""

    service: DashboardsService
    store: Store
    call: Call
    backends: Backends
    # Whose links were to be looked up again.
    forgotten: list[str] = field(default_factory=list[str])
    on_forget: Callable[[str], None] | None = None
    # Stands between the dashboards and the insights, to hold up or to break an answer.
    answering: Callable[[QueryRequest], Awaitable[None]] | None = None
    asked: list[QueryRequest] = field(default_factory=list[QueryRequest])

    async def create(self, **board: object) -> pb.Dashboard:
        request = ParseDict({"name": "Shop", **board}, pb.CreateDashboardRequest())
        return (await self.service.create_dashboard(request, self.call)).dashboard

    async def get(self, board: pb.Dashboard) -> pb.Dashboard:
        return (await self.service.get_dashboard(pb.GetDashboardRequest(id=board.id), self.call)).dashboard

    async def update(self, board: pb.Dashboard, **change: object) -> pb.Dashboard:
        request = ParseDict({"id": board.id, **change}, pb.UpdateDashboardRequest())
        return (await self.service.update_dashboard(request, self.call)).dashboard

    async def set_tiles(self, board: pb.Dashboard, *tiles: Tile | Mapping[str, object], version: int = 0) -> pb.Dashboard:
        """Tiles as messages or as JSON."""
        request = pb.SetTilesRequest(id=board.id, version=version)
        for tile in tiles:
            if isinstance(tile, Tile):
                request.tiles.add().CopyFrom(tile)
            else:
                ParseDict(dict(tile), request.tiles.add())
        return (await self.service.set_tiles(request, self.call)).dashboard

    async def save(self, name: str = "Purchases", insight: object = PURCHASES) -> saved_insight_pb2.SavedInsight:
        request = ParseDict({"name": name, "insight": insight}, saved_insight_pb2.CreateSavedInsightRequest())
        return (await self.service.create_saved_insight(request, self.call)).saved_insight

    async def render(self, board: pb.Dashboard, **request: object) -> "Rendered":
        asked = ParseDict({"id": board.id, **request}, render_pb2.RenderDashboardRequest())
        return await collected(self.service.render_dashboard(asked, self.call))

    async def share(self, board: pb.Dashboard, **how: object) -> str:
        request = ParseDict({"id": board.id, **how}, pb.ShareDashboardRequest())
        return (await self.service.share_dashboard(request, self.call)).token

    async def render_shared(self, board: pb.Dashboard, **request: object) -> "Rendered":
        asked = ParseDict(request, render_pb2.RenderSharedDashboardRequest())
        return await collected(self.service.render_shared_dashboard(asked, shown(self.call, board)))

    async def log(self, action: str) -> list[Mapping[str, Any]]:
        """What the org's log says of an RPC."""
        query = (
            select(audit_entries)
            .where(audit_entries.c.project_id == self.call.project.id, audit_entries.c.action == action)
            .order_by(audit_entries.c.id)
        )
        async with self.backends.postgres.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]


@dataclass(frozen=True)
class Rendered:
    """A stream, whole."""

    board: render_pb2.RenderedBoard
    tiles: list[render_pb2.RenderedTile]
    messages: list[Message]

    def tile(self, name: str) -> render_pb2.RenderedTile:
        """By its name on the board."""
        wanted = next(tile.id for tile in self.board.dashboard.tiles if tile.name == name)
        return next(tile for tile in self.tiles if tile.id == wanted)

    def total(self, name: str) -> float:
        """Of the trends in a tile."""
        return sum(sum(series.values) for series in self.tile(name).answer.trends.series)


async def collected(
    stream: AsyncIterator[render_pb2.RenderDashboardResponse] | AsyncIterator[render_pb2.RenderSharedDashboardResponse],
) -> Rendered:
    messages = [message async for message in stream]
    assert messages[0].WhichOneof("part") == "board"
    assert all(message.WhichOneof("part") == "tile" for message in messages[1:])
    assert messages[0].board.tiles == len(messages) - 1
    return Rendered(messages[0].board, [message.tile for message in messages[1:]], list(messages))


def shown(call: Call, board: pb.Dashboard) -> Call:
    """The call of somebody with a link to the board."""
    return replace(call, credential=Credential(board.id, call.project, frozenset({Scope.SHARE}), dashboard_id=UUID(board.id)))


def insight_tile(name: str = "", insight: object = PURCHASES, **more: object) -> dict[str, object]:
    return {"name": name, "insight": insight, **more}


async def new_team(backends: Backends, time_zone: str = "UTC") -> Team:
    project_id = await AccountsRepository(backends.postgres).create_project("Team", "Team", time_zone)

    async def watermark() -> Watermark:
        return Watermark(NOW)

    insights = InsightsService(backends.clickhouse, watermark, lambda: NOW, QueryLimits(timedelta(seconds=30), 2 * 2**30))

    async def answer(request: QueryRequest, call: Call) -> QueryResponse:
        team.asked.append(request)
        if team.answering:
            await team.answering(request)
        return await insights.query(request, call)

    def forget(key_id: str) -> None:
        team.forgotten.append(key_id)
        if team.on_forget:
            team.on_forget(key_id)

    ann = Account(UUID(int=1), "ann@team.example", UUID(int=2))
    credential = Credential("ann", Project(project_id, time_zone), frozenset({Scope.READ, Scope.EDIT}), ann)
    team = Team(
        DashboardsService(backends.postgres, answer=answer, check=insights.check, now=lambda: NOW, forget=forget),
        Store(backends.clickhouse, project_id),
        Call(credential, "request"),
        backends,
    )
    return team


def as_account(call: Call, email: str) -> Call:
    """The same call, made by somebody else of the team."""
    assert call.credential.account
    return replace(call, credential=replace(call.credential, account=replace(call.credential.account, email=email)))
