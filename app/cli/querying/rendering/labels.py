"""How buckets and cells are called."""

from collections.abc import Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from app.cli.output import visible
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Breakdown, Cell
from pug.insights.v1.filter_pb2 import SOURCE_PERSON, SOURCE_SESSION

PARTIAL = "*"
OTHERS = "(others)"
NONE = "(none)"
_PREFIXES: dict[int, str] = {SOURCE_PERSON: "@", SOURCE_SESSION: "session:"}


def granularity_name(granularity: pb.Granularity) -> str:
    """`day`."""
    return "day" if not granularity else pb.Granularity.Name(granularity).removeprefix("GRANULARITY_").lower()


def bucket_text(start: Timestamp, granularity: pb.Granularity, zone: ZoneInfo, *, partial: bool = False) -> str:
    """When a bucket starts, as exactly as its size needs; a star says it is not whole."""
    local = start.ToDatetime(UTC).astimezone(zone)
    match granularity:
        case pb.GRANULARITY_MONTH:
            text = f"{local:%Y-%m}"
        case pb.GRANULARITY_MINUTE | pb.GRANULARITY_HOUR:
            text = f"{local:%Y-%m-%d %H:%M}"
        case _:
            text = f"{local:%Y-%m-%d}"
    return text + (PARTIAL if partial else "")


def cell_text(cell: Cell) -> str:
    """The values of a cell; empty when nothing was broken down."""
    return OTHERS if cell.others else " / ".join(value_text(value.value, absent=value.absent) for value in cell.values)


def value_text(value: str, *, absent: bool) -> str:
    """One value of a property."""
    return NONE if absent else visible(value) or '""'


def breakdown_text(breakdowns: Sequence[Breakdown]) -> str:
    """The properties of a breakdown, as people type them."""
    return " / ".join(f"{_PREFIXES.get(each.source, '')}{each.property}" for each in breakdowns)


def cut(label: str, longest: int) -> str:
    """A label of at most so many characters."""
    return label if len(label) <= longest else f"{label[: longest - 1]}…"
