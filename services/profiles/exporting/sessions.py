"""A person's sessions: those their clients named, then those stitched together of events without a session id."""

from contextlib import aclosing

from core.instants import MILLISECOND
from core.sql import Sql, instant, integer, sql, text, unsigned
from services.insights.sessions import PAUSE
from services.profiles.exporting.events import Extent
from services.profiles.exporting.pages import Last, Page, Pages, instant_in
from services.profiles.exporting.whose import Whose

ROWS = 10_000

_NAMED = """
SELECT
    session_id AS sessionId, arraySort(groupUniqArray(distinct_id)) AS distinctIds, min(occurred_at) AS startedAt,
    max(occurred_at) AS endedAt, count() AS events
FROM events
WHERE project_id = {project} AND {theirs} AND toUnixTimestamp64Micro(stored_at) <= {stored_until} AND session_id != ''
GROUP BY sessionId
HAVING {after}
ORDER BY startedAt, sessionId
LIMIT {rows}"""

# Each id has sessions of its own, as its device has, whoever else it is tied to (services/insights/sessions.py).
_STITCHED = """
SELECT
    '' AS sessionId, [distinct_id] AS distinctIds, fromUnixTimestamp64Milli(visit[1], 'UTC') AS startedAt,
    fromUnixTimestamp64Milli(visit[-1], 'UTC') AS endedAt, length(visit) AS events
FROM
(
    SELECT distinct_id, arrayJoin(arraySplit((at, pause) -> pause > {longest}, times, arrayDifference(times))) AS visit
    FROM
    (
        SELECT distinct_id, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
        FROM events
        WHERE project_id = {project} AND {theirs} AND toUnixTimestamp64Micro(stored_at) <= {stored_until} AND session_id = ''
        GROUP BY distinct_id
    )
)
WHERE {after}
ORDER BY startedAt, distinct_id
LIMIT {rows}"""


async def pages_of(pages: Pages, whose: Whose, stored: Extent) -> Page:
    """All of them, of each kind in the order they began."""
    holes = {"project": whose.project, "theirs": whose.theirs(), "stored_until": integer(stored.stored_until), "rows": unsigned(ROWS)}

    def named(last: Last) -> Sql:
        return sql(_NAMED, **holes, after=_after(last, sql("sessionId"), str(last["sessionId"])) if last else sql("true"))

    def stitched(last: Last) -> Sql:
        after = _after(last, sql("distinct_id"), _only(last["distinctIds"])) if last else sql("true")
        return sql(_STITCHED, **holes, after=after, longest=integer(PAUSE // MILLISECOND))

    for plan in (named, stitched):
        async with aclosing(pages.all(plan, ROWS)) as found:
            async for page in found:
                yield page


def _after(last: Last, column: Sql, value: str) -> Sql:
    assert last is not None
    at = instant(instant_in(last, "startedAt"))
    return sql("(startedAt > {at} OR (startedAt = {at} AND {column} > {value}))", at=at, column=column, value=text(value))


def _only(ids: object) -> str:
    assert isinstance(ids, list)
    return str(ids[0])  # pyright: ignore[reportUnknownArgumentType] (of JSON)
