"""What a query may see: one project's events in a range of time, under the query's filters.

The only place that reads the events table, or a rollup in its place, besides the stitching of sessions and the look-up of what is known of
them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from core.sql import Sql, instant, join, sql, unsigned
from pug.insights.v1.filter_pb2 import FilterGroup
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.buckets import Bucket, Grain, cut, cut_and
from services.insights.comparing import earlier
from services.insights.filters import group_condition
from services.insights.people import AsOf, People, is_counted
from services.insights.ranges import EVER, Range, range_and_grain_of, weeks_on_sunday, zone_of
from services.insights.session_facts import facts_in, looked_up
from services.insights.sessions import SESSION, followed, stitched
from services.insights.tables import EVENTS, NotKept, Table
from services.rpc.call import Project

_EVENTS = """({ties}
    SELECT {columns}
    FROM {table}{tie}{sessions}
    WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to}{restrictions}
)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The events a query may see, and the buckets they fall in."""

    project: Project
    zone: ZoneInfo
    range: Range
    grain: Grain
    weeks_on_sunday: bool
    buckets: tuple[Bucket, ...]
    # The whole bucket before the first.
    bucket_before: Bucket
    as_of: AsOf
    filters: Sql | None
    include_cookieless: bool
    # Whether distinct persons and sessions may be estimated.
    approximate: bool = False
    # The range whose sessions are looked up, where only a part of it is read.
    whole: Range | None = None
    # The same about the earlier range that the query compares with, if any.
    compared: "Scope | None" = None

    @property
    def of_persons(self) -> list[Sql]:
        """What has to hold for an event to count for a metric of persons."""
        return [] if self.include_cookieless else [is_counted()]

    @property
    def history(self) -> Range:
        """The range with everything before it."""
        return Range(EVER.start, self.range.end)

    def as_one_bucket(self) -> "Scope":
        """The same, with the whole range as its only bucket."""
        whole = Bucket(self.range.start, self.range.end, partial=False)
        return replace(self, buckets=(whole,), compared=self.compared.as_one_bucket() if self.compared else None)

    def reading(self, table: Table, filters: FilterGroup) -> "Scope":
        """The same on another table than the events; `filters` are the query's."""
        if table is EVENTS:
            return self
        as_of = replace(self.as_of, table=table)
        read = replace(self, as_of=as_of, filters=_filters(filters, as_of))
        return replace(
            read, compared=replace(read, range=self.compared.range, buckets=self.compared.buckets, compared=None) if self.compared else None
        )

    def buckets_and(self, more: int) -> tuple[Bucket, ...]:
        """The buckets of the range, and as many as that after them."""
        return cut_and(more, self.buckets, self.as_of.now, grain=self.grain, zone=self.zone, weeks_on_sunday=self.weeks_on_sunday)

    def events(self, columns: list[Sql], where: list[Sql], within: Range | None = None) -> Sql:
        """A subquery with one row for each event in the scope for which all of `where` holds.

        SESSION among the columns is the event's session (services/insights/sessions.py), and what is known of it may be asked for in
        `columns`, `where` and the filters of the query (services/insights/session_facts.py).

        `within` is another range than the query's, to read what was before it or came after.
        Properties have to be read in `columns` and `where`: outside of the subquery ClickHouse would read all properties for one.
        """
        read, table = within or self.range, self.as_of.table
        restrictions = [*([table.once] if table.once else []), *where, *([self.filters] if self.filters else [])]
        table.check([*columns, *restrictions])
        facts = facts_in([*columns, *restrictions])
        if facts and table.is_rollup:
            raise NotKept
        known = followed(self.whole or read)
        asked = {word for piece in (*columns, *restrictions) for word in piece.words}
        return sql(
            _EVENTS,
            table=table.name,
            ties=self.as_of.people.ties() if "ties" in asked else sql(""),
            tie=self.as_of.people.joined() if "tied_to" in asked else sql(""),
            **{"from": instant(read.start)},
            to=instant(read.end),
            project=unsigned(self.project.id),
            columns=join(", ", columns).with_written(facts),
            sessions=sql(
                "{stitched}{facts}",
                stitched=stitched(self.project.id, known.start, read.end) if facts or SESSION in columns else sql(""),
                facts=looked_up(facts, self.project.id, known) if facts else sql(""),
            ),
            restrictions=join("", (sql("\n    AND ({condition})", condition=condition) for condition in restrictions)).with_written(facts),
        )


def scope_of(request: QueryRequest, project: Project, now: datetime, identity_version: int = 0) -> Scope:
    """The scope of a query, with the people as of a version of the project's identity, or what is wrong with it."""
    as_of = AsOf(now, People(project.id, identity_version, may_join=True), knows_sessions=True)
    filters = request.insight.filters
    zone = zone_of(request, project.time_zone)
    sunday = weeks_on_sunday(request)
    asked, grain = range_and_grain_of(request, zone, now)
    cut_by = partial(cut, now=now, grain=grain, zone=zone, weeks_on_sunday=sunday)
    buckets = cut_by(asked.start, asked.end)
    scope = Scope(
        project=project,
        zone=zone,
        range=asked,
        grain=grain,
        weeks_on_sunday=sunday,
        buckets=buckets,
        bucket_before=cut_by(buckets[0].start - timedelta(milliseconds=1), buckets[0].start)[-1],
        as_of=as_of,
        filters=_filters(filters, as_of),
        include_cookieless=request.insight.include_cookieless,
        approximate=request.approximate,
    )
    before = earlier(request, asked, scope.buckets, zone)
    return replace(scope, compared=replace(scope, range=before.range, buckets=before.buckets)) if before else scope


def _filters(filters: FilterGroup, as_of: AsOf) -> Sql | None:
    return group_condition(filters, "insight.filters", as_of) if filters.ByteSize() else None
