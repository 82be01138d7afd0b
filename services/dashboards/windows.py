"""What time a dashboard is about: its window as instants, found once for all of its tiles."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import InvalidArgument
from pug.dashboards.v1.dashboard_pb2 import Dashboard, Window
from pug.insights.v1.filter_pb2 import FilterGroup
from pug.insights.v1.insights_pb2 import Compare, Granularity, Insight, Preset, QueryRequest, TimeRange
from services.dashboards.filters import joined
from services.insights.buckets import Grain
from services.insights.ranges import finest, grain_of, instants_of, weeks_on_sunday, zone_of
from services.rpc.call import Project

DEFAULT = Window(preset=Preset.PRESET_LAST_30_DAYS, granularity=Granularity.GRANULARITY_DAY)


_GRANULARITIES = {
    Grain.MINUTE: Granularity.GRANULARITY_MINUTE,
    Grain.HOUR: Granularity.GRANULARITY_HOUR,
    Grain.DAY: Granularity.GRANULARITY_DAY,
    Grain.WEEK: Granularity.GRANULARITY_WEEK,
    Grain.MONTH: Granularity.GRANULARITY_MONTH,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all tiles of a dashboard have in common when they are asked."""

    time_range: TimeRange
    granularity: Granularity
    time_zone: str
    week_start: int
    filters: FilterGroup
    resolved_at: datetime

    def question(self, insight: Insight, compare: Compare | None) -> QueryRequest:
        """The insight, asked about this time under these filters."""
        request = QueryRequest(
            insight=insight,
            time_range=self.time_range,
            granularity=self.granularity,
            time_zone=self.time_zone,
            week_start=self.week_start,  # pyright: ignore[reportArgumentType] (an open enum)
            compare=compare,
        )
        filters = joined([self.filters, insight.filters])
        if filters.ByteSize():
            request.insight.filters.CopyFrom(filters)
        return request

    def without_filters(self) -> "Frame":
        """The same time, about everything."""
        return replace(self, filters=FilterGroup())


def frame_of(dashboard: Dashboard, project: Project, now: datetime, field: str = "window") -> Frame:
    """The frame of a dashboard; `field` is the path of its window in the request, of which what is wrong with it is told.

    Where the range has too many buckets of the window's granularity, it is the finest that fits.
    """
    window = dashboard.window
    request = QueryRequest(granularity=window.granularity, week_start=dashboard.week_start)
    match window.WhichOneof("range"):
        case "preset":
            request.preset = window.preset
        case "time_range":
            request.time_range.CopyFrom(window.time_range)
        case _:
            pass
    zone = zone_of(request, project.time_zone)
    with below(field):
        asked = instants_of(request, zone, now)
        grain = finest(asked, zone, grain_of(request))
    return Frame(
        # `from` is a keyword, so it can only be given by name.
        time_range=TimeRange(**{"from": asked.start}, to=asked.end),
        granularity=_GRANULARITIES[grain],
        time_zone=zone.key,
        week_start=dashboard.week_start,
        filters=dashboard.filters,
        resolved_at=now,
    )


def check_week_start(week_start: int, field: str) -> None:
    """Refuse a first day of a week there is none of."""
    try:
        weeks_on_sunday(QueryRequest(week_start=week_start))  # pyright: ignore[reportArgumentType] (an open enum)
    except InvalidArgument as error:
        error.field = field
        raise


@contextmanager
def below(field: str) -> Generator[None]:
    """Around what names fields: names them as fields of the one at a path."""
    try:
        yield
    except InvalidArgument as error:
        error.field = f"{field}.{error.field}" if error.field else field
        raise
