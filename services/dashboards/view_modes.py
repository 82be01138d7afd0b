"""Which kinds of insight can be drawn how."""

from core.errors import TileInvalid
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight
from pug.insights.v1.sessions_pb2 import Sessions

# The first is what VIEW_MODE_UNSPECIFIED, which is kept as it is, stands for.
_OVER_TIME = (
    Tile.VIEW_MODE_LINE,
    Tile.VIEW_MODE_AREA,
    Tile.VIEW_MODE_BAR_GROUPED,
    Tile.VIEW_MODE_BAR_STACKED,
    Tile.VIEW_MODE_TABLE,
    Tile.VIEW_MODE_KPI,
    Tile.VIEW_MODE_PIE,
    Tile.VIEW_MODE_HEAT_MAP,
)
_NUMBERS = (
    Tile.VIEW_MODE_KPI,
    Tile.VIEW_MODE_BAR_GROUPED,
    Tile.VIEW_MODE_BAR_STACKED,
    Tile.VIEW_MODE_TABLE,
    Tile.VIEW_MODE_PIE,
    Tile.VIEW_MODE_HEAT_MAP,
)
_MODES: dict[str, tuple[Tile.ViewMode, ...]] = {
    "trends": _OVER_TIME,
    "segmentation": _NUMBERS,
    "funnel": (
        Tile.VIEW_MODE_FUNNEL,
        Tile.VIEW_MODE_BAR_GROUPED,
        Tile.VIEW_MODE_LINE,
        Tile.VIEW_MODE_TABLE,
        Tile.VIEW_MODE_KPI,
    ),
    "retention": (Tile.VIEW_MODE_RETENTION_GRID, Tile.VIEW_MODE_LINE, Tile.VIEW_MODE_AREA, Tile.VIEW_MODE_TABLE, Tile.VIEW_MODE_HEAT_MAP),
    "stickiness": (Tile.VIEW_MODE_LINE, Tile.VIEW_MODE_AREA, Tile.VIEW_MODE_BAR_GROUPED, Tile.VIEW_MODE_TABLE),
    "lifecycle": (
        Tile.VIEW_MODE_BAR_STACKED,
        Tile.VIEW_MODE_BAR_GROUPED,
        Tile.VIEW_MODE_LINE,
        Tile.VIEW_MODE_AREA,
        Tile.VIEW_MODE_TABLE,
    ),
    "flow": (Tile.VIEW_MODE_SANKEY, Tile.VIEW_MODE_TABLE),
    "top_k": (Tile.VIEW_MODE_TABLE, Tile.VIEW_MODE_BAR_GROUPED, Tile.VIEW_MODE_PIE),
}


def usual_mode(insight: Insight) -> Tile.ViewMode:
    """How the insight is drawn when its tile doesn't say."""
    laid_out = _laid_out(insight)
    if laid_out == "segmentation" and _is_split(insight):
        return Tile.VIEW_MODE_BAR_GROUPED
    modes = _MODES.get(laid_out)
    return modes[0] if modes else Tile.VIEW_MODE_UNSPECIFIED


def check_view_mode(mode: int, insight: Insight, field: str) -> None:
    """Refuse a mode that cannot draw the insight."""
    if mode == Tile.VIEW_MODE_UNSPECIFIED:
        return
    laid_out = _laid_out(insight)
    modes = _MODES.get(laid_out, ())
    if mode not in modes:
        name = Tile.ViewMode.Name(mode) if mode in Tile.ViewMode.values() else f"View mode {mode}"
        drawn = ", ".join(Tile.ViewMode.Name(each) for each in modes)
        raise TileInvalid(f"{name} cannot draw {laid_out}.", field=field, hint=f"Use one of {drawn}.")


def _laid_out(insight: Insight) -> str:
    """The kind of insight whose answer it is answered with."""
    kind = insight.WhichOneof("kind") or ""
    if kind != "sessions":
        return kind
    # By the value of a property at the ends there are as many numbers as values, as with a breakdown.
    return "segmentation" if getattr(insight.sessions, "as") == Sessions.AS_SEGMENTATION else "trends"


def _is_split(insight: Insight) -> bool:
    if insight.WhichOneof("kind") == "segmentation":
        return bool(insight.segmentation.breakdowns)
    at_the_ends = insight.sessions.metric in (Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT)
    return at_the_ends or bool(insight.sessions.breakdowns)
