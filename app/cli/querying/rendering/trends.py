"""Trends, and sessions by bucket."""

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.querying.rendering.charts import bar, change, sparkline
from app.cli.querying.rendering.columns import GAP, Column, in_blocks, table_of
from app.cli.querying.rendering.labels import PARTIAL, bucket_text, cell_text, granularity_name
from app.cli.querying.rendering.units import Unit, unit_of, unit_texts
from app.cli.querying.rendering.view import View
from app.cli.querying.series import additive_series, series_names
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.trends_pb2 import Trends, TrendsResult

_NARROWEST_BAR = 8
_WIDEST_BAR = 40


def trends_text(trends: TrendsResult, view: View) -> Group:
    """A row for each bucket and a column for each line; with a bar when there is one line. As sparklines, a row for each line."""
    names = names_of_lines(view.request)
    labels = series_labels(trends, names)
    legend = _legend(trends, names)
    if view.sparkline:
        return Group(*legend, _sparklines(trends, labels, view))
    fixed = [_buckets(trends, view)]
    groups = [_line(series, label, unit_of(view.request)) for series, label in zip(trends.series, labels, strict=True)]
    if len(groups) == 1:
        groups[0] += _bars(trends.series[0], [*fixed, *groups[0]], view)
    notes = [Text(f"{PARTIAL} not a whole {granularity_name(view.request.granularity)}", "dim")]
    return Group(*legend, in_blocks(fixed, groups, view.width), *(notes if any(each.partial for each in trends.buckets) else []))


def names_of_lines(request: pb.QueryRequest) -> dict[str, str]:
    """What to call the lettered lines of an answer."""
    insight = request.insight
    match insight.WhichOneof("kind"):
        case "trends":
            return series_names(insight.trends.series)
        case "segmentation":
            return series_names(insight.segmentation.series)
        case "sessions":
            return {"A": _sessions_name(insight.sessions)}
        case _:
            return {}


def series_labels(trends: TrendsResult, names: Mapping[str, str]) -> list[str]:
    """A label for each line: its cell, its series, or both when there are several of each."""
    letters = {series.series for series in trends.series}
    return [_label(series, names, several=len(letters) > 1) for series in trends.series]


def _legend(trends: TrendsResult, names: Mapping[str, str]) -> list[Text]:
    """What the letters stand for, where columns say only letters and cells."""
    letters = {series.series for series in trends.series} & names.keys()
    broken_down = any(cell_text(series.cell) for series in trends.series)
    if len(letters) < 2 or not broken_down:  # noqa: PLR2004 (one needs no letter)
        return []
    return [Text(" · ".join(f"{letter} {names[letter]}" for letter in sorted(letters)), "dim")]


def _sparklines(trends: TrendsResult, labels: Sequence[str], view: View) -> Table:
    """How each line went, its least and greatest bucket and, for those that add up, the sum of all.

    Other metrics have no such sum: somebody who comes back in another month would count twice.
    """
    additive, unit = _adding_up(view.request), unit_of(view.request)
    lines = [list(series.values) for series in trends.series]
    names = Column("", labels, is_number=False)
    numbers = [
        Column("min", [unit_texts([min(values)], unit)[0] for values in lines]),
        Column("max", [unit_texts([max(values)], unit)[0] for values in lines]),
        Column("total", [unit_texts([sum(series.values)], unit)[0] if series.series in additive else "" for series in trends.series]),
    ]
    room = view.chart_width - sum(each.width + GAP for each in (names, *numbers))
    longest = max(_NARROWEST_BAR, min(room, _WIDEST_BAR))
    return table_of([names, Column("", [Text(sparkline(values, longest), "cyan") for values in lines], is_number=False), *numbers])


def _buckets(trends: TrendsResult, view: View) -> Column:
    granularity = view.request.granularity
    texts = [bucket_text(each.start, granularity, view.zone, partial=each.partial) for each in trends.buckets]
    return Column(granularity_name(granularity), texts, is_number=False)


def _line(series: TrendsResult.Series, label: str, unit: Unit) -> list[Column]:
    column = Column(label, unit_texts(list(series.values), unit))
    if not series.compare_values:
        return [column]
    changes = [change(value, before) for value, before in zip(series.values, series.compare_values, strict=True)]
    return [column, Column("before", unit_texts(list(series.compare_values), unit)), Column("change", changes)]


def _bars(series: TrendsResult.Series, beside: Sequence[Column], view: View) -> list[Column]:
    room = view.chart_width - sum(each.width + GAP for each in beside)
    most = max(series.values, default=0)
    if room < _NARROWEST_BAR or most <= 0 or min(series.values) < 0:
        return []
    return [Column("", [Text(bar(value / most, min(room, _WIDEST_BAR)), "cyan") for value in series.values], is_number=False)]


def _label(series: TrendsResult.Series, names: Mapping[str, str], *, several: bool) -> str:
    name = names.get(series.series, series.series)
    # A formula is called what it is called; only letters need to be told.
    letter = f"{series.series} " if several and series.series in names else ""
    cell = cell_text(series.cell)
    if not cell:
        return f"{letter}{name}"
    return f"{letter}{cell}" if series.series in names else f"{name} {cell}"


def _sessions_name(sessions: Sessions) -> str:
    kind = Sessions.Metric.Name(sessions.metric or Sessions.METRIC_SESSIONS).removeprefix("METRIC_").lower().replace("_", " ")
    return "sessions" if kind in {"entry", "exit"} else kind


def _adding_up(request: pb.QueryRequest) -> frozenset[str]:
    insight = request.insight
    if insight.WhichOneof("kind") == "trends" and insight.trends.transform in {Trends.TRANSFORM_UNSPECIFIED, Trends.TRANSFORM_NONE}:
        return additive_series(insight.trends.series)
    counted = {Sessions.METRIC_UNSPECIFIED, Sessions.METRIC_SESSIONS, Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT}
    return frozenset("A") if insight.WhichOneof("kind") == "sessions" and insight.sessions.metric in counted else frozenset()
