"""What who has a share link gets to see of a dashboard: what is drawn, and nothing of how it was asked.

Everything is copied field by field, so that a field added later is not shown before somebody decides that it may be.
"""

from collections.abc import Mapping
from uuid import UUID

from connectrpc.code import Code

from pug.common.v1.error_info_pb2 import ErrorInfo
from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.dashboards.v1.render_pb2 import RenderedTile, TileError
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.filter_pb2 import Source
from pug.insights.v1.insights_pb2 import Insight, Meta, QueryResponse
from pug.insights.v1.top_k_pb2 import TopK
from services.dashboards.checking import insight_of
from services.dashboards.view_modes import usual_mode

_NO_ANSWER = "This tile has no answer right now."
_HIDDEN = "This tile tells of single traits of persons, which this link does not show."
_ALLOW = "An admin may share the dashboard with showTraits."


def public_board(board: Dashboard, saved: Mapping[UUID, Insight]) -> Dashboard:
    """The dashboard without ids of its own, insights, filters and versions."""
    return Dashboard(
        name=board.name,
        description=board.description,
        window=board.window,
        week_start=board.week_start,
        tiles=[_public_tile(tile, insight_of(tile, saved)) for tile in board.tiles],
        updated_at=board.updated_at,
        share=board.share,
    )


def public_outcome(rendered: RenderedTile) -> RenderedTile:
    """The answer without what it cost and who is in it; of an error only that there is one, since its text tells of the insight."""
    match rendered.WhichOneof("outcome"):
        case "answer":
            return RenderedTile(id=rendered.id, answer=_public_answer(rendered.answer))
        case "error":
            return RenderedTile(id=rendered.id, error=TileError(code=rendered.error.code, message=_NO_ANSWER))
        case _:
            return RenderedTile(id=rendered.id)


def names_traits(insight: Insight | None) -> bool:
    """Whether an answer would have values of persons' traits in it: their names, addresses, employers."""
    if insight is None:
        return False
    kind = insight.WhichOneof("kind")
    if kind == "top_k":
        return insight.top_k.dimension == TopK.DIMENSION_PROPERTY and insight.top_k.source == Source.SOURCE_PERSON
    asked: object = getattr(insight, kind) if kind else None
    return any(each.source == Source.SOURCE_PERSON for each in getattr(asked, "breakdowns", ()))


def hidden_tile(tile: Tile) -> RenderedTile:
    """What is shown in place of traits."""
    info = ErrorInfo(reason="TRAITS_HIDDEN", hint=_ALLOW)
    return RenderedTile(id=tile.id, error=TileError(code=Code.PERMISSION_DENIED.value, message=f"{_HIDDEN} {_ALLOW}", info=info))


def _public_tile(tile: Tile, insight: Insight | None) -> Tile:
    shown = Tile(
        id=tile.id,
        name=tile.name,
        description=tile.description,
        # Whoever doesn't see the insight cannot know how it is usually drawn.
        view_mode=tile.view_mode or (usual_mode(insight) if insight else Tile.VIEW_MODE_UNSPECIFIED),
        thresholds=tile.thresholds,
    )
    if tile.HasField("position"):
        shown.position.CopyFrom(tile.position)
    if tile.HasField("header"):
        shown.header.CopyFrom(tile.header)
    if tile.HasField("axes"):
        shown.axes.CopyFrom(tile.axes)
    if tile.HasField("markdown"):
        shown.markdown = tile.markdown
    return shown


def _public_answer(answer: QueryResponse) -> QueryResponse:
    shown = QueryResponse()
    shown.CopyFrom(answer)
    shown.ClearField("meta")
    shown.meta.CopyFrom(_public_meta(answer.meta))
    for row in shown.top_k.rows if shown.HasField("top_k") else ():
        # A person's row keeps its rank and its number: neither their ids nor their traits are anybody's.
        if row.HasField("person"):
            row.ClearField("person")
            row.ClearField("value")
    return shown


def _public_meta(meta: Meta) -> Meta:
    shown = Meta(exactness=meta.exactness, time_zone=meta.time_zone)
    for field in ("complete_until", "time_range", "compare_range"):
        if meta.HasField(field):
            getattr(shown, field).CopyFrom(getattr(meta, field))
    return shown
