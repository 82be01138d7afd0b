"""What PostgreSQL holds about a person, as of one moment: their ids, what was set on each, and the ties between them and to others."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.instants import timestamp
from core.person_ids import person_id
from core.postgres import answering
from services.profiles.activity import Activity
from services.profiles.acts import Tie
from services.profiles.directory import Known
from services.profiles.rows import tie_of
from services.profiles.traits import Json, stored

_VERSION = text("SELECT coalesce(max(version), 0) AS version FROM identity_versions WHERE project_id = :project")
# The root first, then in the order they came.
_IDS = text("""
    SELECT
        distinct_id, root, person_id, identified, created_at,
        CAST(nullif(own_traits, '{}') AS text) AS own_traits, CAST(nullif(traits, '{}') AS text) AS traits
    FROM distinct_ids
    WHERE project_id = :project AND root = (SELECT root FROM distinct_ids WHERE project_id = :project AND distinct_id = :id)
    ORDER BY distinct_id != root, created_at, distinct_id
""")
_TIES = text("""
    SELECT * FROM ties
    WHERE project_id = :project AND (tied = ANY(CAST(:ids AS text[])) OR tied_to = ANY(CAST(:ids AS text[])))
    ORDER BY version
""")


@dataclass(frozen=True, slots=True)
class RecordedId:
    """One id of a person, and the traits that were set on it while the person was called by it; null for those that were unset."""

    distinct_id: str
    person_id: str
    identified: bool
    created_at: datetime
    own_traits: Json
    traits: Json


@dataclass(frozen=True, slots=True)
class Record:
    """A person as of a version of the project's identity; there are no `ids` of who was never identified, merged or given traits."""

    root: str
    version: int
    ids: Sequence[RecordedId]
    ties: Sequence[Tie]

    @property
    def distinct_ids(self) -> Sequence[str]:
        """All their ids, the root first."""
        return [one.distinct_id for one in self.ids] or [self.root]


async def read_record(postgres: AsyncEngine, project_id: int, known: Known) -> Record:
    """All of it, however many ids there are."""
    with answering():
        async with postgres.connect() as connection:
            # One view of all tables: an id that is merged meanwhile is neither missing nor without its ties.
            await connection.execution_options(isolation_level="REPEATABLE READ")
            return await _read(connection, project_id, known)


async def _read(connection: AsyncConnection, project_id: int, known: Known) -> Record:
    version = int((await connection.execute(_VERSION, {"project": project_id})).scalar_one())
    found = (await connection.execute(_IDS, {"project": project_id, "id": known.root})).all()
    ids = [
        RecordedId(row.distinct_id, row.person_id, row.identified, row.created_at, _traits(row.own_traits), _traits(row.traits))
        for row in found
    ]
    named = {"project": project_id, "ids": [one.distinct_id for one in ids]}
    ties = [tie_of(row) for row in (await connection.execute(_TIES, named)).mappings()]
    return Record(found[0].root if found else known.root, version, ids, ties)


def _traits(written: str | None) -> Json:
    return stored(written) if written else {}


async def record_json(record: Record, activity: Activity | None) -> bytes:
    """The record with what the person did, as JSON over several lines."""
    # Of a hundred thousand ids this takes a second, in which others want to be answered.
    return await asyncio.to_thread(_written, record, activity)


def _written(record: Record, activity: Activity | None) -> bytes:
    person: Mapping[str, object] = {
        "personId": person_id(record.root),
        "externalId": next((one.distinct_id for one in record.ids if one.identified), ""),
        "traits": record.ids[0].traits if record.ids else {},
        "activity": _activity(activity) if activity else None,
        "identityVersion": record.version,
        "ids": [_id(one) for one in record.ids] or [{"distinctId": record.root, "personId": person_id(record.root), "identified": False}],
        "ties": [_tie(tie) for tie in record.ties],
    }
    return f"{json.dumps(person, ensure_ascii=False, indent=1)}\n".encode()


def _id(one: RecordedId) -> Mapping[str, object]:
    return {
        "distinctId": one.distinct_id,
        "personId": one.person_id,
        "identified": one.identified,
        "createdAt": _instant(one.created_at),
        "ownTraits": one.own_traits,
        "traits": one.traits,
    }


def _tie(tie: Tie) -> Mapping[str, object]:
    return {
        "id": tie.id,
        "kind": tie.kind,
        "from": tie.tied,
        "into": tie.tied_to,
        "identityVersion": tie.version,
        "createdAt": _instant(tie.created_at),
        "unmergedAt": _instant(tie.undone_at) if tie.undone_at else None,
    }


def _activity(activity: Activity) -> Mapping[str, object]:
    return {
        "firstSeen": _instant(activity.first_seen),
        "lastSeen": _instant(activity.last_seen),
        "events": activity.events,
        "sessions": activity.sessions,
        "pageViews": activity.page_views,
        "latest": dict(activity.latest),
    }


def _instant(instant: datetime) -> str:
    return timestamp(instant).ToJsonString()
