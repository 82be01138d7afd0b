"""What a query may see: one project's events in a range of time, under the query's filters.

The only place that names the events table, besides the stitching of sessions.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.sql import Sql, instant, join, sql, unsigned
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.buckets import Bucket, cut
from services.insights.filters import group_condition
from services.insights.people import AsOf, People, is_counted
from services.insights.ranges import Range, grain_of, range_of, weeks_on_sunday, zone_of
from services.insights.sessions import SESSION, stitched
from services.rpc.call import Project

_EVENTS = """({ties}
    SELECT {columns}
    FROM events{sessions}
    WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to}{restrictions}
)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The events a query may see, and the buckets they fall in."""

    project: Project
    zone: ZoneInfo
    range: Range
    buckets: tuple[Bucket, ...]
    as_of: AsOf
    filters: Sql | None
    include_cookieless: bool

    @property
    def of_persons(self) -> list[Sql]:
        """What has to hold for an event to count for a metric of persons."""
        return [] if self.include_cookieless else [is_counted()]

    def events(self, columns: list[Sql], where: list[Sql], within: Range | None = None) -> Sql:
        """A subquery with one row for each event in the scope, or in another range, for which all of `where` holds.

        SESSION among the columns is the event's session (services/insights/sessions.py).

        Properties have to be read in `columns` and `where`: outside of the subquery ClickHouse would read all properties for one.
        """
        within = within or self.range
        restrictions = [*where, *([self.filters] if self.filters else [])]
        return sql(
            _EVENTS,
            ties=self.as_of.people.ties(),
            **{"from": instant(within.start)},
            to=instant(within.end),
            project=unsigned(self.project.id),
            columns=join(", ", columns),
            sessions=stitched(self.project.id, within) if SESSION in columns else sql(""),
            restrictions=join("", (sql("\n    AND ({condition})", condition=condition) for condition in restrictions)),
        )


def scope_of(request: QueryRequest, project: Project, now: datetime, identity_version: int = 0) -> Scope:
    """The scope of a query, with the people as of a version of the project's identity, or what is wrong with it."""
    as_of = AsOf(now, People(project.id, identity_version))
    filters = request.insight.filters
    zone = zone_of(request, project.time_zone)
    grain = grain_of(request)
    asked = range_of(request, zone, grain, now)
    return Scope(
        project=project,
        zone=zone,
        range=asked,
        buckets=cut(asked.start, asked.end, now, grain=grain, zone=zone, weeks_on_sunday=weeks_on_sunday(request)),
        as_of=as_of,
        filters=group_condition(filters, "insight.filters", as_of) if filters.ByteSize() else None,
        include_cookieless=request.insight.include_cookieless,
    )
