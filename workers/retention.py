"""Removes what projects no longer keep: soon after their policy has changed, and when a month has gone by."""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import PugError
from core.instruments import Counter, Instruments
from core.retention import kept_since
from workers.pause import Pause
from workers.removal.removing import Removal

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_POLICIES = text(
    "SELECT id, retention_months, removed_before FROM projects WHERE retention_months IS NOT NULL AND org_id IS NOT NULL ORDER BY id"
)
# Unless the policy has changed meanwhile.
_REMOVED = text("UPDATE projects SET removed_before = :since WHERE id = :project AND retention_months = :months")


class Retention:
    """What is to be removed is in PostgreSQL until it is, so it may be killed anywhere."""

    def __init__(
        self, postgres: AsyncEngine, removal: Removal, now: Callable[[], datetime], instruments: Instruments, pause: Pause | None = None
    ) -> None:
        self._postgres = postgres
        self._pause = pause or Pause()
        self._removal = removal
        self._now = now
        self._removed = Counter(instruments.meter, "pug.retention.removed", "Events removed because of their age.", unit="{event}")

    async def apply(self) -> None:
        """Remove of each project what it no longer keeps."""
        async with self._postgres.connect() as connection:
            policies = (await connection.execute(_POLICIES)).all()
        for project, months, removed_before in policies:
            since = kept_since(months, self._now())
            if removed_before is None or removed_before < since:
                await self._remove(project, months, since)

    async def _remove(self, project: int, months: int, since: datetime) -> None:
        try:
            removed = await self._removal.remove_before(project, since)
        except PugError as error:
            # The others are not to wait for it.
            log.warning("retention_put_off", project=project, error=error.message)
            return
        async with self._pause.storing(), self._postgres.begin() as connection:
            await connection.execute(_REMOVED, {"project": project, "months": months, "since": since})
        events = removed.before[0].events
        self._removed.add(events)
        log.info("retention_applied", project=project, months=months, before=since.isoformat(), events=events)
