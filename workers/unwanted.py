"""Which rows are no longer to be stored: those of deleted projects, and those from before what their project keeps.

Capture refuses them, but what it accepted a moment before is in the stream. It is looked up for each block, so that a block which begins
after a change was committed knows of it. Where no project has a policy or is deleted, a block costs one small query.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.instants import milliseconds
from core.retention import kept_since
from core.rows import project_of

_ASKED = text(
    "SELECT id, retention_months FROM projects WHERE retention_months IS NOT NULL UNION ALL SELECT project_id, NULL FROM project_deletions"
)
# An id, a project, three texts, and the time in Unix milliseconds.
_OCCURRED = re.compile(rb'\["[^"]*", ?\d+(?:, ?"(?:[^"\\]|\\.)*"){3}, ?(-?\d+)')


@dataclass(frozen=True, slots=True)
class Refusals:
    """The first moment each of some projects keeps, in Unix milliseconds; None of one that keeps nothing."""

    kept_since: Mapping[int, int | None] = field(default_factory=dict[int, int | None])

    def places(self, rows: bytes) -> tuple[int, ...]:
        """The places of the rows that are not to be stored."""
        if not self.kept_since:
            return ()
        return tuple(place for place, row in enumerate(rows.split(b"\n")) if self._refuses(row))

    def _refuses(self, row: bytes) -> bool:
        project = project_of(row)
        if project not in self.kept_since:
            return False
        since = self.kept_since[project]
        if since is None:
            return True
        occurred = _OCCURRED.match(row)
        return occurred is not None and int(occurred[1]) < since


class Unwanted:
    """Knows what PostgreSQL says of projects."""

    def __init__(self, postgres: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._postgres = postgres
        self._now = now

    async def refusals(self) -> Refusals:
        """As of now."""
        async with self._postgres.connect() as connection:
            found = (await connection.execute(_ASKED)).all()
        now = self._now()
        return Refusals({int(project): milliseconds(kept_since(months, now)) if months else None for project, months in found})
