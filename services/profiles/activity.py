"""What persons did: their events added up as they came in (migrations/clickhouse/0006_activity.sql), and their sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.instants import MILLISECOND
from core.sql import Sql, any_of, integer, sql, text, texts, unsigned, unsigneds
from services.insights.limits import QueryLimits, limited
from services.insights.people import People
from services.insights.sessions import PAUSE
from services.profiles.directory import MAX_IDS_SHOWN
from services.rpc.call import Call

# The latest facts begin with the moment of their event.
MOMENT = 20
_LATEST = ("$browser", "$os", "$device", "$country", "$city")

_ACTIVITY = """{ties}
SELECT
    person, any(distinct_id), sum(count), min(first_seen), max(last_seen), sum(page_views),
    arrayMap(one -> substring(one, {after_moment}), [max(browser), max(os), max(device), max(country), max(city)])
FROM
(
    SELECT {person} AS person, distinct_id, count, first_seen, last_seen, page_views, browser, os, device, country, city
    FROM person_activity
    WHERE project_id = {project} AND {theirs}
)
GROUP BY person"""

# It reads what the projection by_person has, and no other column.
# A session without an id begins after a pause of more than 30 minutes of its distinct id, at the first event without one.
_SESSIONS = """
SELECT person, toInt64(uniqExactIf(session_id, session_id != '') + countIf(session_id = '' AND begins)) AS sessions
FROM
(
    SELECT
        {person} AS person,
        session_id,
        ifNull(
            occurred_at > toIntervalMillisecond({pause}) + lagInFrame(toNullable(occurred_at)) OVER
                (PARTITION BY distinct_hash, session_id = '' ORDER BY occurred_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
            true
        ) AS begins
    FROM events
    WHERE project_id = {project} AND {theirs}
)
GROUP BY person"""

_IDS_OF_PERSONS = """distinct_hash IN
    (
        SELECT arrayJoin({persons})
        UNION ALL
        SELECT distinct_hash
        FROM person_ties
        WHERE project_id = {project} AND version <= {version}
        GROUP BY distinct_hash
        HAVING argMax(person_hash, version) IN {persons}
    )"""


@dataclass(frozen=True, slots=True)
class Activity:
    """The sum of a person's events; `distinct_id` is one of the ids they came with."""

    distinct_id: str
    first_seen: datetime
    last_seen: datetime
    events: int
    sessions: int
    page_views: int
    latest: Mapping[str, str]


class Activities:
    """Reads from ClickHouse what people did."""

    def __init__(self, clickhouse: ClickHouse, limits: QueryLimits) -> None:
        """`limits` are those of one query."""
        self._clickhouse = clickhouse
        self._limits = limits

    async def of(self, distinct_ids: Sequence[str], root: str, call: Call) -> Activity | None:
        """What the person of these ids did; None when there is no event."""
        found = await self._read(sql(""), sql("0"), theirs(call.project.id, distinct_ids, root), call)
        return found.get(0)

    async def of_persons(self, persons: Sequence[int], people: People, call: Call) -> Mapping[int, Activity]:
        """What each of some persons did, by their hashes; nobody without an event is among them."""
        hashes = unsigneds(persons)
        condition = sql(_IDS_OF_PERSONS, persons=hashes, project=unsigned(call.project.id), version=unsigned(people.version))
        return await self._read(people.ties(), people.person(), condition, call)

    async def _read(self, ties: Sql, person: Sql, condition: Sql, call: Call) -> Mapping[int, Activity]:
        project = unsigned(call.project.id)
        summed = sql(_ACTIVITY, ties=ties, person=person, project=project, theirs=condition, after_moment=unsigned(MOMENT + 1))
        rows = await self._clickhouse.query(limited(summed, self._limits, call.timeout_s))
        if not rows.rows:
            return {}
        stitched = sql("{ties}{sessions}", ties=ties, sessions=sessions(person, call.project.id, condition))
        counted = await self._clickhouse.query(limited(stitched, self._limits, call.timeout_s))
        sessions_of = dict(cast("Sequence[tuple[int, int]]", counted.rows))
        known = cast("Sequence[tuple[int, str, int, datetime, datetime, int, list[str]]]", rows.rows)
        return {
            person: Activity(an_id, first, last, events, sessions_of.get(person, 0), views, _latest(facts))
            for person, an_id, events, first, last, views, facts in known
        }

    async def distinct_id_of(self, person: str, call: Call) -> str | None:
        """The id behind a person's id who was never identified; None when nobody sent events with it."""
        query = sql(
            "SELECT distinct_id FROM person_activity WHERE project_id = {project} AND distinct_hash = {hash} LIMIT 1",
            project=unsigned(call.project.id),
            hash=unsigned(int(person, 16)),
        )
        found = (await self._clickhouse.query(limited(query, self._limits, call.timeout_s))).rows
        return str(found[0][0]) if found else None


def sessions(person: Sql, project_id: int, condition: Sql) -> Sql:
    """A query for the rows (person, sessions), of the events for which a condition holds; `person` says whose one is."""
    return sql(_SESSIONS, person=person, project=unsigned(project_id), theirs=condition, pause=integer(PAUSE // MILLISECOND))


def theirs(project_id: int, distinct_ids: Sequence[str], root: str) -> Sql:
    """A condition on events: of these ids, and where their list was cut, of any that ClickHouse knows to be tied to the root."""
    named = sql("distinct_hash IN (SELECT arrayJoin(arrayMap(one -> sipHash64(one), {ids})))", ids=texts(distinct_ids))
    if len(distinct_ids) < MAX_IDS_SHOWN:
        return named
    tied = sql(
        "distinct_hash IN (SELECT distinct_hash FROM person_ties WHERE project_id = {project}"
        " GROUP BY distinct_hash HAVING argMax(root, version) = {root})",
        project=unsigned(project_id),
        root=text(root),
    )
    return any_of([named, tied])


def _latest(facts: Sequence[str]) -> Mapping[str, str]:
    return {key: value for key, value in zip(_LATEST, facts, strict=True) if value}
