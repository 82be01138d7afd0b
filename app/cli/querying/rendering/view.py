"""What a rendering knows beside the answer."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pug.insights.v1 import insights_pb2 as pb

# Beyond it a bar says no more.
_WIDEST_CHART = 100


@dataclass(frozen=True, slots=True)
class View:
    """The question, the time zone of its buckets, and how many columns of characters there are."""

    request: pb.QueryRequest
    zone: ZoneInfo
    width: int
    sparkline: bool = False

    @property
    def chart_width(self) -> int:
        """The columns for a table with a chart: a pipe has no end, which is no width for a bar."""
        return min(self.width, _WIDEST_CHART)
