"""What a project no longer keeps is removed, and doesn't come back."""

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.backends import Backends
from core.errors import StoreUnavailable
from core.instruments import Instruments
from core.server_secrets import ServerSecrets
from core.sql import sql, unsigned
from core.stream import state_of
from core.tombstones import Tombstones
from owned_project import Owned, own_project
from story import Store, event
from workers.duplicates import Duplicates
from workers.events import EventsWorker
from workers.ledger import Ledger
from workers.partition import STREAM, Partition
from workers.pull import BlockSize
from workers.removal.removing import Removal
from workers.retention import Retention
from workers.store import EventStore
from workers.unwanted import Unwanted

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
ONLY = Partition(0, 1)


def retention(backends: Backends, now: datetime = NOW) -> Retention:
    removal = Removal(backends.postgres, backends.clickhouse, backends.jetstream)
    return Retention(backends.postgres, removal, lambda: now, Instruments.none())


async def times(store: Store) -> Sequence[str]:
    found = await store.clickhouse.query(
        sql(
            "SELECT toString(toDate(occurred_at)) AS day FROM events WHERE project_id = {project} ORDER BY day",
            project=unsigned(store.project_id),
        )
    )
    return [str(row[0]) for row in found.rows]


async def project_with_events(backends: Backends) -> tuple[Owned, Store]:
    owned = await own_project(backends)
    store = Store(backends.clickhouse, owned.id)
    await store.tell(*(event("seen", at=f"{at}T12:00:00Z") for at in ("2025-12-31", "2026-02-28", "2026-03-01", "2026-04-01")))
    return owned, store


async def test_a_policy_removes_the_months_before_those_it_keeps_and_goes_on_as_time_goes_by(backends: Backends) -> None:
    owned, store = await project_with_events(backends)
    _, keeping_all = await project_with_events(backends)

    await owned.keep(2)
    await retention(backends).apply()
    soon = await times(store)
    await retention(backends, NOW + timedelta(days=30)).apply()

    assert soon == ["2026-02-28", "2026-03-01", "2026-04-01"]
    assert await times(store) == ["2026-03-01", "2026-04-01"]
    assert len(await times(keeping_all)) == 4


async def test_what_comes_again_under_a_longer_policy_goes_when_it_is_shortened(backends: Backends) -> None:
    owned, store = await project_with_events(backends)
    await owned.keep(1)
    await retention(backends).apply()
    await owned.keep(12)
    await retention(backends).apply()
    await store.tell(event("seen", at="2025-12-31T12:00:00Z"))

    await owned.keep(1)
    await retention(backends).apply()

    assert await times(store) == ["2026-03-01", "2026-04-01"]


async def test_a_policy_that_cannot_be_applied_now_is_applied_later(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    owned, store = await project_with_events(backends)
    await owned.keep(1)

    async def away(*_given: object) -> None:
        raise StoreUnavailable("Away.")

    with monkeypatch.context() as broken:
        broken.setattr(Removal, "remove_before", away)
        await retention(backends).apply()
    await retention(backends).apply()

    assert await times(store) == ["2026-03-01", "2026-04-01"]


async def test_the_worker_leaves_out_what_capture_accepted_before_it_knew(backends: Backends) -> None:
    owned = await own_project(backends)
    await owned.keep(1)
    deleted = await own_project(backends)
    await deleted.delete()
    now_ms = int(time.time() * 1000)
    for project, at in ((owned.id, now_ms), (owned.id, now_ms - 90 * 86_400_000), (deleted.id, now_ms)):
        row: list[object] = [str(uuid.uuid4()), project, "seen", "ann", "", at, now_ms, {}, ""]
        await backends.jetstream.publish("events.captured", json.dumps(row).encode())
    worker = EventsWorker(
        ONLY,
        backends.jetstream,
        ledger=Ledger(await backends.jetstream.key_value("BLOCKS"), ONLY.worker),
        store=EventStore(backends.clickhouse),
        duplicates=Duplicates(backends.clickhouse, timedelta(days=7), ONLY),
        tombstones=Tombstones(backends.postgres, ServerSecrets(backends.postgres)),
        size=BlockSize(1000, timedelta(milliseconds=20)),
        unwanted=Unwanted(backends.postgres, lambda: datetime.now(UTC)),
    )

    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    while (await state_of(backends.nats, STREAM)).oldest and not working.done():  # noqa: ASYNC110 (what is waited for is in another process)
        await asyncio.sleep(0.02)
    stop.set()
    await working

    assert len(await times(Store(backends.clickhouse, owned.id))) == 1
    assert await times(Store(backends.clickhouse, deleted.id)) == []
