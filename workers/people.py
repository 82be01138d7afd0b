"""The people worker: tells ClickHouse what PostgreSQL says about who is who.

Changes are written down in PostgreSQL in the transaction that makes them, and crossed out when ClickHouse has them. A project's versions
are told in their order, and the same told twice is one, so a worker may be killed anywhere.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.clickhouse import ClickHouse
from core.errors import RowsUnreadable
from workers.pause import Pause
from workers.store import FORMAT, SETTINGS

log: structlog.stdlib.BoundLogger = structlog.get_logger()

JOB = "people-writer"
_VERSIONS_AT_ONCE = 2_000
_LOOK_EVERY_S = 0.2
_NEXT = text(
    "SELECT project_id, version, distinct_id, root, traits, identified FROM identity_changes WHERE (project_id, version) IN"
    " (SELECT DISTINCT project_id, version FROM identity_changes ORDER BY project_id, version LIMIT :versions)"
)
_TOLD = text("DELETE FROM identity_changes WHERE project_id = :project AND version <= :version")

_Change = tuple[int, int, str, str, object, bool]


class PeopleWorker:
    """Only one may run at a time: turn.py sees to it."""

    def __init__(self, postgres: AsyncEngine, clickhouse: ClickHouse, pause: Pause | None = None) -> None:
        self._postgres = postgres
        self._clickhouse = clickhouse
        self._pause = pause or Pause()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            async with self._pause.storing():
                told = await self.tell()
            if not told:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)

    async def tell(self) -> int:
        """Tell ClickHouse some of what it doesn't know; returns how many changes that were."""
        async with self._postgres.connect() as connection:
            found = await connection.execute(_NEXT, {"versions": _VERSIONS_AT_ONCE})
            changes: list[_Change] = [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in found]
        if not changes:
            return 0
        latest: dict[int, int] = {}
        for project_id, version, *_ in changes:
            latest[project_id] = max(version, latest.get(project_id, 0))
        told = [change for change in changes if not change[5]]
        identified = [[project, distinct_id] for project, _, distinct_id, _, _, is_identified in changes if is_identified]
        ties = [[project, distinct_id, root, version] for project, version, distinct_id, root, traits, _ in told if traits is None]
        traits = [[project, root, version, traits] for project, version, _, root, traits, _ in told if traits is not None]
        await self._insert("identified_ids", ("project_id", "distinct_id"), identified)
        await self._insert("person_ties", ("project_id", "distinct_id", "root", "version"), ties)
        await self._insert_traits(traits)
        # Last: what a query sees of this it sees whole.
        await self._insert("identity_versions", ("project_id", "version"), [list(one) for one in latest.items()])
        async with self._postgres.begin() as connection:
            await connection.execute(_TOLD, [{"project": project_id, "version": version} for project_id, version in latest.items()])
        log.debug("people_told", changes=len(changes), projects=len(latest))
        return len(changes)

    async def _insert_traits(self, rows: Sequence[Sequence[object]]) -> None:
        columns = ("project_id", "root", "version", "traits")
        try:
            await self._insert("person_traits", columns, rows)
        except RowsUnreadable as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._insert_traits(rows[:middle])
                await self._insert_traits(rows[middle:])
                return
            # PostgreSQL keeps them; one person's must not keep everybody else's from ClickHouse.
            ((project_id, root, version, _),) = rows
            log.warning("traits_unreadable", project=project_id, version=version, error=error.message)
            await self._insert("person_traits", columns, [[project_id, root, version, {}]])

    async def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if rows:
            data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
            await self._clickhouse.insert_bytes(table, columns, data, FORMAT, SETTINGS)
