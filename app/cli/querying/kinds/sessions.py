"""`pug query sessions`."""

from typing import Annotated, cast

import typer

from app.cli.querying.asking import ask
from app.cli.querying.filters import breakdowns_of, event_of
from app.cli.querying.options import (
    Answering,
    BreakdownOption,
    CompareOption,
    Framing,
    GranularityOption,
    LimitOption,
    OneEventOption,
    SparklineOption,
)
from app.cli.querying.request import request_of
from app.cli.querying.words import enum_value, names_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.sessions_pb2 import Sessions

EXAMPLES = """pug query sessions --metric bounce_rate --granularity week

pug query sessions --metric avg_duration --as segmentation --breakdown '$channel' --compare previous

pug query sessions --metric entry --property '$pathname' --as segmentation"""


def sessions(
    *,
    metric: Annotated[str | None, typer.Option(help=f"{', '.join(names_of(Sessions.Metric, 'METRIC'))}. Default: sessions.")] = None,
    property_key: Annotated[str | None, typer.Option("--property", help="The property of entry and exit, such as $pathname.")] = None,
    event: OneEventOption = None,
    laid_out: Annotated[
        str | None, typer.Option("--as", help="trends for a number for each bucket, segmentation for one in all. Default: trends.")
    ] = None,
    breakdown: BreakdownOption = None,
    limit: LimitOption = None,
    granularity: GranularityOption = None,
    compare: CompareOption = None,
    sparkline: SparklineOption = False,
    framing: Framing,
    answering: Answering,
) -> None:
    """What sessions are like: how many, how long, how many bounce, where they begin and end."""
    asked = Sessions(
        metric=cast("Sessions.Metric", enum_value(Sessions.Metric, "METRIC", metric, "--metric")),
        property=property_key or "",
        scope=event_of(event, "--event") if event else None,
        breakdowns=breakdowns_of(breakdown),
        breakdown_limit=limit or 0,
    )
    # `as` is a keyword, so the message has no attribute of that name.
    setattr(asked, "as", enum_value(Sessions.As, "AS", laid_out, "--as"))
    ask(request_of(pb.Insight(sessions=asked), framing, granularity=granularity, compare=compare), answering, sparkline=sparkline)
