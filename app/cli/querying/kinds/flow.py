"""`pug query flow`."""

from typing import Annotated

import typer

from app.cli.querying.asking import ask
from app.cli.querying.filters import event_of
from app.cli.querying.options import Answering, Framing, GranularityOption, OneEventOption
from app.cli.querying.request import request_of
from app.cli.querying.words import duration_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.flow_pb2 import Flow

EXAMPLES = """pug query flow --start page_view --hops 4

pug query flow --by '$pathname' --group '/products/*=Products' --end /checkout --persons --gap 1h"""


def flow(
    *,
    by: Annotated[str | None, typer.Option("--by", help="Hops are the values of this property, not the names of events.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Gives many labels one name: '/products/*' or '/products/*=Products'; up to 50 times.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="The label paths start at. Default: their own start.")] = None,
    end: Annotated[str | None, typer.Option(help="The label paths end at. Default: wherever they end.")] = None,
    event: OneEventOption = None,
    persons: Annotated[bool, typer.Option("--persons", help="Follow persons until a pause, not sessions.")] = False,
    gap: Annotated[str | None, typer.Option(help="With --persons: the pause that ends a path, such as 30m. Default: 30m.")] = None,
    hops: Annotated[int | None, typer.Option(min=1, max=10, help="How many hops are shown. Default: 5.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, max=100, help="How many labels are kept; the rest are (others). Default: 20.")] = None,
    links: Annotated[int | None, typer.Option(min=1, max=1000, help="How many links are shown, the largest. Default: 200.")] = None,
    transitions: Annotated[bool, typer.Option("--transitions", help="Count every time, not different sessions or persons.")] = False,
    keep_repeats: Annotated[bool, typer.Option("--keep-repeats", help="Equal hops in a row stay, instead of being one.")] = False,
    granularity: GranularityOption = None,
    framing: Framing,
    answering: Answering,
) -> None:
    """What is done next, hop by hop."""
    asked = Flow(
        unit=Flow.UNIT_PERSON if persons else Flow.UNIT_UNSPECIFIED,
        node=Flow.NODE_PROPERTY if by else Flow.NODE_UNSPECIFIED,
        property=by or "",
        groups=[_group(each) for each in group or ()],
        start=start or "",
        end=end or "",
        scope=event_of(event, "--event") if event else None,
        max_hops=hops or 0,
        max_nodes=nodes or 0,
        max_links=links or 0,
        link_value=Flow.LINK_VALUE_TRANSITIONS if transitions else Flow.LINK_VALUE_UNSPECIFIED,
        keep_repeats=keep_repeats,
        gap=duration_of(gap, "--gap"),
    )
    ask(request_of(pb.Insight(flow=asked), framing, granularity=granularity), answering)


def _group(text: str) -> Flow.Group:
    pattern, _, label = text.partition("=")
    return Flow.Group(pattern=pattern.strip(), label=label.strip())
