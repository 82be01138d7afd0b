"""Refuses tiles that could not be answered, when they are saved rather than when somebody looks."""

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from core.errors import InvalidArgument, TooMany
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.filter_pb2 import FilterGroup
from pug.insights.v1.insights_pb2 import Insight, QueryRequest
from pug.insights.v1.trends_pb2 import Trends
from services.dashboards.documents import check_size, written
from services.dashboards.ids import no_saved_insight, uuid_of
from services.dashboards.reconciling import document_of
from services.dashboards.rules import check_look
from services.dashboards.view_modes import check_view_mode
from services.dashboards.windows import Frame
from services.insights.engine import patterns_of
from services.insights.patterns import MAX_SIZE, check_sizes
from services.rpc.call import Call

# Refuses a question that could not be answered, without asking it.
Check = Callable[[QueryRequest, Call], Awaitable[None]]

_ANYTHING = Insight(trends=Trends(series=[Trends.Series()]))
# Fields of a question that are those of a tile; all others are about the time.
_OF_TILE = ("insight", "compare")
# They take half a millisecond each.
_MAX_PATTERNS = 500
_MAX_PATTERN_SIZE = 5 * MAX_SIZE


def saved_ids(tiles: Sequence[Tile], field: str) -> dict[UUID, str]:
    """The saved insights that tiles name, each with the path of the first that does; `field` is the path of the tiles."""
    named: dict[UUID, str] = {}
    for place, tile in enumerate(tiles):
        if tile.HasField("saved_insight_id"):
            path = f"{field}[{place}].savedInsightId"
            named.setdefault(uuid_of(tile.saved_insight_id, no_saved_insight(path)), path)
    return named


def insight_of(tile: Tile, saved: Mapping[UUID, Insight]) -> Insight | None:
    """What the tile asks; None for a text."""
    match tile.WhichOneof("content"):
        case "markdown":
            return None
        case "saved_insight_id":
            return saved[UUID(tile.saved_insight_id)]
        case _:
            # Nothing, where a later version wrote a kind of content that is not known here: what is answered then says so.
            return tile.insight


async def check_tile(tile: Tile, insight: Insight | None, frame: Frame, call: Call, *, check: Check, field: str) -> None:
    """Refuse a tile that cannot be drawn, or asked in the frame; `field` is its path."""
    check_look(tile, field)
    check_size(tile.insight, f"{field}.insight")
    document_of(tile, field)
    if insight is None:
        return
    check_view_mode(tile.view_mode, insight, f"{field}.viewMode")
    compare = tile.compare if tile.HasField("compare") else None
    content = f"{field}.insight" if tile.HasField("insight") else f"{field}.savedInsightId"
    with _named_after_tile(field, content):
        await check(frame.without_filters().question(insight, compare), call)
    if frame.filters.ByteSize():
        # Alone it was good: what is wrong with it now is what both are together, such as more filters than a query has.
        try:
            await check(frame.question(insight, compare), call)
        except InvalidArgument as error:
            error.field = content
            raise


def check_patterns(insights: Iterable[Insight | None], field: str) -> None:
    """Refuse tiles whose patterns together ClickHouse would take long to compile; `field` is their path."""
    written = [(pattern, field) for insight in insights if insight for pattern, _ in patterns_of(insight)]
    if len(written) > _MAX_PATTERNS:
        raise TooMany(
            f"Tiles that are saved together have at most {_MAX_PATTERNS} patterns.",
            field=field,
            hint="Save some of them first, or join patterns with |.",
        )
    check_sizes(written, _MAX_PATTERN_SIZE)


async def check_filters(filters: FilterGroup, frame: Frame, call: Call, *, check: Check, field: str) -> None:
    """Refuse a dashboard's filters that nothing could be asked under; `field` is their path."""
    if not filters.ByteSize():
        return
    check_size(filters, field)
    written(filters, field)
    question = frame.without_filters().question(_ANYTHING, None)
    question.insight.filters.CopyFrom(filters)
    try:
        await check(question, call)
    except InvalidArgument as error:
        error.field = error.field.replace("insight.filters", field, 1)
        raise


@contextmanager
def _named_after_tile(field: str, content: str) -> Generator[None]:
    """Around what names fields of a question: names them as fields of the tile it is made of."""
    try:
        yield
    except InvalidArgument as error:
        head, _, rest = error.field.partition(".")
        if head.partition("[")[0] not in _OF_TILE:
            error.field = content
        elif head == "insight":
            error.field = content if content.endswith("savedInsightId") or not rest else f"{content}.{rest}"
        else:
            error.field = f"{field}.{error.field}"
        raise
