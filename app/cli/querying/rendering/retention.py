"""Retention: a triangle of cohorts and periods, shaded."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from app.cli.querying.rendering.charts import shade
from app.cli.querying.rendering.columns import Column, in_blocks, stacked
from app.cli.querying.rendering.labels import PARTIAL, breakdown_text, bucket_text, cell_text
from app.cli.querying.rendering.view import View
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.retention_pb2 import Retention, RetentionResult

_GRANULARITIES: dict[int, pb.Granularity] = {
    Retention.PERIOD_UNSPECIFIED: pb.GRANULARITY_DAY,
    Retention.PERIOD_HOUR: pb.GRANULARITY_HOUR,
    Retention.PERIOD_DAY: pb.GRANULARITY_DAY,
    Retention.PERIOD_WEEK: pb.GRANULARITY_WEEK,
    Retention.PERIOD_MONTH: pb.GRANULARITY_MONTH,
}
# Where most cells would be 0 to 9 %, a decimal tells them apart.
_FEW = 0.1


def retention_text(result: RetentionResult, view: View) -> Group:
    """A triangle for each cell: who began when, and the share of them that came back after so many periods."""
    shares = [share for series in result.series for cohort in series.cohorts for share in _shares(cohort)[1:]]
    most = max(shares, default=0.0)
    tables = [_titled(series, _triangle(series, most, view), view) for series in result.series]
    growing = any(cohort.size and cohort.complete < len(cohort.counts) for series in result.series for cohort in series.cohorts)
    return Group(stacked(tables), *([Text(f"{PARTIAL} can still grow", "dim")] if growing else []))


def _titled(series: RetentionResult.Series, triangle: Group, view: View) -> Group:
    cell = cell_text(series.cell)
    return Group(Text(f"{breakdown_text(view.request.insight.retention.breakdowns)}: {cell}", "bold"), triangle) if cell else triangle


def _triangle(series: RetentionResult.Series, most: float, view: View) -> Group:
    retention = view.request.insight.retention
    granularity = _GRANULARITIES[retention.period]
    starts = [bucket_text(each.start, granularity, view.zone) for each in series.cohorts]
    sizes = [f"{each.size:,}" for each in series.cohorts]
    fixed = [
        Column(pb.Granularity.Name(granularity).removeprefix("GRANULARITY_").lower(), [*starts, "mean"], is_number=False),
        Column("size", [*sizes, ""]),
    ]
    periods = max((len(each.counts) for each in series.cohorts), default=1)
    columns = [
        [Column(_head(retention, period), [*(_cell(each, period, most) for each in series.cohorts), _mean(series, period, most)])]
        for period in range(1, periods)
    ]
    return in_blocks(fixed, columns, view.width)


def _head(retention: Retention, period: int) -> str:
    if retention.mode != Retention.MODE_BRACKETS:
        return f"{period}  "
    first = 1 + sum(retention.brackets[: period - 1])
    last = first + retention.brackets[period - 1] - 1
    return f"{first}  " if first == last else f"{first}–{last}  "


def _cell(cohort: RetentionResult.Cohort, period: int, most: float) -> Text:
    if period >= len(cohort.counts) or not cohort.size:
        return Text("")
    share = _shares(cohort)[period]
    if period >= cohort.complete:
        return Text(f"{_share_text(share, most)}{PARTIAL}", "dim")
    return Text.assemble(_share_text(share, most), (shade(share, most), "green"))


def _mean(series: RetentionResult.Series, period: int, most: float) -> Text:
    return Text(f"{_share_text(series.mean[period], most)} ", "bold") if period < len(series.mean) else Text("")


def _share_text(share: float, most: float) -> str:
    return f"{share:.1%}" if most < _FEW else f"{share:.0%}"


def _shares(cohort: RetentionResult.Cohort) -> Sequence[float]:
    return [count / cohort.size if cohort.size else 0.0 for count in cohort.counts]
