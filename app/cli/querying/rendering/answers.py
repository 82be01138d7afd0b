"""Makes an answer readable, whatever its kind."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.querying.rendering.flow import flow_text
from app.cli.querying.rendering.funnel import funnel_text
from app.cli.querying.rendering.lifecycle import lifecycle_text
from app.cli.querying.rendering.meta import zone_of
from app.cli.querying.rendering.retention import retention_text
from app.cli.querying.rendering.segmentation import segmentation_text
from app.cli.querying.rendering.stickiness import stickiness_text
from app.cli.querying.rendering.top_k import top_k_text
from app.cli.querying.rendering.trends import trends_text
from app.cli.querying.rendering.view import View
from pug.insights.v1 import insights_pb2 as pb


def rendered(answer: pb.QueryResponse, request: pb.QueryRequest, width: int, *, sparkline: bool = False) -> Table | Group:  # noqa: PLR0911 (one for each kind)
    """The answer to a request, for so many columns of characters."""
    view = View(request, zone_of(answer.meta), width, sparkline)
    kind = answer.WhichOneof("result")
    match kind:
        case "trends" if answer.trends.series:
            return trends_text(answer.trends, view)
        case "segmentation" if answer.segmentation.rows:
            return segmentation_text(answer.segmentation, view)
        case "funnel" if answer.funnel.series:
            return funnel_text(answer.funnel, view)
        case "retention" if answer.retention.series:
            return retention_text(answer.retention, view)
        case "stickiness" if any(answer.stickiness.counts):
            return stickiness_text(answer.stickiness, view)
        case "lifecycle":
            return lifecycle_text(answer.lifecycle, view)
        case "flow" if answer.flow.nodes:
            return flow_text(answer.flow, view)
        case "top_k" if answer.top_k.rows:
            return top_k_text(answer.top_k, view)
        case _:
            return Group(Text("nothing in this range"))
