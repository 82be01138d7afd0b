"""`pug query top-k`."""

from typing import Annotated

import typer

from app.cli.client import UsageError
from app.cli.querying.asking import ask
from app.cli.querying.filters import breakdown_of, event_of
from app.cli.querying.options import Answering, Framing, GranularityOption, MetricOption, OneEventOption, PropertyOption
from app.cli.querying.request import request_of
from app.cli.querying.series import metric_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.top_k_pb2 import TopK

EXAMPLES = """pug query top-k --by '$pathname' --metric persons

pug query top-k --persons --event purchase --metric sum --property price --limit 20

pug query top-k --preset today     (names of events)"""


def top_k(
    *,
    by: Annotated[str | None, typer.Option("--by", help="Rank the values of this property, such as $pathname or @tier.")] = None,
    persons: Annotated[
        bool, typer.Option("--persons", help="Rank persons. Without --by and --persons names of events are ranked.")
    ] = False,
    event: OneEventOption = None,
    metric: MetricOption = None,
    property_key: PropertyOption = None,
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="How many rows. Default: 10.")] = None,
    omit_others: Annotated[bool, typer.Option("--omit-others", help="Without the row of all others.")] = False,
    granularity: GranularityOption = None,
    framing: Framing,
    answering: Answering,
) -> None:
    """What comes first by a metric: names of events, values of a property, or persons."""
    if by and persons:
        raise UsageError("Either persons are ranked or the values of a property.", "Give --by or --persons.")
    ranked = breakdown_of(by, "--by") if by else Breakdown()
    dimension = TopK.DIMENSION_PERSON if persons else TopK.DIMENSION_UNSPECIFIED
    asked = TopK(
        dimension=TopK.DIMENSION_PROPERTY if by else dimension,
        property=ranked.property,
        source=ranked.source,
        scope=event_of(event, "--event") if event else None,
        metric=metric_of(metric, property_key),
        limit=limit or 0,
        omit_others=omit_others,
    )
    ask(request_of(pb.Insight(top_k=asked), framing, granularity=granularity), answering)
