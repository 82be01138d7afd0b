"""What a query may see: one project's events in a range of time, under the query's filters.

The only place that names the events table.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core.sql import Sql, instant, join, sql, unsigned
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.buckets import Bucket, cut
from services.insights.comparing import earlier
from services.insights.filters import group_condition
from services.insights.people import AsOf, People, is_counted
from services.insights.ranges import Range, grain_of, range_of, weeks_on_sunday, zone_of
from services.rpc.call import Project

_EVENTS = """({ties}
    SELECT {columns}
    FROM events
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
    # Whether distinct persons and sessions may be estimated.
    approximate: bool = False
    # The same about the earlier range that the query compares with, if any.
    compared: "Scope | None" = None

    @property
    def of_persons(self) -> list[Sql]:
        """What has to hold for an event to count for a metric of persons."""
        return [] if self.include_cookieless else [is_counted()]

    def as_one_bucket(self) -> "Scope":
        """The same, with the whole range as its only bucket."""
        whole = Bucket(self.range.start, self.range.end, partial=False)
        return replace(self, buckets=(whole,), compared=self.compared.as_one_bucket() if self.compared else None)

    def events(self, columns: list[Sql], where: list[Sql]) -> Sql:
        """A subquery with one row for each event in the scope for which all of `where` holds.

        Properties have to be read in `columns` and `where`: outside of the subquery ClickHouse would read all properties for one.
        """
        restrictions = [*where, *([self.filters] if self.filters else [])]
        return sql(
            _EVENTS,
            ties=self.as_of.people.ties(),
            **{"from": instant(self.range.start)},
            to=instant(self.range.end),
            project=unsigned(self.project.id),
            columns=join(", ", columns),
            restrictions=join("", (sql("\n    AND ({condition})", condition=condition) for condition in restrictions)),
        )


def scope_of(request: QueryRequest, project: Project, now: datetime, identity_version: int = 0) -> Scope:
    """The scope of a query, with the people as of a version of the project's identity, or what is wrong with it."""
    as_of = AsOf(now, People(project.id, identity_version))
    filters = request.insight.filters
    zone = zone_of(request, project.time_zone)
    grain = grain_of(request)
    asked = range_of(request, zone, grain, now)
    scope = Scope(
        project=project,
        zone=zone,
        range=asked,
        buckets=cut(asked.start, asked.end, now, grain=grain, zone=zone, weeks_on_sunday=weeks_on_sunday(request)),
        as_of=as_of,
        filters=group_condition(filters, "insight.filters", as_of) if filters.ByteSize() else None,
        include_cookieless=request.insight.include_cookieless,
        approximate=request.approximate,
    )
    before = earlier(request, asked, scope.buckets, zone)
    return replace(scope, compared=replace(scope, range=before.range, buckets=before.buckets)) if before else scope
