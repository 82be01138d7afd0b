"""Pages of what is listed by name."""

from uuid import UUID

from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.dashboards.v1.saved_insight_pb2 import SavedInsight
from services.dashboards.board_repository import Place
from services.rpc.pages import Page, place_of, token_of


def place_after(token: str) -> Place | None:
    """Where the page before ended; None for the first."""
    return place_of(token, _read)


def next_page(page: Page[Dashboard] | Page[SavedInsight]) -> str:
    """The token of the page after this one, if there is one."""
    return token_of(page.entries[-1].name, page.entries[-1].id) if page.more else ""


def _read(parts: list[object]) -> Place:
    match parts:
        case [str() as name, str() as last] if "\0" not in name:
            return Place(name, UUID(last))
        case _:
            raise ValueError(parts)
