"""The RPCs about dashboards as they are kept: made, shown, changed, deleted, carried elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from core.errors import FormatUnknown, InvalidArgument
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight
from services.dashboards.board_repository import BoardRepository
from services.dashboards.checking import Check, check_filters, check_patterns, check_tile, insight_of, saved_ids
from services.dashboards.ids import no_dashboard, uuid_of
from services.dashboards.named_pages import next_page, place_after
from services.dashboards.rules import check_count, check_names
from services.dashboards.saved_insight_repository import SavedInsightRepository
from services.dashboards.windows import DEFAULT, check_week_start, frame_of
from services.rpc.call import Call
from services.rpc.pages import page_size

_FORMAT = 1


class Boards:
    """Dashboards of the caller's project."""

    def __init__(
        self,
        boards: BoardRepository,
        saved: SavedInsightRepository,
        check: Check,
        now: Callable[[], datetime],
        forget: Callable[[str], None],
    ) -> None:
        """`check` refuses an insight that could not be answered; `forget` drops what is remembered of a link, by its dashboard's id."""
        self._boards = boards
        self._saved = saved
        self._check = check
        self._now = now
        self._forget = forget

    async def create_dashboard(self, request: pb.CreateDashboardRequest, call: Call) -> pb.CreateDashboardResponse:
        """A new dashboard."""
        board = pb.Dashboard(
            name=request.name,
            description=request.description,
            window=request.window if request.HasField("window") else DEFAULT,
            filters=request.filters,
            week_start=request.week_start,
            tiles=request.tiles,
        )
        return pb.CreateDashboardResponse(dashboard=await self._create(board, call, "CreateDashboard"))

    async def get_dashboard(self, request: pb.GetDashboardRequest, call: Call) -> pb.GetDashboardResponse:
        """A dashboard."""
        return pb.GetDashboardResponse(dashboard=await self._boards.get(call.project.id, uuid_of(request.id, no_dashboard())))

    async def list_dashboards(self, request: pb.ListDashboardsRequest, call: Call) -> pb.ListDashboardsResponse:
        """A page of dashboards."""
        size = page_size(request.page_size)
        page = await self._boards.page(call.project.id, place_after(request.page_token), size)
        return pb.ListDashboardsResponse(dashboards=page.entries, next_page_token=next_page(page))

    async def update_dashboard(self, request: pb.UpdateDashboardRequest, call: Call) -> pb.UpdateDashboardResponse:
        """The dashboard, changed in what the request says."""
        board_id = uuid_of(request.id, no_dashboard())
        await self._check_changes(request, call)

        def change(board: pb.Dashboard) -> None:
            if request.HasField("name"):
                board.name = request.name
            if request.HasField("description"):
                board.description = request.description
            if request.HasField("window"):
                board.window.CopyFrom(request.window)
            if request.HasField("filters"):
                board.filters.CopyFrom(request.filters)
            if request.week_start:
                board.week_start = request.week_start

        return pb.UpdateDashboardResponse(dashboard=await self._boards.update(call, board_id, request.version, change))

    async def delete_dashboard(self, request: pb.DeleteDashboardRequest, call: Call) -> pb.DeleteDashboardResponse:
        """Nothing is left of it but what the log says."""
        board_id = uuid_of(request.id, no_dashboard())
        await self._boards.delete(call, board_id)
        self._forget(str(board_id))
        return pb.DeleteDashboardResponse()

    async def set_tiles(self, request: pb.SetTilesRequest, call: Call) -> pb.SetTilesResponse:
        """The dashboard with these tiles."""
        board_id = uuid_of(request.id, no_dashboard())
        check_count(request.tiles, "tiles")
        board = await self._boards.get(call.project.id, board_id)
        # What was good when it was saved stays, though the window has grown or the rules are stricter now: others can be worked on.
        kept = {tile.id: tile for tile in board.tiles}
        await self._check_tiles(request.tiles, board, call, "tiles", kept)
        return pb.SetTilesResponse(dashboard=await self._boards.set_tiles(call, board_id, request.version, request.tiles))

    async def export_dashboard(self, request: pb.ExportDashboardRequest, call: Call) -> pb.ExportDashboardResponse:
        """The dashboard, to be carried elsewhere."""
        board = await self._boards.get(call.project.id, uuid_of(request.id, no_dashboard()))
        saved = await self._saved.insights(call.project.id, saved_ids(board.tiles, "tiles"))
        exported = pb.ExportedDashboard(
            format=_FORMAT,
            name=board.name,
            description=board.description,
            window=board.window,
            filters=board.filters if board.HasField("filters") else None,
            week_start=board.week_start,
            tiles=[_carried(tile, saved) for tile in board.tiles],
        )
        return pb.ExportDashboardResponse(board=exported)

    async def import_dashboard(self, request: pb.ImportDashboardRequest, call: Call) -> pb.ImportDashboardResponse:
        """A new dashboard like the one that was carried here."""
        carried = request.board
        if carried.format != _FORMAT:
            raise FormatUnknown(
                f"The board is written in form {carried.format}, and this version reads form {_FORMAT}.",
                field="board.format",
                hint="Export it anew, or update this Pug.",
            )
        board = pb.Dashboard(
            name=carried.name,
            description=carried.description,
            window=carried.window if carried.HasField("window") else DEFAULT,
            filters=carried.filters,
            week_start=carried.week_start,
            tiles=carried.tiles,
        )
        return pb.ImportDashboardResponse(dashboard=await self._create(board, call, "ImportDashboard", "board."))

    async def _create(self, board: pb.Dashboard, call: Call, action: str, field: str = "") -> pb.Dashboard:
        """A new dashboard; `field` is the path of what describes it in the request, with its dot."""
        check_names(board.name, board.description, field)
        check_week_start(board.week_start, f"{field}weekStart")
        check_count(board.tiles, f"{field}tiles")
        for place, tile in enumerate(board.tiles):
            if tile.id:
                raise InvalidArgument("A new tile has no id yet.", field=f"{field}tiles[{place}].id", hint="Leave it out.")
        frame = frame_of(board, call.project, self._now(), f"{field}window")
        await check_filters(board.filters, frame, call, check=self._check, field=f"{field}filters")
        await self._check_tiles(board.tiles, board, call, f"{field}tiles", {})
        return await self._boards.create(call, board, action, f"{field}tiles")

    async def _check_changes(self, request: pb.UpdateDashboardRequest, call: Call) -> None:
        if request.HasField("name"):
            check_names(request.name, "")
        check_names("…", request.description)
        check_week_start(request.week_start, "weekStart")
        window = request.window if request.HasField("window") else DEFAULT
        frame = frame_of(pb.Dashboard(window=window, week_start=request.week_start), call.project, self._now())
        if request.HasField("filters"):
            await check_filters(request.filters, frame, call, check=self._check, field="filters")

    async def _check_tiles(self, tiles: Sequence[Tile], board: pb.Dashboard, call: Call, field: str, kept: Mapping[str, Tile]) -> None:
        """Refuse tiles that cannot be shown on the board, but for those that are there already."""
        frame = frame_of(board, call.project, self._now())
        saved = await self._saved.insights(call.project.id, saved_ids(tiles, field))
        changed = [(place, tile, insight_of(tile, saved)) for place, tile in enumerate(tiles) if kept.get(tile.id) != tile]
        check_patterns([insight for _, _, insight in changed], field)
        for place, tile, insight in changed:
            await check_tile(tile, insight, frame, call, check=self._check, field=f"{field}[{place}]")


def _carried(tile: Tile, saved: Mapping[UUID, Insight]) -> Tile:
    """The tile without its id, and with its saved insight written into it."""
    carried = Tile()
    carried.CopyFrom(tile)
    carried.ClearField("id")
    if carried.HasField("saved_insight_id"):
        carried.insight.CopyFrom(saved[UUID(tile.saved_insight_id)])
    return carried
