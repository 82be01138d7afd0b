"""`pug query stickiness`."""

from typing import Annotated

import typer

from app.cli.querying.asking import ask
from app.cli.querying.filters import event_of
from app.cli.querying.options import Answering, Framing, GranularityOption, OneEventOption
from app.cli.querying.request import request_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.stickiness_pb2 import Stickiness

EXAMPLES = """pug query stickiness --event page_view

pug query stickiness --event purchase --granularity week --preset last_90_days --cumulative"""


def stickiness(
    *,
    event: OneEventOption = None,
    cumulative: Annotated[bool, typer.Option("--cumulative", help="Count those active in at least so many buckets.")] = False,
    granularity: GranularityOption = None,
    framing: Framing,
    answering: Answering,
) -> None:
    """In how many days, or other buckets, persons are active."""
    mode = Stickiness.MODE_CUMULATIVE if cumulative else Stickiness.MODE_UNSPECIFIED
    asked = Stickiness(event=event_of(event or "", "--event"), mode=mode)
    ask(request_of(pb.Insight(stickiness=asked), framing, granularity=granularity), answering)
