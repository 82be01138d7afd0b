"""Segmentation, and sessions as one number."""

from collections.abc import Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from app.cli.querying.rendering.charts import bar, change
from app.cli.querying.rendering.columns import GAP, Column, table_of
from app.cli.querying.rendering.labels import breakdown_text, cell_text
from app.cli.querying.rendering.trends import names_of_lines
from app.cli.querying.rendering.units import Unit, unit_of, unit_texts
from app.cli.querying.rendering.view import View
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.segmentation_pb2 import SegmentationResult
from pug.insights.v1.sessions_pb2 import Sessions

_NARROWEST_BAR, _WIDEST_BAR = 8, 30


def segmentation_text(result: SegmentationResult, view: View) -> Table:
    """A row for each series and cell; bars compare the cells of one series."""
    columns = [*_names(result, view), *_values(result.rows, unit_of(view.request))]
    return table_of([*columns, *_bars(result.rows, columns, view)])


def _names(result: SegmentationResult, view: View) -> list[Column]:
    names = names_of_lines(view.request)
    series = [names.get(row.series, row.series) for row in result.rows]
    cells = [cell_text(row.cell) for row in result.rows]
    if not any(cells):
        return [Column("", series, is_number=False)]
    by_cell = Column(_split_by(view.request), cells, is_number=False)
    if len(set(series)) == 1:
        return [by_cell]
    shown = ["" if place and series[place - 1] == name else name for place, name in enumerate(series)]
    return [Column("", shown, is_number=False), by_cell]


def _split_by(request: pb.QueryRequest) -> str:
    sessions = request.insight.sessions
    if sessions.metric in {Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT}:
        return f"{'entry' if sessions.metric == Sessions.METRIC_ENTRY else 'exit'} {sessions.property}"
    return breakdown_text(request.insight.segmentation.breakdowns or sessions.breakdowns)


def _values(rows: Sequence[SegmentationResult.Row], unit: Unit) -> list[Column]:
    values = [text for _, some in groupby(rows, lambda row: row.series) for text in unit_texts([row.value for row in some], unit)]
    if not any(row.HasField("compare_value") for row in rows):
        return [Column("value", values)]
    before = [text for _, some in groupby(rows, lambda row: row.series) for text in unit_texts([row.compare_value for row in some], unit)]
    return [Column("value", values), Column("before", before), Column("change", [change(row.value, row.compare_value) for row in rows])]


def _bars(rows: Sequence[SegmentationResult.Row], beside: Sequence[Column], view: View) -> list[Column]:
    room = view.chart_width - sum(each.width + GAP for each in beside)
    several = len({row.series for row in rows}) < len(rows)
    if room < _NARROWEST_BAR or not several or min(row.value for row in rows) < 0:
        return []
    most = {series: max(row.value for row in some) for series, some in groupby(rows, lambda row: row.series)}
    width = min(room, _WIDEST_BAR)
    bars = [Text(bar(row.value / most[row.series] if most[row.series] else 0, width), "cyan") for row in rows]
    return [Column("", bars, is_number=False)]
