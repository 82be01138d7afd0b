"""The RPCs that show a dashboard's answers: to members, and to whoever has its link."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

from core.errors import DashboardNotFound, InvalidArgument, ScopeMissing, WindowNotYours
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.dashboards.v1.render_pb2 import (
    RenderDashboardRequest,
    RenderDashboardResponse,
    RenderedTile,
    RenderSharedDashboardRequest,
    RenderSharedDashboardResponse,
)
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight
from services.dashboards.board_repository import BoardRepository
from services.dashboards.checking import Check, check_filters, insight_of, saved_ids
from services.dashboards.filters import joined
from services.dashboards.ids import no_dashboard, no_tile, uuid_of
from services.dashboards.metrics import RenderMetrics
from services.dashboards.public import hidden_tile, names_traits, public_board, public_outcome
from services.dashboards.rendering import ASKED_AT_ONCE, Answer, rendered_board, rendered_tiles
from services.dashboards.saved_insight_repository import SavedInsightRepository
from services.dashboards.shares import Shares
from services.dashboards.windows import Frame, frame_of
from services.insights.ranges import instant_of
from services.rpc.call import Call, Scope
from services.rpc.gate import not_shared


class Looking:
    """Dashboards as they are looked at."""

    def __init__(
        self,
        boards: BoardRepository,
        saved: SavedInsightRepository,
        shares: Shares,
        *,
        answer: Answer,
        check: Check,
        now: Callable[[], datetime],
        forget: Callable[[str], None],
        metrics: RenderMetrics,
    ) -> None:
        """`answer` answers a question, `check` refuses one; `forget` drops what is remembered of a link, by its dashboard's id."""
        self._boards = boards
        self._saved = saved
        self._shares = shares
        self._answer = answer
        self._check = check
        self._now = now
        self._forget = forget
        self._metrics = metrics
        # Of each member or key, and of each project whose links are looked through, just now.
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def render_dashboard(self, request: RenderDashboardRequest, call: Call) -> AsyncGenerator[RenderDashboardResponse]:
        """The board, then its tiles as they are answered."""
        board = await self._boards.get(call.project.id, uuid_of(request.id, no_dashboard()))
        tiles = _chosen(board.tiles, request.tile_ids)
        asked = _about(board, request)
        frame = frame_of(asked, call.project, self._now())
        await check_filters(request.filters, frame, call, check=self._check, field="filters")
        saved = await self._saved.insights(call.project.id, saved_ids(tiles, "tiles"))
        yield RenderDashboardResponse(board=rendered_board(board, tiles, frame))
        # However many boards somebody opens at once, others have their turn in between.
        places = self._places_of(call.credential.key_id)
        async with aclosing(self._rendered(tiles, saved, frame, call, places)) as rendered:
            async for tile in rendered:
                yield RenderDashboardResponse(tile=tile)

    async def render_shared_dashboard(
        self, request: RenderSharedDashboardRequest, call: Call
    ) -> AsyncGenerator[RenderSharedDashboardResponse]:
        """The same, without how it was asked, of the one dashboard the caller has the link to."""
        board = await self._shared(call)
        if request.HasField("window"):
            if not board.share.choose_window:
                raise WindowNotYours("Who shared this dashboard chose its window, too.", field="window", hint="Leave it out.")
            board.window.CopyFrom(request.window)
        frame = frame_of(board, call.project, self._now())
        saved = await self._saved.insights(call.project.id, saved_ids(board.tiles, "tiles"))
        # Whoever has a link is one of many; all of them together must not fill the line that the project's members stand in.
        places = self._places_of(f"links of {call.project.id}")
        yield RenderSharedDashboardResponse(board=rendered_board(public_board(board, saved), board.tiles, frame))
        hidden = [tile for tile in board.tiles if not board.share.show_traits and names_traits(insight_of(tile, saved))]
        for tile in hidden:
            yield RenderSharedDashboardResponse(tile=hidden_tile(tile))
        shown = [tile for tile in board.tiles if tile not in hidden]
        async with aclosing(self._rendered(shown, saved, frame, call, places)) as rendered:
            async for tile in rendered:
                yield RenderSharedDashboardResponse(tile=public_outcome(tile))

    async def _rendered(
        self, tiles: Sequence[Tile], saved: Mapping[UUID, Insight], frame: Frame, call: Call, places: asyncio.Semaphore
    ) -> AsyncGenerator[RenderedTile]:
        """The tiles as they are answered, counted."""
        with self._metrics.board() as count:
            async with aclosing(rendered_tiles(tiles, saved, frame, call, answer=self._answer, places=places)) as rendered:
                async for tile in rendered:
                    count(tile)
                    yield tile

    def _places_of(self, who: str) -> asyncio.Semaphore:
        return self._places.setdefault(who, asyncio.Semaphore(ASKED_AT_ONCE))

    async def share_dashboard(self, request: pb.ShareDashboardRequest, call: Call) -> pb.ShareDashboardResponse:
        """A link; the one before works no longer."""
        board_id = uuid_of(request.id, no_dashboard())
        expires_at = instant_of(request.expires_at, "expiresAt") if request.HasField("expires_at") else None
        if expires_at and expires_at <= self._now():
            raise InvalidArgument("The link would have expired already.", field="expiresAt", hint="Give a time to come, or none.")
        if request.show_traits and Scope.ADMIN not in call.credential.scopes:
            raise ScopeMissing(
                "Only an admin may show traits of persons to anybody who has a link.", field="showTraits", hint="Leave it out, or ask one."
            )
        good_for = pb.Share(expires_at=expires_at, choose_window=request.choose_window, show_traits=request.show_traits)
        token, share = await self._shares.share(call, board_id, good_for)
        self._forget(str(board_id))
        return pb.ShareDashboardResponse(token=token, share=share)

    async def unshare_dashboard(self, request: pb.UnshareDashboardRequest, call: Call) -> pb.UnshareDashboardResponse:
        """There is no link, whether there was one or not."""
        board_id = uuid_of(request.id, no_dashboard())
        await self._shares.unshare(call, board_id)
        self._forget(str(board_id))
        return pb.UnshareDashboardResponse()

    async def _shared(self, call: Call) -> Dashboard:
        """The dashboard behind the link, if it is still shared: a credential may be remembered for longer than its link works.

        Otherwise the answer is the gate's.
        """
        board_id = call.credential.dashboard_id
        if board_id is None:
            raise not_shared()
        try:
            board = await self._boards.get(call.project.id, board_id)
        except DashboardNotFound as error:
            raise not_shared() from error
        until = board.share.expires_at if board.HasField("share") and board.share.HasField("expires_at") else None
        if not board.HasField("share") or (until and instant_of(until, "expiresAt") <= self._now()):
            raise not_shared()
        return board


def _about(board: Dashboard, request: RenderDashboardRequest) -> Dashboard:
    """The dashboard as it is to be asked: about the request's window, under its filters, too."""
    asked = Dashboard(window=board.window, week_start=board.week_start, filters=joined([board.filters, request.filters]))
    if request.HasField("window"):
        asked.window.CopyFrom(request.window)
    return asked


def _chosen(tiles: Sequence[Tile], ids: Sequence[str]) -> list[Tile]:
    """The tiles asked for, in the board's order; all when none is named."""
    if not ids:
        return list(tiles)
    known = {tile.id for tile in tiles}
    for place, tile_id in enumerate(ids):
        if tile_id not in known:
            raise no_tile(f"tileIds[{place}]")
    return [tile for tile in tiles if tile.id in set(ids)]
