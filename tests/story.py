"""Tells short stories to the real engine: rows for `events_in`, in a project of their own.

store = Store(clickhouse, project_id=next_project())
await store.tell(event("signed_up", "ann", at="2026-03-01T10:00:00Z", plan="pro"))

Many stories at once are quicker told together: `tell_together`, `know_together`.
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
        await know_together(self.clickhouse, [Known(self.project_id, version, ties or {}, traits or {})])

    async def _insert(self, *told: tuple[Happening, str]) -> None:
        await _insert_block(self.clickhouse, [_row(self.project_id, happening, context) for happening, context in told])


@dataclass(frozen=True, slots=True)
class Known:
    """What is new with a version of a project's identity: ids and their roots, roots and their traits."""

    project_id: int
    version: int
    ties: Mapping[str, str]
    traits: Mapping[str, Mapping[str, object]]


async def tell_together(clickhouse: ClickHouse, told: Mapping[int, Sequence[Happening]]) -> None:
    """Events of several projects, in one block."""
    await _insert_block(clickhouse, [_row(project_id, happening) for project_id, happenings in told.items() for happening in happenings])


async def know_together(clickhouse: ClickHouse, known: Sequence[Known]) -> None:
    """Versions of the identity of several projects."""
    tied = [[one.project_id, tied, root, one.version] for one in known for tied, root in one.ties.items()]
    traits = [[one.project_id, root, one.version, theirs] for one in known for root, theirs in one.traits.items()]
    await _insert_rows(clickhouse, "person_ties", ("project_id", "distinct_id", "root", "version"), tied)
    await _insert_rows(clickhouse, "person_traits", ("project_id", "root", "version", "traits"), traits)
    await _insert_rows(clickhouse, "identity_versions", ("project_id", "version"), [[one.project_id, one.version] for one in known])


async def _insert_rows(clickhouse: ClickHouse, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        await clickhouse.insert_bytes(table, columns, "\n".join(json.dumps(row) for row in rows).encode(), FORMAT, SETTINGS)


def _row(project_id: int, told: Happening, context: str = "") -> list[object]:
    at = int(told.at.timestamp() * 1000)
    return [told.event_id, project_id, told.name, told.distinct_id, told.session_id, at, at, dict(told.properties), context]


async def _insert_block(clickhouse: ClickHouse, rows: Sequence[Sequence[object]]) -> None:
    data = "\n".join(json.dumps(row) for row in rows).encode()
    await clickhouse.insert_bytes("events_in", COLUMNS, data, FORMAT, {**SETTINGS, "log_comment": str(next(_blocks))})
