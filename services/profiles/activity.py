"""What a person did, read from their events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.sql import Sql, sql, text, texts, unsigned
from services.profiles.repository import MAX_IDS_SHOWN

# As GetPerson names them; the client's own value wins (services/insights/vocabulary.py).
_LATEST = ("$browser", "$os", "$device", "$country", "$city")
_QUERY = """
SELECT
    count(), min(occurred_at), max(occurred_at), uniqExactIf(session_id, session_id != ''), countIf(name = 'page_view'),
    argMaxIf(one_browser, (occurred_at, event_id), one_browser != ''),
    argMaxIf(one_os, (occurred_at, event_id), one_os != ''),
    argMaxIf(one_device, (occurred_at, event_id), one_device != ''),
    argMaxIf(country, (occurred_at, event_id), country != ''),
    argMaxIf(city, (occurred_at, event_id), city != '')
FROM
(
    SELECT
        occurred_at, event_id, session_id, name, country, city,
        coalesce(properties.`$browser`.:String, browser) AS one_browser,
        coalesce(properties.`$os`.:String, os) AS one_os,
        coalesce(properties.`$device`.:String, device) AS one_device
    FROM events
    WHERE project_id = {project} AND {theirs}
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

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(self, project_id: int, distinct_ids: Sequence[str], root: str) -> Activity | None:
        """What the person of these ids did; None when there is no event."""
        found = await self._clickhouse.query(sql(_QUERY, project=unsigned(project_id), theirs=_theirs(project_id, distinct_ids, root)))
        ((events, first, last, sessions, page_views, *latest),) = cast(
            "Sequence[tuple[int, datetime, datetime, int, int, str, str, str, str, str]]", found.rows
        )
        known = {key: str(value) for key, value in zip(_LATEST, latest, strict=True) if value}
        return Activity(first, last, events, sessions, page_views, known) if events else None

    async def distinct_id_of(self, project_id: int, person: str) -> str | None:
        """The id behind a person's id who was never identified; None when nobody sent events with it."""
        query = sql(
            "SELECT any(distinct_id), count() FROM (SELECT distinct_id FROM events"
            " WHERE project_id = {project} AND distinct_hash = {hash} AND cookieless = 0 LIMIT 1)",
            project=unsigned(project_id),
            hash=unsigned(int(person, 16)),
        )
        ((found, events),) = cast("Sequence[tuple[str, int]]", (await self._clickhouse.query(query)).rows)
        return found if events else None


def _theirs(project_id: int, distinct_ids: Sequence[str], root: str) -> Sql:
    """A condition on events, by the ids that are known, and by all that ClickHouse knows to be tied to the root."""
    return sql(
        "(distinct_hash IN (SELECT arrayJoin(arrayMap(one -> sipHash64(one), {ids})))"
        " OR distinct_hash IN (SELECT distinct_hash FROM person_ties WHERE project_id = {project} AND {many}"
        " GROUP BY distinct_hash HAVING argMax(root, version) = {root}))",
        ids=texts(distinct_ids),
        project=unsigned(project_id),
        root=text(root),
        # The list of ids is cut for somebody with very many.
        many=sql("true") if len(distinct_ids) >= MAX_IDS_SHOWN else sql("false"),
    )
