"""Ids that are refused: known by a keyed hash, by every block that begins after it was committed."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from app.backends import Backends
from core.errors import SettingsInvalid
from core.postgres import transaction
from core.server_secrets import ServerSecrets
from core.tombstones import IdHasher, Tombstones, add, erasures_of, hasher_of
from services.accounts.repository import AccountsRepository
from services.profiles.tables import erasures


async def refuse(backends: Backends, project: int, *ids: str, commit_after: asyncio.Event | None = None) -> str:
    erasure, hasher = str(uuid.uuid4()), await hasher_of(ServerSecrets(backends.postgres))
    values: dict[str, object] = {"id": erasure, "project_id": project, "state": "done", "distinct_ids": ()}
    values |= {"distinct_id_count": 1, "identity_version": 0, "finished_at": datetime.now(UTC)}
    async with transaction(backends.postgres) as connection:
        await connection.execute(insert(erasures).values(values))
        await add(connection, project, erasure, [hasher.hash_text(project, one) for one in ids])
        if commit_after:
            await commit_after.wait()
    return erasure


def row(project: int, distinct_id: str) -> bytes:
    return json.dumps([str(uuid.uuid4()), project, "pressed", distinct_id, "", 1, 1, {}], separators=(",", ":")).encode()


async def new_project(backends: Backends) -> int:
    return await AccountsRepository(backends.postgres).create_project("Refusing", "Refusing", "UTC")


async def test_rows_of_refused_ids_are_found_and_those_of_the_same_id_elsewhere_are_not(backends: Backends) -> None:
    here, there = [await new_project(backends) for _ in range(2)]
    tombstones = Tombstones(backends.postgres, ServerSecrets(backends.postgres))
    await refuse(backends, here, "ann", 'q"uo\\te', "ä")

    await tombstones.refresh()

    rows = [row(here, "ann"), row(there, "ann"), row(here, "bob"), b"no row", row(here, 'q"uo\\te'), row(here, "ä")]
    assert tombstones.places(b"\n".join(rows)) == (0, 4, 5)
    assert tombstones.refusing(there) is None
    is_refused = tombstones.refusing(here)
    assert is_refused
    assert (is_refused("ann"), is_refused("bob")) == (True, False)


async def test_none_is_missed_though_one_that_began_earlier_is_committed_later(backends: Backends) -> None:
    project, commit = await new_project(backends), asyncio.Event()
    tombstones = Tombstones(backends.postgres, ServerSecrets(backends.postgres))

    slow = asyncio.create_task(refuse(backends, project, "slow", commit_after=commit))
    await asyncio.sleep(0.2)
    quick = asyncio.create_task(refuse(backends, project, "quick"))
    await asyncio.sleep(0.2)
    await tombstones.refresh()
    commit.set()
    await asyncio.gather(slow, quick)
    await tombstones.refresh()

    assert tombstones.places(row(project, "slow") + b"\n" + row(project, "quick")) == (0, 1)


async def test_a_hash_needs_the_key_and_says_nothing_without(backends: Backends) -> None:
    project = await new_project(backends)
    erasure = await refuse(backends, project, "ann")
    hasher = await hasher_of(ServerSecrets(backends.postgres))

    async with transaction(backends.postgres) as connection:
        known = await erasures_of(connection, project, [hasher.hash_text(project, "ann"), hasher.hash_text(project, "bob")])
        unknown = await erasures_of(connection, project, [IdHasher(b"another key").hash_text(project, "ann")])

    assert list(known.values()) == [erasure]
    assert unknown == {}


async def test_all_processes_go_by_one_secret_and_one_that_is_given_later_is_refused(backends: Backends) -> None:
    name = f"test_{uuid.uuid4().hex}"

    made = await asyncio.gather(*(ServerSecrets(backends.postgres).get(name) for _ in range(4)))

    assert len(set(made)) == 1
    assert await ServerSecrets(backends.postgres, {name: made[0]}).get(name) == made[0]
    with pytest.raises(SettingsInvalid, match="another than before"):
        await ServerSecrets(backends.postgres, {name: bytes(32)}).get(name)
    assert await ServerSecrets(backends.postgres, {name: bytes(32)}).get(name, replaceable=True) == bytes(32)


async def test_a_secret_that_a_setting_gave_is_not_kept_and_missed_without_the_setting(backends: Backends) -> None:
    name = f"test_{uuid.uuid4().hex}"

    await ServerSecrets(backends.postgres, {name: bytes(range(32))}).get(name)

    with pytest.raises(SettingsInvalid, match="not set any more"):
        await ServerSecrets(backends.postgres).get(name)
