"""Makes answers readable: tables, sparklines, and the line about how exact they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import assert_never
from zoneinfo import ZoneInfo

from rich.table import Table

from app.cli.output import instant_text, number_text, number_texts, table
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.trends_pb2 import TrendsResult

_TICKS = "▁▂▃▄▅▆▇█"
_EXACTNESS = {pb.Meta.EXACTNESS_EXACT: "exact", pb.Meta.EXACTNESS_APPROXIMATE: "approximate"}
_SOURCES = {pb.Meta.TABLE_RAW: "from the events themselves", pb.Meta.TABLE_ROLLUP: "from rollups"}
_PARTIAL = "*"


def answer_table(answer: pb.QueryResponse, granularity: pb.Granularity, names: Mapping[str, str]) -> Table:
    """An answer as a table, one row per bucket and one column per line of the answer."""
    kind = answer.WhichOneof("result")
    match kind:
        case "trends" | None:
            return _trends_table(answer.trends, granularity, zone_of(answer.meta), names)
        case _:
            assert_never(kind)


def _trends_table(trends: TrendsResult, granularity: pb.Granularity, zone: ZoneInfo, names: Mapping[str, str]) -> Table:
    labels = series_labels(trends, names)
    values = [number_texts(list(series.values)) for series in trends.series]
    rows = [(bucket_text(bucket, granularity, zone), *(column[place] for column in values)) for place, bucket in enumerate(trends.buckets)]
    return table((_granularity_name(granularity), *labels), rows, numbers=range(1, len(labels) + 1))


def spark_table(trends: TrendsResult, names: Mapping[str, str], additive: frozenset[str]) -> Table:
    """One line per line of the answer: how it went, its least and greatest bucket and, for the `additive` series, the sum of all.

    Other metrics have no such sum: somebody who comes back in another month would count twice.
    """
    rows = [
        (label, sparkline(list(series.values)), *_extremes(list(series.values), additive=series.series in additive))
        for label, series in zip(series_labels(trends, names), trends.series, strict=True)
    ]
    return table(("", "", "min", "max", "total"), rows, numbers=(2, 3, 4))


def sparkline(values: Sequence[float]) -> str:
    """The values as a row of small bars; the lowest bar is zero, or the least value when one is below zero."""
    if not values:
        return ""
    floor = min(0.0, *values)
    reach = max(values) - floor
    return "".join(_TICKS[round((value - floor) / reach * (len(_TICKS) - 1))] if reach else _TICKS[0] for value in values)


def series_labels(trends: TrendsResult, names: Mapping[str, str]) -> list[str]:
    """A label for each line: its cell, its series, or both when there are several of each."""
    letters = {series.series for series in trends.series}
    return [_label(series, names, several=len(letters) > 1) for series in trends.series]


def bucket_text(bucket: TrendsResult.Bucket, granularity: pb.Granularity, zone: ZoneInfo) -> str:
    """When a bucket starts, as exactly as its size needs; a star says it is not whole."""
    start = bucket.start.ToDatetime(UTC).astimezone(zone)
    match granularity:
        case pb.GRANULARITY_MONTH:
            text = f"{start:%Y-%m}"
        case pb.GRANULARITY_MINUTE | pb.GRANULARITY_HOUR:
            text = f"{start:%Y-%m-%d %H:%M}"
        case _:
            text = f"{start:%Y-%m-%d}"
    return text + (_PARTIAL if bucket.partial else "")


def meta_line(meta: pb.Meta, *, partial: bool) -> str:
    """How exact and how fresh an answer is, and what it cost."""
    zone = zone_of(meta)
    parts = [
        _EXACTNESS.get(meta.exactness, ""),
        f"complete until {instant_text(meta.complete_until.ToDatetime(UTC), zone)}" if meta.HasField("complete_until") else "",
        f"{meta.rows_read:,} rows read",
        f"{meta.elapsed.ToTimedelta().total_seconds() * 1000:,.0f} ms" if meta.HasField("elapsed") else "",
        _SOURCES.get(meta.source, ""),
        f"{_PARTIAL} not a whole bucket" if partial else "",
    ]
    return " · ".join(part for part in parts if part)


def zone_of(meta: pb.Meta) -> ZoneInfo:
    """The time zone buckets were cut in."""
    return ZoneInfo(meta.time_zone or "UTC")


def _label(series: TrendsResult.Series, names: Mapping[str, str], *, several: bool) -> str:
    name = names.get(series.series, series.series)
    cell = cell_text(series.cell)
    if not cell:
        return f"{series.series} {name}" if several else name
    return f"{series.series} {cell}" if several else cell


def cell_text(cell: Cell) -> str:
    """The values of a cell; empty when nothing was broken down."""
    if cell.others:
        return "(others)"
    return " / ".join("(none)" if value.absent else value.value or '""' for value in cell.values)


def _extremes(values: Sequence[float], *, additive: bool) -> tuple[str, str, str]:
    if not values:
        return "", "", ""
    return number_text(min(values)), number_text(max(values)), number_text(sum(values)) if additive else ""


def _granularity_name(granularity: pb.Granularity) -> str:
    return "day" if not granularity else pb.Granularity.Name(granularity).removeprefix("GRANULARITY_").lower()
