"""The RPCs about saved insights: questions kept by a name, which may stand on several dashboards."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from core.errors import InvalidArgument, MissingField, SavedInsightInUse
from pug.dashboards.v1 import saved_insight_pb2 as pb
from pug.dashboards.v1.dashboard_pb2 import Dashboard, Window
from pug.insights.v1.insights_pb2 import Insight, Preset
from services.dashboards.checking import Check
from services.dashboards.documents import check_size, written
from services.dashboards.ids import no_saved_insight, uuid_of
from services.dashboards.named_pages import next_page, place_after
from services.dashboards.rules import check_names
from services.dashboards.saved_insight_repository import SavedInsightRepository
from services.dashboards.view_modes import check_view_mode
from services.dashboards.windows import Frame, frame_of
from services.rpc.call import Call
from services.rpc.pages import page_size

# A saved insight has no time of its own. Whatever can be asked at all can be asked about a day.
_A_DAY = Dashboard(window=Window(preset=Preset.PRESET_TODAY))


class SavedInsights:
    """Saved insights of the caller's project."""

    def __init__(self, repository: SavedInsightRepository, check: Check, now: Callable[[], datetime]) -> None:
        """`check` refuses an insight that could not be answered."""
        self._repository = repository
        self._check = check
        self._now = now

    async def create_saved_insight(self, request: pb.CreateSavedInsightRequest, call: Call) -> pb.CreateSavedInsightResponse:
        """A new saved insight."""
        check_names(request.name, request.description)
        if not request.HasField("insight"):
            raise MissingField("There is no question to save.", field="insight", hint="Give one of its kinds, such as `trends`.")
        await self._check_insight(request.insight, call)
        saved = pb.SavedInsight(name=request.name, description=request.description, insight=request.insight)
        return pb.CreateSavedInsightResponse(saved_insight=await self._repository.create(call, saved))

    async def list_saved_insights(self, request: pb.ListSavedInsightsRequest, call: Call) -> pb.ListSavedInsightsResponse:
        """A page of saved insights."""
        size = page_size(request.page_size)
        page = await self._repository.page(call.project.id, place_after(request.page_token), size)
        return pb.ListSavedInsightsResponse(saved_insights=page.entries, next_page_token=next_page(page))

    async def update_saved_insight(self, request: pb.UpdateSavedInsightRequest, call: Call) -> pb.UpdateSavedInsightResponse:
        """The saved insight, changed in what the request says."""
        saved_id = uuid_of(request.id, no_saved_insight())
        if request.HasField("name"):
            check_names(request.name, "")
        check_names("…", request.description)
        await self._repository.get(call.project.id, saved_id)
        if request.HasField("insight"):
            await self._check_insight(request.insight, call)
            await self._check_tiles(saved_id, request.insight, call)

        def change(saved: pb.SavedInsight) -> None:
            if request.HasField("name"):
                saved.name = request.name
            if request.HasField("description"):
                saved.description = request.description
            if request.HasField("insight"):
                saved.insight.CopyFrom(request.insight)

        return pb.UpdateSavedInsightResponse(saved_insight=await self._repository.update(call, saved_id, request.version, change))

    async def delete_saved_insight(self, request: pb.DeleteSavedInsightRequest, call: Call) -> pb.DeleteSavedInsightResponse:
        """It is gone, unless a dashboard shows it."""
        await self._repository.delete(call, uuid_of(request.id, no_saved_insight()))
        return pb.DeleteSavedInsightResponse()

    async def _check_insight(self, insight: Insight, call: Call) -> None:
        check_size(insight, "insight")
        written(insight, "insight")
        await self._check(self._frame(call).question(insight, None), call)

    async def _check_tiles(self, saved_id: UUID, insight: Insight, call: Call) -> None:
        """Refuse an insight of another kind than the tiles that show it can draw, or compare."""
        for name, tile in await self._repository.tiles_of(saved_id):
            try:
                check_view_mode(tile.view_mode, insight, "viewMode")
                if tile.HasField("compare"):
                    await self._check(self._frame(call).question(insight, tile.compare), call)
            except InvalidArgument as error:
                raise SavedInsightInUse(
                    f"The dashboard '{name}' shows it: {error.message}",
                    field="insight",
                    hint="Change the tile there first, or save another.",
                ) from error

    def _frame(self, call: Call) -> Frame:
        return frame_of(_A_DAY, call.project, self._now())
