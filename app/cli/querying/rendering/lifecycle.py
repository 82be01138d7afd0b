"""Lifecycle: who comes, stays and goes, with a bar to both sides of zero."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from app.cli.querying.rendering.columns import GAP, Column, table_of
from app.cli.querying.rendering.labels import PARTIAL, bucket_text, granularity_name
from app.cli.querying.rendering.view import View
from pug.insights.v1.lifecycle_pb2 import LifecycleResult

_DORMANT, _NEW, _RETURNING, _RESURRECTING = (("░", "red"), ("▒", "blue"), ("█", "green"), ("▓", "yellow"))
_NARROWEST_BAR, _WIDEST_BAR = 10, 40


def lifecycle_text(result: LifecycleResult, view: View) -> Group:
    """A row for each bucket: the numbers, who has gone to the left of the axis, who is active to the right."""
    granularity = view.request.granularity
    states = (list(result.new), list(result.returning), list(result.resurrecting), list(result.dormant))
    buckets = [bucket_text(each.start, granularity, view.zone, partial=each.partial) for each in result.buckets]
    columns = [
        Column(granularity_name(granularity), buckets, is_number=False),
        *(Column(name, [f"{count:,}" for count in counts]) for name, counts in zip(_NAMES, states, strict=True)),
    ]
    room = min(view.chart_width - sum(each.width + GAP for each in columns), _WIDEST_BAR)
    if room >= _NARROWEST_BAR:
        columns.append(Column("", _bars(states, room), is_number=False))
    notes = [_LEGEND] if room >= _NARROWEST_BAR else []
    if any(each.partial for each in result.buckets):
        notes.append(Text(f"{PARTIAL} not a whole {granularity_name(granularity)}", "dim"))
    return Group(table_of(columns), *notes)


_NAMES = ("new", "returning", "resurrecting", "dormant")
_LEGEND = Text.assemble(_DORMANT, " dormant  │  ", _NEW, " new  ", _RETURNING, " returning  ", _RESURRECTING, " resurrecting", style="dim")


def _bars(states: Sequence[Sequence[int]], room: int) -> list[Text]:
    rows = list(zip(*states, strict=True))
    gone = max((-dormant for *_, dormant in rows), default=0)
    active = max((new + returning + resurrecting for new, returning, resurrecting, _ in rows), default=0)
    # One scale for both sides, so that lengths can be compared across the axis.
    scale = (room - 1) / max(1, gone + active)
    left = round(gone * scale)
    return [_bar(row, scale, left) for row in rows]


def _bar(row: Sequence[int], scale: float, left: int) -> Text:
    new, returning, resurrecting, dormant = row
    gone = round(-dormant * scale)
    bar = Text(" " * (left - gone)).append(_DORMANT[0] * gone, _DORMANT[1]).append("│", "dim")
    drawn = passed = 0
    for (glyph, colour), count in ((_NEW, new), (_RETURNING, returning), (_RESURRECTING, resurrecting)):
        passed += count
        # Rounded where each part ends, so that the whole is as long as it should be.
        bar.append(glyph * (round(passed * scale) - drawn), colour)
        drawn = round(passed * scale)
    return bar
