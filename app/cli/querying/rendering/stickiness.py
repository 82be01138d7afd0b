"""Stickiness: in how many buckets persons are active."""

from rich.table import Table
from rich.text import Text

from app.cli.querying.rendering.charts import bar, percent
from app.cli.querying.rendering.columns import Column, table_of
from app.cli.querying.rendering.labels import granularity_name
from app.cli.querying.rendering.view import View
from pug.insights.v1.stickiness_pb2 import Stickiness, StickinessResult

_BAR = 40


def stickiness_text(result: StickinessResult, view: View) -> Table:
    """A bar for each number of buckets, up to the most that anybody was active in."""
    cumulative = view.request.insight.stickiness.mode == Stickiness.MODE_CUMULATIVE
    counts = list(result.counts)
    while counts and not counts[-1]:
        counts.pop()
    everybody = (counts[0] if counts else 0) if cumulative else sum(counts)
    most = max(counts, default=0)
    numbers = [f"{'at least ' if cumulative else ''}{place}" for place in range(1, len(counts) + 1)]
    return table_of(
        [
            Column(f"{granularity_name(view.request.granularity)}s active", numbers),
            Column("persons", [f"{count:,}" for count in counts]),
            Column("share", [percent(count / everybody) for count in counts]),
            Column("", [Text(bar(count / most, _BAR), "cyan") for count in counts], is_number=False),
        ]
    )
