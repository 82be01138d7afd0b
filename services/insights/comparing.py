"""The earlier range a query is compared with: its own range and buckets, shifted.

They are shifted bucket by bucket, so that there are as many of both and each has its counterpart of the same index. By default the local
clock is turned back, so that days are compared with days across a change of clocks; where that would leave a bucket without time, because
its hours are skipped or repeated, all are shifted by real time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.errors import InvalidArgument
from core.instants import MILLISECOND
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.buckets import Bucket
from services.insights.ranges import Range, span_of

_COMPARED = ("trends", "segmentation", "sessions")
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_NO_TIME = timedelta()


@dataclass(frozen=True, slots=True)
class Earlier:
    """A range and its buckets, none of which reaches out of it."""

    range: Range
    buckets: tuple[Bucket, ...]


def earlier(request: QueryRequest, asked: Range, buckets: tuple[Bucket, ...], zone: ZoneInfo) -> Earlier | None:
    """What the query compares its range with; None when it compares with nothing."""
    if not request.HasField("compare"):
        return None
    if (kind := request.insight.WhichOneof("kind")) not in (*_COMPARED, None):
        raise InvalidArgument(f"An insight of the kind {kind} compares with nothing.", field="compare", hint="Leave compare out.")
    offset = _offset(request)
    # Segmentation has the range as its only bucket.
    edges = [asked.start, *(bucket.start for bucket in buckets[1:] if kind != "segmentation"), asked.end]
    if offset >= edges[0] - _FIRST:
        raise InvalidArgument(
            "The range to compare with is out of range.", field="compare.offset", hint=f"Use the years from {_FIRST.year}."
        )
    shifted = _by_the_clock(edges, offset, zone)
    if any(first >= last for first, last in pairwise(shifted)):
        shifted = [edge - (offset or asked.end - asked.start) for edge in edges]
    return Earlier(Range(shifted[0], shifted[-1]), tuple(Bucket(first, last, partial=False) for first, last in pairwise(shifted)))


def _offset(request: QueryRequest) -> timedelta:
    """How long before; nothing for as long as the range is."""
    if not request.compare.HasField("offset"):
        return _NO_TIME
    # Events have milliseconds.
    offset = span_of(request.compare.offset, "compare.offset") // MILLISECOND * MILLISECOND
    if offset <= _NO_TIME:
        raise InvalidArgument(
            "The offset to compare with is not positive.", field="compare.offset", hint="Say how long before, such as 604800s for a week."
        )
    return offset


def _by_the_clock(edges: list[datetime], offset: timedelta, zone: ZoneInfo) -> list[datetime]:
    read = [edge.astimezone(zone).replace(tzinfo=None) for edge in edges]
    by = offset or read[-1] - read[0]
    return [(clock - by).replace(tzinfo=zone).astimezone(UTC) for clock in read]
