import uuid
from datetime import timedelta

import numpy as np

from core.clickhouse import ClickHouse
from core.rows import heads_of
from story import Store, event, next_project
from workers.duplicates import Duplicates, RecentIds
from workers.partition import Partition

FIRST = "0190a1b2-0000-7000-8000-00000000000f"
SECOND = "ffffffff-ffff-4fff-bfff-fffffffffffe"


def row(event_id: str, project_id: int) -> bytes:
    return f'["{event_id}",{project_id},"signed_up","ann","",0,0,{{"a":"line\\nbreak"}}]'.encode()


def test_a_remembered_id_is_always_suspected_and_others_hardly_ever() -> None:
    held, strange = (
        np.frombuffer(b"".join(uuid.uuid4().bytes for _ in range(20_000)), ">u8").astype(np.uint64).reshape(-1, 2) for _ in range(2)
    )
    recent = RecentIds(expected=20_000)

    recent.add(held)

    assert len(recent.suspects(held)) == len(held)
    assert len(recent.suspects(strange)) < 200


async def test_an_event_stored_before_is_dropped_though_its_time_changed(store: Store) -> None:
    told = event("signed_up", at="2026-03-01T10:00:00Z")
    await store.tell(told)
    duplicates = Duplicates(store.clickhouse, timedelta(days=36500), Partition(0, 1))
    await duplicates.remember_stored()
    rows = b"\n".join([row(str(uuid.uuid4()), store.project_id), row(told.event_id, store.project_id)])

    dropped = await duplicates.dropped(rows, heads_of(rows))

    assert dropped == (1,)


async def test_the_same_id_in_another_project_is_another_event(store: Store) -> None:
    told = event("signed_up")
    await store.tell(told)
    duplicates = Duplicates(store.clickhouse, timedelta(days=36500), Partition(0, 1))
    await duplicates.remember_stored()
    rows = row(told.event_id, store.project_id + 100_000)

    dropped = await duplicates.dropped(rows, heads_of(rows))

    assert dropped == ()


async def test_of_an_id_that_comes_twice_in_a_block_the_first_is_kept(store: Store) -> None:
    duplicates = Duplicates(store.clickhouse, timedelta(days=7), Partition(0, 1))
    fresh = str(uuid.uuid4())
    rows = b"\n".join([row(fresh, store.project_id), row(fresh, store.project_id + 100_000), row(fresh, store.project_id)])

    dropped = await duplicates.dropped(rows, heads_of(rows))

    assert dropped == (2,)


async def test_a_partition_remembers_its_own_ids_and_no_others(engine: ClickHouse) -> None:
    store = Store(engine, next_project())
    told = [event("signed_up") for _ in range(40)]
    await store.tell(*told)
    rows = b"\n".join(row(one.event_id, store.project_id) for one in told)

    for number in range(4):
        duplicates = Duplicates(engine, timedelta(days=36500), Partition(number, 4))
        await duplicates.remember_stored()
        dropped = await duplicates.dropped(rows, heads_of(rows))

        assert [place for place in range(40) if int(told[place].event_id[-1], 16) % 4 == number] == list(dropped)
