"""The line below an answer: how exact and how fresh it is, and what it cost."""

from datetime import UTC
from zoneinfo import ZoneInfo

from app.cli.output import instant_text, visible
from core.words import counted
from pug.insights.v1 import insights_pb2 as pb

_EXACTNESS = {pb.Meta.EXACTNESS_EXACT: "exact", pb.Meta.EXACTNESS_APPROXIMATE: "approximate"}
_SOURCES = {pb.Meta.TABLE_RAW: "raw", pb.Meta.TABLE_ROLLUP: "rollup"}


def meta_line(meta: pb.Meta) -> str:
    """How exact and how fresh an answer is, and what it cost."""
    zone = zone_of(meta)
    parts = [
        _EXACTNESS.get(meta.exactness, ""),
        _SOURCES.get(meta.source, ""),
        f"{counted(meta.rows_read, 'row')} read",
        f"{meta.elapsed.ToTimedelta().total_seconds() * 1000:,.0f} ms" if meta.HasField("elapsed") else "",
        f"complete until {instant_text(meta.complete_until.ToDatetime(UTC), zone)}" if meta.HasField("complete_until") else "",
    ]
    return " · ".join(part for part in parts if part)


def hint_line(meta: pb.Meta) -> str:
    """What may be mistaken in the question."""
    return f"hint: {visible(meta.hint)}"


def zone_of(meta: pb.Meta) -> ZoneInfo:
    """The time zone buckets were cut in."""
    return ZoneInfo(meta.time_zone or "UTC")
