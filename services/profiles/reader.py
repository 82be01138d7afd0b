"""Reads people and what they did: PostgreSQL says who is who and what is known of them, ClickHouse has the events."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.person_ids import id_of_hash, person_id
from core.sql import Sql
from pug.profiles.v1 import profiles_pb2 as pb
from services.insights.limits import QueryLimits, limited
from services.insights.people import AsOf, People, latest_version
from services.profiles import events
from services.profiles.activity import Activities, Activity, theirs
from services.profiles.directory import Directory, Known
from services.profiles.events import Moment
from services.profiles.finding import Finding, Place, shape
from services.profiles.traits import values_in
from services.rpc.call import Call
from services.rpc.pages import Page, page_of

# Where somebody stands in the list, who they are and what they did.
Listed = tuple[Place, Known, Activity | None]
_TOGETHER = 100


class Reader:
    """People as they are now."""

    def __init__(self, directory: Directory, clickhouse: ClickHouse, limits: QueryLimits, now: Callable[[], datetime]) -> None:
        """`limits` are those of one query."""
        self._directory = directory
        self._clickhouse = clickhouse
        self._limits = limits
        self._now = now
        self._activities = Activities(clickhouse, limits)

    async def by_person_id(self, person: str, call: Call) -> Known | None:
        """The person of an id of theirs, or of one merged into them."""
        if known := await self._directory.find(call.project.id, person=person):
            return known
        distinct_id = await self._activities.distinct_id_of(person, call)
        return anonymous(distinct_id) if distinct_id else None

    async def by_distinct_id(self, distinct_id: str, call: Call) -> Known | None:
        """The person of any of their distinct ids; None for one of whom only events may be known."""
        return await self._directory.find(call.project.id, distinct_id=distinct_id)

    async def by_external_id(self, external_id: str, call: Call) -> Known | None:
        """The person identified by an id."""
        return await self._directory.find(call.project.id, distinct_id=external_id, external=True)

    async def activity_of(self, known: Known, call: Call) -> Activity | None:
        """What a person did; None when there is no event."""
        return await self._activities.of(known.distinct_ids, known.root, call)

    async def find(self, request: pb.ListPersonsRequest, after: Place | None, size: int, call: Call) -> Page[Listed]:
        """A page of persons after a place in the list."""
        as_of = await self._as_of(call)
        finding = Finding(call.project.id, request, as_of)
        found: list[Place] = []
        if after is None or after.last_ms is not None:
            found = shape(await self._rows(finding.seen(after, size + 1), call))
        if len(found) <= size:
            found += shape(await self._rows(finding.unseen(after, size + 1 - len(found)), call))
        listed: list[Listed] = []
        # Few at a time: somebody's traits may be so many that a page is full with them.
        for start in range(0, len(found), _TOGETHER):
            listed += await self._described(found[start : start + _TOGETHER], as_of.people, call)
            page = page_of(listed, size, lambda one: values_in(one[1].traits))
            if page.more:
                return page
        return Page(listed, more=False)

    async def _described(self, found: Sequence[Place], people: People, call: Call) -> list[Listed]:
        known = await self._directory.find_all(call.project.id, [id_of_hash(place.person) for place in found])
        activities = await self._activities.of_persons([place.person for place in found], people, call)
        described: list[Listed] = []
        for place in found:
            activity = activities.get(place.person)
            if one := known.get(id_of_hash(place.person)) or (anonymous(activity.distinct_id) if activity else None):
                described.append((place, one, activity))
        return described

    async def events_of(self, known: Known, spec: pb.EventFilter, after: Moment | None, size: int, call: Call) -> Page[pb.Event]:
        """A page of events of a person after a place in the list."""
        listed = await self._events(spec, theirs(call.project.id, known.distinct_ids, known.root), after, size, call)
        for event in listed.entries:
            # Whom ClickHouse hears of a moment later.
            event.person_id = event.person_id and person_id(known.root)
        return listed

    async def events(self, spec: pb.EventFilter, after: Moment | None, size: int, call: Call) -> Page[pb.Event]:
        """A page of events of anybody after a place in the list."""
        return await self._events(spec, None, after, size, call)

    async def _events(self, spec: pb.EventFilter, whose: Sql | None, after: Moment | None, size: int, call: Call) -> Page[pb.Event]:
        query = events.plan(call.project.id, spec, whose, after, size + 1, await self._as_of(call))
        return events.shape(await self._rows(query, call), size)

    async def _as_of(self, call: Call) -> AsOf:
        found = await self._clickhouse.query(latest_version(call.project.id))
        return AsOf(self._now(), People(call.project.id, cast("int", found.rows[0][0])))

    async def _rows(self, query: Sql, call: Call) -> Sequence[Sequence[object]]:
        return (await self._clickhouse.query(limited(query, self._limits, call.timeout_s))).rows


def anonymous(distinct_id: str) -> Known:
    """Somebody of whom there are only events."""
    return Known(distinct_id, "", (distinct_id,), {})
