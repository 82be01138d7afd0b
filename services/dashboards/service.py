"""DashboardsService: its RPCs are answered by parts, one for each thing they are about."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from core.instruments import Instruments
from services.accounts.quotas import Quotas
from services.dashboards.board_repository import BoardRepository
from services.dashboards.boards import Boards
from services.dashboards.checking import Check
from services.dashboards.looking import Looking
from services.dashboards.metrics import RenderMetrics
from services.dashboards.rendering import Answer
from services.dashboards.saved import SavedInsights
from services.dashboards.saved_insight_repository import SavedInsightRepository
from services.dashboards.shares import Shares


class DashboardsService:
    """The RPCs of `pug.dashboards.v1.DashboardsService`."""

    def __init__(
        self,
        postgres: AsyncEngine,
        *,
        answer: Answer,
        check: Check,
        now: Callable[[], datetime],
        forget: Callable[[str], None],
        metrics: RenderMetrics | None = None,
        most: int = Quotas().project_boards,
    ) -> None:
        """`answer` answers an insight and `check` refuses one that could not be; `forget` drops what is remembered of a link.

        A link is known by its dashboard's id. A project has at most so many dashboards, and saved insights.
        """
        kept, saved = BoardRepository(postgres, most), SavedInsightRepository(postgres, most)
        boards = Boards(kept, saved, check, now, forget)
        insights = SavedInsights(saved, check, now)
        looking = Looking(
            kept,
            saved,
            Shares(postgres),
            answer=answer,
            check=check,
            now=now,
            forget=forget,
            metrics=metrics or RenderMetrics(Instruments.none()),
        )
        self.create_dashboard = boards.create_dashboard
        self.get_dashboard = boards.get_dashboard
        self.list_dashboards = boards.list_dashboards
        self.update_dashboard = boards.update_dashboard
        self.delete_dashboard = boards.delete_dashboard
        self.set_tiles = boards.set_tiles
        self.export_dashboard = boards.export_dashboard
        self.import_dashboard = boards.import_dashboard
        self.render_dashboard = looking.render_dashboard
        self.render_shared_dashboard = looking.render_shared_dashboard
        self.share_dashboard = looking.share_dashboard
        self.unshare_dashboard = looking.unshare_dashboard
        self.create_saved_insight = insights.create_saved_insight
        self.list_saved_insights = insights.list_saved_insights
        self.update_saved_insight = insights.update_saved_insight
        self.delete_saved_insight = insights.delete_saved_insight
