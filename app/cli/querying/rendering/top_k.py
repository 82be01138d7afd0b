"""Top K: what comes first, with bars."""

from google.protobuf.json_format import MessageToDict
from rich.table import Table
from rich.text import Text

from app.cli.output import json_text, number_texts
from app.cli.querying.rendering.charts import bar
from app.cli.querying.rendering.columns import GAP, Column, table_of
from app.cli.querying.rendering.labels import OTHERS, breakdown_text, cut, value_text
from app.cli.querying.rendering.view import View
from app.cli.querying.series import metric_name
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.top_k_pb2 import TopK, TopKResult

_NARROWEST_BAR, _WIDEST_BAR = 8, 40
_LONGEST_TRAITS = 40


def top_k_text(result: TopKResult, view: View) -> Table:
    """A row for each place; persons by the id they are called by, with what is known of them. Bars are of the places, not of the others."""
    top_k = view.request.insight.top_k
    rows = list(result.rows)
    columns = [
        Column("", ["" if row.others else f"{place}" for place, row in enumerate(rows, 1)]),
        Column(_head(top_k), [_name(row) for row in rows], is_number=False),
        Column(metric_name(top_k.metric), number_texts([row.metric for row in rows])),
    ]
    if top_k.dimension == TopK.DIMENSION_PERSON:
        columns.append(Column("traits", [_traits(row) for row in rows], is_number=False))
    room = min(view.chart_width - sum(each.width + GAP for each in columns), _WIDEST_BAR)
    most = max((row.metric for row in rows if not row.others), default=0.0)
    if room >= _NARROWEST_BAR and most > 0:
        bars = [Text("" if row.others else bar(row.metric / most, room), "cyan") for row in rows]
        columns.append(Column("", bars, is_number=False))
    return table_of(columns)


def _head(top_k: TopK) -> str:
    match top_k.dimension:
        case TopK.DIMENSION_PROPERTY:
            return breakdown_text([Breakdown(property=top_k.property, source=top_k.source)])
        case TopK.DIMENSION_PERSON:
            return "person"
        case _:
            return "event"


def _name(row: TopKResult.Row) -> str:
    if row.others:
        return OTHERS
    return value_text(row.person.distinct_id if row.HasField("person") else row.value, absent=row.absent)


def _traits(row: TopKResult.Row) -> str:
    known = MessageToDict(row.person.traits)
    return cut(json_text(dict(sorted(known.items()))), _LONGEST_TRAITS) if known else ""
