"""A dashboard in a terminal: one tile below the other, in the order their answers come."""

from collections.abc import Mapping
from datetime import UTC
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from rich.markdown import Markdown
from rich.markup import escape

from app.cli.output import data_console, instant_text, print_line, print_table, visible
from app.cli.querying.rendering.answers import rendered
from app.cli.querying.rendering.meta import hint_line, meta_line
from pug.dashboards.v1.render_pb2 import RenderedBoard, RenderedTile
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Granularity, Insight, QueryRequest


def print_board(board: RenderedBoard) -> None:
    """Its name, and the time it is about."""
    zone = ZoneInfo(board.time_zone)
    start, end = (_moment(getattr(board.time_range, end), zone) for end in ("from", "to"))
    grain = Granularity.Name(board.granularity).removeprefix("GRANULARITY_").lower()
    console = data_console()
    console.print(visible(board.dashboard.name), style="bold", markup=False, soft_wrap=True)
    console.print(f"{start} – {end}, by {grain}", style="dim", markup=False, soft_wrap=True)


def print_tile(tile: RenderedTile, board: RenderedBoard, saved: Mapping[str, Insight]) -> None:
    """Its name and its answer, or why there is none."""
    spec = next((each for each in board.dashboard.tiles if each.id == tile.id), Tile())
    console = data_console()
    print_line("")
    if spec.name:
        console.rule(f"[bold]{escape(visible(spec.name))}", align="left") if console.is_terminal else print_line(visible(spec.name))
    match tile.WhichOneof("outcome"):
        case "answer":
            insight = spec.insight if spec.HasField("insight") else saved.get(spec.saved_insight_id, Insight())
            compare = spec.compare if spec.HasField("compare") else None
            request = QueryRequest(insight=insight, granularity=board.granularity, time_zone=board.time_zone, compare=compare)
            print_table(rendered(tile.answer, request, console.width))
            console.print(meta_line(tile.answer.meta), style="dim", markup=False, soft_wrap=True)
            if tile.answer.meta.hint:
                console.print(hint_line(tile.answer.meta), style="yellow", markup=False, soft_wrap=True)
        case "error":
            console.print(visible(tile.error.message), style="red", markup=False, soft_wrap=True)
        case _ if console.is_terminal:
            console.print(Markdown(spec.markdown))
        case _:
            print_line("\n".join(visible(line) for line in spec.markdown.splitlines()))


def _moment(instant: Timestamp, zone: ZoneInfo) -> str:
    return instant_text(instant.ToDatetime(UTC), zone)
