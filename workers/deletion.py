"""Deletes projects: removes all there is of one from the stream, ClickHouse, the dead letters and PostgreSQL.

Whoever asks for it has taken the project from everybody's sight (services/accounts/project_deletions.py), and the events worker leaves its
rows out from then on. All steps may be done again, so it may be killed anywhere.
"""

import asyncio
import time

import structlog
from nats.aio.client import Client
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import PugError, StoreUnavailable, StreamUnavailable
from core.rows import project_of
from core.stream import state_of
from workers.dead_letters import DeadLetters
from workers.partition import STREAM
from workers.pause import Pause
from workers.removal.removing import Removal

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Processes remember for five seconds what a key or a session opens.
_NEXT = text(
    "SELECT project_id FROM project_deletions WHERE state = 'running'"
    " OR (state = 'pending' AND requested_at < now() - interval '10 seconds')"
    " OR (state = 'failed' AND tried_at < now() - interval '5 minutes') ORDER BY requested_at LIMIT 1"
)
_RUNNING = text("UPDATE project_deletions SET state = 'running', tried_at = now(), error = '' WHERE project_id = :project")
_FAILED = text("UPDATE project_deletions SET state = 'failed', tried_at = now(), error = :error WHERE project_id = :project")
_DONE = text("UPDATE project_deletions SET state = 'done', finished_at = now() WHERE project_id = :project")
# These may have millions of rows.
_LARGE = [
    # (Names of our own.)
    text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE project_id = :project LIMIT 10000))")  # noqa: S608
    for table in ("identity_changes", "ties", "distinct_ids")
]
# The log goes on saying who did something to which project, but not what it was.
_AUDIT = text(
    "UPDATE audit_entries SET changes = '{}', object_id = CASE WHEN object_kind = 'person' THEN '' ELSE object_id END"
    " WHERE project_id = :project"
)
# Boards with their links, saved insights, versions and keys go with it.
_PROJECT = text("DELETE FROM projects WHERE id = :project AND org_id IS NULL")
_DRAINED_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1


class Deletions:
    """One at a time: turn.py sees to it."""

    def __init__(self, postgres: AsyncEngine, nats: Client, removal: Removal, pause: Pause | None = None) -> None:
        self._postgres = postgres
        self._pause = pause or Pause()
        self._nats = nats
        self._removal = removal

    async def work(self) -> bool:
        """Delete the next project; False when there is none."""
        async with self._postgres.connect() as connection:
            project = (await connection.execute(_NEXT)).scalar_one_or_none()
        if project is None:
            return False
        await self._run(_RUNNING, project)
        try:
            await self._delete(project)
        except StreamUnavailable:
            # Tried again at once, as whatever has to do without NATS.
            raise
        except PugError as error:
            log.warning("project_not_deleted", project=project, error=error.message)
            await self._run(_FAILED, project, error=error.message)
        else:
            await self._run(_DONE, project)
            log.info("project_deleted", project=project)
        return True

    async def _delete(self, project: int) -> None:
        await self._drained()
        for statement in _LARGE:
            while await self._run(statement, project):
                pass
        await self._removal.remove_project(project)
        letters = await DeadLetters(self._nats.jetstream()).forget(lambda row: project_of(row) == project)
        if letters:
            log.info("dead_letters_forgotten", project=project, rows=letters)
        await self._run(_AUDIT, project)
        await self._run(_PROJECT, project)
        # What the people worker had in hand when its rows went.
        while not await self._removal.project_is_removed(project):
            await self._removal.remove_project(project)

    async def _drained(self) -> None:
        """Return when nothing is in the stream any more that is there now."""
        last = (await state_of(self._nats, STREAM)).last
        until = time.monotonic() + _DRAINED_WITHIN_S
        while (await state_of(self._nats, STREAM)).holds_up_to(last):
            if time.monotonic() > until:
                raise StoreUnavailable("Events from before wait in the stream.", hint="`pug status` says whether workers store any.")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _run(self, statement: TextClause, project: int, **values: str) -> int:
        """Returns how many rows that was."""
        async with self._pause.storing(), self._postgres.begin() as connection:
            return (await connection.execute(statement, {"project": project, **values})).rowcount
