"""Flows: hop by hop, from each node where it leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.output import table, visible
from app.cli.querying.rendering.charts import bar, percent
from app.cli.querying.rendering.columns import GAP, Column, stacked, table_of
from app.cli.querying.rendering.labels import OTHERS, cut
from app.cli.querying.rendering.view import View
from pug.insights.v1.flow_pb2 import Flow, FlowResult

_NARROWEST_BAR, _WIDEST_BAR = 6, 20
# What the numbers, the arrow and the gaps of a hop take; the two labels share the rest.
_BESIDE_LABELS, _SHORTEST_LABEL = 46, 8


@dataclass(frozen=True, slots=True)
class _Link:
    source: FlowResult.Node
    target: FlowResult.Node
    value: int


def flow_text(result: FlowResult, view: View) -> Group:
    """A table for each hop: each node once, with all it leads to. A share is of those who passed the node it comes from."""
    nodes = {node.id: node for node in result.nodes}
    links = [_Link(nodes[link.source], nodes[link.target], link.value) for link in result.links]
    if not links:
        return Group(_nodes_table(result.nodes, view))
    links.sort(key=lambda link: (link.source.hop, -link.source.value, link.source.id, -link.value))
    most = max(link.value for link in links)
    hops = [_hop_table(list(some), most, view) for _, some in groupby(links, lambda link: link.source.hop)]
    return Group(stacked(hops), Text("a share is of the left; the rest ends there, or goes where --links leaves off", "dim"))


def _nodes_table(nodes: Sequence[FlowResult.Node], view: View) -> Table:
    """What there is when nothing leads anywhere."""
    rows = [(f"{node.hop}", _label(node), f"{node.value:,}") for node in nodes]
    return table(("hop", "", _unit(view)), rows, numbers=(0, 2))


def _hop_table(links: Sequence[_Link], most: int, view: View) -> Table:
    hop = links[0].source.hop
    longest = max(_SHORTEST_LABEL, (view.chart_width - _BESIDE_LABELS) // 2)
    is_first = [not place or links[place - 1].source.id != link.source.id for place, link in enumerate(links)]
    columns = [
        Column(
            f"hop {hop}",
            [cut(_label(link.source), longest) if first else "" for link, first in zip(links, is_first, strict=True)],
            is_number=False,
        ),
        Column("", [f"{link.source.value:,}" if first else "" for link, first in zip(links, is_first, strict=True)]),
        Column("", [Text("─▶" if first else " ▶", "dim") for first in is_first], is_number=False),
        Column(f"hop {hop + 1}", [cut(_label(link.target), longest) for link in links], is_number=False),
        Column(_unit(view), [f"{link.value:,}" for link in links]),
        Column("share", [percent(link.value / link.source.value) if link.source.value else "" for link in links]),
    ]
    room = min(view.chart_width - sum(each.width + GAP for each in columns), _WIDEST_BAR)
    if room >= _NARROWEST_BAR:
        columns.append(Column("", [Text(bar(link.value / most, room), "magenta") for link in links], is_number=False))
    return table_of(columns)


def _unit(view: View) -> str:
    flow = view.request.insight.flow
    if flow.link_value == Flow.LINK_VALUE_TRANSITIONS:
        return "times"
    return "persons" if flow.unit == Flow.UNIT_PERSON else "sessions"


def _label(node: FlowResult.Node) -> str:
    return OTHERS if node.others else visible(node.label) or '""'
