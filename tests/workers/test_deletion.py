"""A deleted project is gone from everybody's sight at once, and from every store soon, however often the work on it is killed."""

import json
import uuid

import pytest
from sqlalchemy import text

from app.backends import Backends
from core.errors import StoreUnavailable
from owned_project import Owned, own_project
from pug.accounts.v1.project_pb2 import ProjectDeletion
from story import Store, event
from workers import deletion
from workers.deletion import Deletions
from workers.people import PeopleWorker
from workers.removal.counting import counts
from workers.removal.removing import Removal
from workers.removal.share import OfProject


@pytest.fixture(autouse=True)
async def nothing_else_to_delete(backends: Backends) -> None:
    while await deletions(backends).work():
        pass


class Killed(BaseException):
    """The end of a process."""


def deletions(backends: Backends) -> Deletions:
    return Deletions(backends.postgres, backends.nats, Removal(backends.postgres, backends.clickhouse, backends.jetstream))


def letter(*projects: int) -> bytes:
    return b"\n".join(json.dumps([str(uuid.uuid4()), project, "seen", "ann", "", "soon"]).encode() for project in projects)


async def inhabited(backends: Backends) -> Owned:
    """A project with events, people, and dead letters."""
    owned = await own_project(backends)
    await Store(backends.clickhouse, owned.id).tell(event("seen", "ann", session_id="s", plan="pro"), event("seen", "bob"))
    async with backends.postgres.begin() as connection:
        await connection.execute(
            text("INSERT INTO distinct_ids (project_id, distinct_id, person_id, root) VALUES (:project, 'ann', 'x', 'ann')"),
            {"project": owned.id},
        )
        await connection.execute(
            text("INSERT INTO identity_changes (project_id, version, distinct_id, root) VALUES (:project, 1, 'ann', 'bob')"),
            {"project": owned.id},
        )
    worker = PeopleWorker(backends.postgres, backends.clickhouse)
    # The tests before may have left changes of their own.
    while await worker.tell():
        pass
    return owned


async def held(backends: Backends, project: int) -> dict[str, int]:
    """What each store holds of a project, if anything."""
    found = {count.table: count.rows for count in await counts(backends.clickhouse, OfProject(project))}
    async with backends.postgres.connect() as connection:
        for table in ("distinct_ids", "identity_changes", "api_keys", "removals"):
            query = text(f"SELECT count(*) FROM {table} WHERE project_id = :project")
            found[table] = (await connection.execute(query, {"project": project})).scalar_one()
        found["projects"] = (await connection.execute(text("SELECT count(*) FROM projects WHERE id = :id"), {"id": project})).scalar_one()
    return {table: rows for table, rows in found.items() if rows}


async def test_a_deleted_project_leaves_nothing_in_any_store(backends: Backends) -> None:
    owned, neighbour = await inhabited(backends), await inhabited(backends)
    for rows in (letter(owned.id), letter(owned.id, neighbour.id), letter(neighbour.id)):
        await backends.jetstream.publish("dead.events", rows, headers={"Pug-Reason": "x", "Pug-Rows": "2"})
    there = await held(backends, neighbour.id)

    await owned.delete()
    pending = await owned.deletion()
    assert await deletions(backends).work()

    done = await owned.deletion()
    assert (pending.state, done.state, done.HasField("finished_at")) == (ProjectDeletion.STATE_PENDING, ProjectDeletion.STATE_DONE, True)
    assert await held(backends, owned.id) == {}
    assert await held(backends, neighbour.id) == there
    assert {"events", "person_ties", "distinct_ids", "projects"} <= there.keys()
    letters = await projects_in_dead_letters(backends)
    assert neighbour.id in letters
    assert owned.id not in letters
    assert not await deletions(backends).work()


async def projects_in_dead_letters(backends: Backends) -> set[int]:
    state = (await backends.jetstream.stream_info("DEAD")).state
    rows: list[bytes] = []
    reader = await backends.jetstream.pull_subscribe("dead.>", stream="DEAD")
    for message in await reader.fetch(state.messages, timeout=5):
        rows += message.data.split(b"\n")
    await reader.unsubscribe()
    return {deletion.project_of(row) for row in rows}


@pytest.mark.parametrize("step", ["_drained", "_run", "remove_project", "forget"])
async def test_a_deletion_that_was_killed_goes_on(backends: Backends, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    owned = await inhabited(backends)
    await owned.delete()
    place = next(one for one in (Deletions, Removal, deletion.DeadLetters) if hasattr(one, step))
    real = getattr(place, step)
    calls = 0

    async def dying(*given: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        answer = await real(*given, **more)
        if calls == 2 or step != "_run":
            raise Killed
        return answer

    with monkeypatch.context() as broken:
        broken.setattr(place, step, dying)
        with pytest.raises(Killed):
            await deletions(backends).work()
    running = await owned.deletion()
    await deletions(backends).work()

    assert running.state == ProjectDeletion.STATE_RUNNING
    assert (await owned.deletion()).state == ProjectDeletion.STATE_DONE
    assert await held(backends, owned.id) == {}


async def test_a_deletion_that_cannot_go_on_says_why_and_is_tried_again(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    owned = await inhabited(backends)
    await owned.delete()

    async def away(*_given: object) -> None:
        raise StoreUnavailable("ClickHouse is away.")

    with monkeypatch.context() as broken:
        broken.setattr(Removal, "remove_project", away)
        await deletions(backends).work()
    failed = await owned.deletion()
    too_soon = await deletions(backends).work()
    async with backends.postgres.begin() as connection:
        await connection.execute(text("UPDATE project_deletions SET tried_at = now() - interval '6 minutes' WHERE state = 'failed'"))
    await deletions(backends).work()

    assert (failed.state, failed.error, too_soon) == (ProjectDeletion.STATE_FAILED, "ClickHouse is away.", False)
    assert ((await owned.deletion()).state, (await owned.deletion()).error) == (ProjectDeletion.STATE_DONE, "")
