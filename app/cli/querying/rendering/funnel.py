"""Funnels: a bar for each step, then timing and trend where they were asked for."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.output import duration_text
from app.cli.querying.rendering.charts import bar, percent
from app.cli.querying.rendering.columns import GAP, Column, in_blocks, stacked, table_of
from app.cli.querying.rendering.labels import PARTIAL, breakdown_text, bucket_text, cell_text, cut, granularity_name
from app.cli.querying.rendering.view import View
from app.cli.querying.series import event_name
from app.cli.querying.words import span_text
from pug.insights.v1.funnel_pb2 import Funnel, FunnelResult

_UNITS: dict[int, str] = {Funnel.COUNT_BY_SESSIONS: "sessions", Funnel.COUNT_BY_TOTALS: "attempts"}
_NARROWEST_BAR, _WIDEST_BAR = 6, 40
_LONGEST_STEP, _LONGEST_STEP_BESIDE_CELLS = 32, 24


def funnel_text(result: FunnelResult, view: View) -> Group:
    """The funnel; of each step its cells below each other, because it is them one compares."""
    funnel = view.request.insight.funnel
    parts: list[Table | Group] = [_steps_table(result.series, funnel, view)]
    if funnel.timing:
        parts.append(_timing_table(result.series, funnel))
    if any(step.histogram for each in result.series for step in each.steps):
        parts.append(_histogram_table(result.series, funnel))
    if funnel.trend:
        parts.append(_trend(result.series, view))
    return stacked(parts)


def _steps_table(series: Sequence[FunnelResult.Series], funnel: Funnel, view: View) -> Table:
    rows = [each.steps[place] for place in range(len(funnel.steps)) for each in series]
    columns = [
        *_names(series, funnel, range(len(funnel.steps))),
        Column(_UNITS.get(funnel.count_by, "persons"), [f"{step.count:,}" for step in rows]),
        Column("of first", [percent(step.from_first) for step in rows]),
        Column("of previous", ["" if place < len(series) else percent(step.from_previous) for place, step in enumerate(rows)]),
    ]
    room = min(view.chart_width - sum(each.width + GAP for each in columns), _WIDEST_BAR)
    if room >= _NARROWEST_BAR:
        columns.append(Column("", [Text(bar(step.from_first, room), "green") for step in rows], is_number=False))
    return table_of(columns)


def _names(series: Sequence[FunnelResult.Series], funnel: Funnel, places: Sequence[int]) -> list[Column]:
    labels = [_step_label(funnel, place) for place in places]
    blank = [""] * (len(series) - 1)
    columns = [Column("step", [cell for label in labels for cell in (label, *blank)], is_number=False)]
    if funnel.breakdowns:
        cells = [cell_text(each.cell) for each in series] * len(labels)
        columns.append(Column(breakdown_text(funnel.breakdowns), cells, is_number=False))
    return columns


def _step_label(funnel: Funnel, place: int) -> str:
    step = funnel.steps[place]
    label = f"{place + 1} {event_name(step.event)}{' (optional)' if step.optional else ''}"
    longest = _LONGEST_STEP_BESIDE_CELLS if funnel.breakdowns else _LONGEST_STEP
    return cut(label, longest)


def _timing_table(series: Sequence[FunnelResult.Series], funnel: Funnel) -> Table:
    places = range(1, len(funnel.steps))
    rows = [each.steps[place] for place in places for each in series]
    return table_of(
        [
            *_names(series, funnel, places),
            Column("average", [_time_text(step, "average") for step in rows]),
            Column("median", [_time_text(step, "median") for step in rows]),
            Column("95 %", [_time_text(step, "p95") for step in rows]),
        ]
    )


def _time_text(step: FunnelResult.Step, name: str) -> str:
    time: Duration = getattr(step, name)
    return duration_text(time.ToTimedelta().total_seconds()) if step.HasField(name) else ""


def _histogram_table(series: Sequence[FunnelResult.Series], funnel: Funnel) -> Table:
    places = range(1, len(funnel.steps))
    rows = [each.steps[place] for place in places for each in series]
    names = [f"{place + 1} {cell_text(each.cell)}".rstrip() for place in places for each in series]
    bins = max((list(step.histogram) for step in rows), key=len)
    counts = [
        Column(_edge_text(each), [f"{step.histogram[place].count:,}" if step.histogram else "0" for step in rows])
        for place, each in enumerate(bins)
    ]
    return table_of([Column("step within", names, is_number=False), *counts])


def _edge_text(edge: FunnelResult.Bin) -> str:
    return span_text(edge.upper.ToTimedelta()) if edge.HasField("upper") else "more"


def _trend(series: Sequence[FunnelResult.Series], view: View) -> Group:
    granularity = view.request.granularity
    buckets = [bucket_text(each.start, granularity, view.zone, partial=each.partial) for each in series[0].trend]
    groups = [_entries(each, view) for each in series]
    fixed = [Column(granularity_name(granularity), buckets, is_number=False)]
    note = f"{PARTIAL} not a whole {granularity_name(granularity)}, or time is left to convert"
    partial = any(each.partial for each in series[0].trend)
    return Group(in_blocks(fixed, groups, view.width), *([Text(note, "dim")] if partial else []))


def _entries(series: FunnelResult.Series, view: View) -> list[Column]:
    shares = [each.converted / each.entered if each.entered else 0.0 for each in series.trend]
    cell = cell_text(series.cell)
    columns = [
        Column(f"{cell} entered".lstrip(), [f"{each.entered:,}" for each in series.trend]),
        Column("converted", [f"{each.converted:,}" for each in series.trend]),
        Column("share", [percent(share) if each.entered else "–" for share, each in zip(shares, series.trend, strict=True)]),
    ]
    if not cell and view.chart_width > 60:  # noqa: PLR2004 (what the other columns take, and a bar)
        columns.append(Column("", [Text(bar(share, 20), "green") for share in shares], is_number=False))
    return columns
