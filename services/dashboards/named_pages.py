"""Pages of what is listed by name."""

from collections.abc import Sequence
from uuid import UUID

from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.dashboards.v1.saved_insight_pb2 import SavedInsight
from services.dashboards.board_repository import Place
from services.rpc.pages import place_of, token_of


def place_after(token: str) -> Place | None:
    """Where the page before ended; None for the first."""
    return place_of(token, _read)


def next_page(found: Sequence[Dashboard] | Sequence[SavedInsight], size: int) -> str:
    """The token of the page after this one, of which one entry more was found if there is one."""
    return token_of(found[size - 1].name, found[size - 1].id) if len(found) > size else ""


def _read(parts: list[object]) -> Place:
    match parts:
        case [str() as name, str() as last] if "\0" not in name:
            return Place(name, UUID(last))
        case _:
            raise ValueError(parts)
