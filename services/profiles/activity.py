"""What a person did, read from their events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.sql import Sql, any_of, join, numbered, sql, text, texts, unsigned
from pug.insights.v1.filter_pb2 import Source
from services.insights.limits import QueryLimits, limited
from services.insights.properties import event_property
from services.profiles.repository import MAX_IDS_SHOWN
from services.rpc.call import Call

_LATEST = ("$browser", "$os", "$device", "$country", "$city")
_QUERY = """
SELECT
    count(), min(occurred_at), max(occurred_at), uniqExactIf(session_id, session_id != ''), countIf(name = 'page_view'), {latest}
FROM
(
    SELECT occurred_at, event_id, session_id, name, {read}
    FROM events
    WHERE project_id = {project} AND ({theirs})
)"""


@dataclass(frozen=True, slots=True)
class Activity:
    """The sum of a person's events."""

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
        names = [numbered("latest", place) for place in range(len(_LATEST))]
        read = [event_property(key, Source.SOURCE_EVENT, key).string() for key in _LATEST]
        query = sql(
            _QUERY,
            latest=join(", ", (sql("argMaxIf({name}, (occurred_at, event_id), {name} != '')", name=name) for name in names)),
            read=join(", ", (sql("{value} AS {name}", value=value, name=name) for value, name in zip(read, names, strict=True))),
            project=unsigned(call.project.id),
            theirs=_theirs(call.project.id, distinct_ids, root),
        )
        ((events, first, last, sessions, page_views, *latest),) = cast(
            "Sequence[tuple[int, datetime, datetime, int, int, str | None, str | None, str | None, str | None, str | None]]",
            (await self._clickhouse.query(limited(query, self._limits, call.timeout_s))).rows,
        )
        known = {key: str(value) for key, value in zip(_LATEST, latest, strict=True) if value}
        return Activity(first, last, events, sessions, page_views, known) if events else None

    async def distinct_id_of(self, person: str, call: Call) -> str | None:
        """The id behind a person's id who was never identified; None when nobody sent events with it."""
        query = sql(
            "SELECT distinct_id FROM events WHERE project_id = {project} AND distinct_hash = {hash} AND cookieless = 0 LIMIT 1",
            project=unsigned(call.project.id),
            hash=unsigned(int(person, 16)),
        )
        found = (await self._clickhouse.query(limited(query, self._limits, call.timeout_s))).rows
        return str(found[0][0]) if found else None


def _theirs(project_id: int, distinct_ids: Sequence[str], root: str) -> Sql:
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
