"""Tells short stories to the real engine: rows for `events_in`, in a project of their own.

store = Store(clickhouse, project_id=next_project())
await store.tell(event("signed_up", "ann", at="2026-03-01T10:00:00Z", plan="pro"))
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from core.clickhouse import ClickHouse
from workers.store import COLUMNS, FORMAT, SETTINGS

_blocks = count(1)
_projects = count(1_000)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a story."""

    name: str
    distinct_id: str
    at: datetime
    session_id: str = ""
    properties: Mapping[str, object] = field(default_factory=dict[str, object])
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    # What the request said of its client.
    context: Mapping[str, object] = field(default_factory=dict[str, object])


def event(name: str, distinct_id: str = "ann", at: str = "2026-03-01T10:00:00Z", session_id: str = "", **properties: object) -> Happening:
    return Happening(name, distinct_id, datetime.fromisoformat(at).astimezone(UTC), session_id, properties)


def next_project() -> int:
    """A project no other test of this run uses."""
    return next(_projects)


@dataclass(frozen=True, slots=True)
class Store:
    clickhouse: ClickHouse
    project_id: int

    async def tell(self, *happenings: Happening) -> None:
        await self._insert(*((happening, json.dumps(happening.context) if happening.context else "") for happening in happenings))

    async def tell_raw(self, context: str, *happenings: Happening) -> None:
        """With a context that may be no JSON."""
        await self._insert(*((happening, context) for happening in happenings))

    async def know(
        self, version: int, ties: Mapping[str, str] | None = None, traits: Mapping[str, Mapping[str, object]] | None = None
    ) -> None:
        """What the people worker tells of a version of the identity: ids and their roots, roots and their traits."""
        tied = [[self.project_id, one, root, version] for one, root in (ties or {}).items()]
        known = [[self.project_id, root, version, theirs] for root, theirs in (traits or {}).items()]
        await self._insert_rows("person_ties", ("project_id", "distinct_id", "root", "version"), tied)
        await self._insert_rows("person_traits", ("project_id", "root", "version", "traits"), known)
        await self._insert_rows("identity_versions", ("project_id", "version"), [[self.project_id, version]])

    async def _insert_rows(self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
        if rows:
            await self.clickhouse.insert_bytes(table, columns, "\n".join(json.dumps(row) for row in rows).encode(), FORMAT, SETTINGS)

    async def _insert(self, *told: tuple[Happening, str]) -> None:
        rows = [
            [
                h.event_id,
                self.project_id,
                h.name,
                h.distinct_id,
                h.session_id,
                *[int(h.at.timestamp() * 1000)] * 2,
                dict(h.properties),
                context,
            ]
            for h, context in told
        ]
        data = "\n".join(json.dumps(row) for row in rows).encode()
        await self.clickhouse.insert_bytes("events_in", COLUMNS, data, FORMAT, {**SETTINGS, "log_comment": str(next(_blocks))})
