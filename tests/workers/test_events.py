"""The events worker on real engines: what is in the stream ends up in ClickHouse once, however the worker before it died."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from app.backends import Backends
from core.errors import StoreFailed, StoreUnavailable
from core.server_secrets import ServerSecrets
from core.sql import sql, unsigned
from core.stream import RowPublisher, state_of
from core.tombstones import Tombstones
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.profiles.erasures import Erasures
from services.profiles.holdings import Holdings
from services.rpc.call import Call, Credential, Project
from story import next_project
from workers.block import BlockRecord
from workers.duplicates import Duplicates
from workers.events import EventsWorker
from workers.ledger import Ledger
from workers.partition import STREAM, Partition
from workers.pull import BlockSize
from workers.store import EventStore

ONLY = Partition(0, 1)


def row(
    project_id: int, event_id: str | None = None, at_ms: int = 1_790_000_000_000, properties: object = None, distinct_id: str = "ann"
) -> bytes:
    given = [event_id or str(uuid.uuid4()), project_id, "pressed", distinct_id, "", at_ms, int(time.time() * 1000), properties or {"n": 1}]
    return json.dumps(given, separators=(",", ":")).encode()


@contextlib.asynccontextmanager
async def working(backends: Backends) -> AsyncGenerator[None]:
    """A worker while the block runs; at its end the stream has been emptied."""
    stop = asyncio.Event()
    task = asyncio.create_task(started(backends, stop))
    yield
    while (await state_of(backends.nats, STREAM)).oldest and not task.done():  # noqa: ASYNC110 (what is waited for is in another process)
        await asyncio.sleep(0.02)
    stop.set()
    await task


async def started(backends: Backends, stop: asyncio.Event | None = None, partition: Partition = ONLY) -> None:
    worker = EventsWorker(
        partition,
        backends.jetstream,
        ledger=Ledger(await backends.jetstream.key_value("BLOCKS"), partition.worker),
        store=EventStore(backends.clickhouse),
        duplicates=Duplicates(backends.clickhouse, timedelta(days=7), partition),
        tombstones=Tombstones(backends.postgres, ServerSecrets(backends.postgres)),
        size=BlockSize(1000, timedelta(milliseconds=20)),
    )
    await worker.run(stop or asyncio.Event())


async def ledger(backends: Backends) -> Ledger:
    return Ledger(await backends.jetstream.key_value("BLOCKS"), ONLY.worker)


async def publish(backends: Backends, *messages: bytes) -> list[int]:
    return [(await backends.jetstream.publish("events.captured", message)).seq for message in messages]


async def stored(backends: Backends, project_id: int) -> int:
    """How many events there are, also while an insert is under way, which reaches one table after the other."""
    found = await backends.clickhouse.query(sql("SELECT count() FROM events WHERE project_id = {project}", project=unsigned(project_id)))
    return int(str(found.rows[0][0]))


async def counted(backends: Backends, project_id: int) -> tuple[int, int]:
    """How many events there are, and how many were counted: by their names, by the keys, of which each has one, and by who did them."""
    found = await backends.clickhouse.query(
        sql(
            "SELECT (SELECT count() FROM events WHERE project_id = {project}),"
            " (SELECT sum(count) FROM schema_events WHERE project_id = {project}),"
            " (SELECT sum(count) FROM schema_properties WHERE project_id = {project}),"
            " (SELECT sum(count) FROM person_activity WHERE project_id = {project}),"
            # Of values those are counted that aren't long texts.
            " (SELECT sumIf(count, key = 'n') FROM schema_properties WHERE project_id = {project}),"
            " (SELECT sum(count) FROM schema_values WHERE project_id = {project}),"
            " (SELECT sum(events) FROM activity_hours WHERE project_id = {project}),"
            # Under no key and under each of eleven.
            " (SELECT sum(events) / 12 FROM totals_hours WHERE project_id = {project}),"
            " (SELECT sum(events) FROM totals_days WHERE project_id = {project}),"
            " (SELECT sum(events) FROM session_hours WHERE project_id = {project}),"
            " (SELECT (SELECT count() FROM (SELECT DISTINCT * FROM active_days WHERE project_id = {project}))"
            " = (SELECT uniqExact(toDate32(occurred_at)) FROM events WHERE project_id = {project}))",
            project=unsigned(project_id),
        )
    )
    events, by_name, by_key, by_person, of_n, by_value, by_hour, in_total, by_day, in_sessions, on_days = (
        int(float(str(count))) for count in found.rows[0]
    )
    assert (by_name, by_name, of_n) == (by_key, by_person, by_value)
    assert (by_name, by_name, by_name, by_name, 1) == (by_hour, in_total, by_day, in_sessions, on_days)
    return events, by_name


@contextlib.asynccontextmanager
async def refusing(backends: Backends, allowed: str, table: str = "events") -> AsyncGenerator[None]:
    """ClickHouse refuses all rows of a table but some while the block runs."""
    await backends.clickhouse.command(f"ALTER TABLE {table} ADD CONSTRAINT refusing CHECK {allowed}")
    yield
    await backends.clickhouse.command(f"ALTER TABLE {table} DROP CONSTRAINT refusing")


async def letters_of(backends: Backends, sequence: int) -> list[RawStreamMsg]:
    """The dead letters of a message of the stream."""
    state = (await backends.jetstream.stream_info("DEAD")).state
    letters: list[RawStreamMsg] = []
    for place in range(state.first_seq, state.last_seq + 1):
        with contextlib.suppress(NotFoundError):
            letters.append(await backends.jetstream.get_msg("DEAD", place))
    return [letter for letter in letters if (letter.headers or {}).get("Pug-Stream-Sequence") == str(sequence)]


async def begun_block(backends: Backends, project_id: int) -> tuple[bytes, BlockRecord]:
    """Two messages of a block that is in the ledger, as a worker leaves it when it dies before it has stored anything."""
    messages = [b"\n".join(row(project_id) for _ in range(3)), row(project_id)]
    sequences = await publish(backends, *messages)
    record = BlockRecord(sequences[0], sequences[-1], len(messages), time.time_ns() // 1000)
    worker_before = await ledger(backends)
    await worker_before.take_over()
    await worker_before.write(record)
    return b"\n".join(messages), record


async def test_what_is_published_is_stored_and_leaves_the_stream(backends: Backends) -> None:
    project = next_project()
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured")

    async with working(backends):
        await asyncio.gather(*(publisher.publish(row(project) + b"\n" + row(project)) for _ in range(300)))

    assert await counted(backends, project) == (600, 600)
    assert (await state_of(backends.nats, STREAM)).oldest is None


async def test_a_worker_that_died_before_storing_its_block_is_made_up_for(backends: Backends) -> None:
    project = next_project()
    await begun_block(backends, project)

    async with working(backends):
        await publish(backends, row(project))

    assert await counted(backends, project) == (5, 5)


async def test_a_worker_that_died_after_storing_its_block_doubles_nothing(backends: Backends) -> None:
    project = next_project()
    rows, record = await begun_block(backends, project)
    await EventStore(backends.clickhouse).store(rows, record)

    async with working(backends):
        await publish(backends, row(project))

    assert await counted(backends, project) == (5, 5)


async def test_a_worker_that_died_while_acknowledging_doubles_nothing(backends: Backends) -> None:
    project = next_project()
    rows, record = await begun_block(backends, project)
    await EventStore(backends.clickhouse).store(rows, record)
    await backends.jetstream.delete_msg(STREAM, record.first_seq)

    async with working(backends):
        pass

    assert await counted(backends, project) == (4, 4)


async def test_a_part_whose_token_is_known_but_which_is_missing_is_stored(backends: Backends) -> None:
    project = next_project()
    rows, record = await begun_block(backends, project)
    await EventStore(backends.clickhouse).store(rows, record)
    await backends.clickhouse.command(f"ALTER TABLE events DELETE WHERE project_id = {project} SETTINGS mutations_sync = 2")

    async with working(backends):
        pass

    assert await counted(backends, project) == (4, 4)


@pytest.mark.parametrize(
    "table",
    [
        "schema_events",
        "schema_properties",
        "schema_values",
        "person_activity",
        "activity_hours",
        "totals_hours",
        "totals_days",
        "session_hours",
        "active_days",
    ],
)
async def test_a_part_of_a_derived_table_whose_token_is_known_but_which_is_missing_is_counted(backends: Backends, table: str) -> None:
    project = next_project()
    rows, record = await begun_block(backends, project)
    await EventStore(backends.clickhouse).store(rows, record)
    await backends.clickhouse.command(f"ALTER TABLE {table} DELETE WHERE project_id = {project} SETTINGS mutations_sync = 2")

    async with working(backends):
        pass

    assert await counted(backends, project) == (4, 4)


async def test_events_are_counted_once_though_a_table_derived_from_them_refused_at_first(backends: Backends) -> None:
    project = next_project()
    await publish(backends, *(row(project) for _ in range(5)))

    async with refusing(backends, "key != 'n'", table="schema_properties"):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(started(backends), 60)
    async with working(backends):
        await publish(backends, row(project))

    assert await counted(backends, project) == (6, 6)


@pytest.mark.parametrize("later_ms", [0, 61_000, 86_400_000, 32 * 86_400_000])
async def test_an_event_that_comes_again_counts_once_though_its_time_changed(backends: Backends, later_ms: int) -> None:
    project, event_id = next_project(), str(uuid.uuid4())
    async with working(backends):
        await publish(backends, row(project, event_id, at_ms=1_790_000_000_000), row(project))

    async with working(backends):
        await publish(backends, row(project, event_id, at_ms=1_790_000_000_000 + later_ms), row(project))

    assert await counted(backends, project) == (3, 3)


async def test_a_clock_that_is_set_back_doubles_and_loses_nothing(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    project, event_id, now_ns = next_project(), str(uuid.uuid4()), time.time_ns
    with monkeypatch.context() as fast:
        fast.setattr("workers.settlement.time.time_ns", lambda: now_ns() + 3_600 * 10**9)
        async with working(backends):
            await publish(backends, row(project, event_id), row(project))
    ahead = await last_block(backends, project)

    async with working(backends):
        await publish(backends, row(project, event_id), row(project))

    assert await counted(backends, project) == (3, 3)
    assert ahead < await last_block(backends, project) < ahead + 10**6


async def last_block(backends: Backends, project_id: int) -> int:
    """When the last block was stored, in microseconds since 1970."""
    found = await backends.clickhouse.query(
        sql("SELECT toUnixTimestamp64Micro(max(stored_at)) FROM events WHERE project_id = {project}", project=unsigned(project_id))
    )
    return int(str(found.rows[0][0]))


async def test_an_unreadable_row_becomes_a_dead_letter_and_its_neighbours_are_stored(backends: Backends) -> None:
    project = next_project()
    unreadable = row(project).replace(b"1790000000000", b'"soon"')

    async with working(backends):
        await publish(backends, row(project) + b"\n" + unreadable, row(project))

    assert await counted(backends, project) == (2, 2)
    letter = await backends.jetstream.get_last_msg("DEAD", "dead.events")
    assert letter.data == unreadable
    assert letter.headers
    assert letter.headers["Pug-Reason"]


async def test_a_backlog_of_large_messages_is_stored_whole(backends: Backends) -> None:
    project = next_project()
    for _ in range(51):
        await publish(backends, b"\n".join(row(project, properties={"text": "x" * 8000}) for _ in range(120)))

    async with working(backends):
        pass

    assert await counted(backends, project) == (51 * 120, 51 * 120)


async def test_messages_before_the_block_in_the_ledger_are_stored_unless_they_are_already(backends: Backends) -> None:
    project, known = next_project(), str(uuid.uuid4())
    async with working(backends):
        await publish(backends, row(project, known))
    await publish(backends, row(project, known) + b"\n" + row(project))
    await begun_block(backends, project)

    async with working(backends):
        pass

    assert await counted(backends, project) == (1 + 1 + 4, 1 + 1 + 4)


async def test_a_block_over_more_months_than_a_table_remembers_tokens_for_is_not_doubled(backends: Backends) -> None:
    project = next_project()
    month_ms, year_2110_ms = 31 * 86_400_000, 4_417_977_600_000
    sequences = await publish(backends, b"\n".join(row(project, at_ms=year_2110_ms + number * month_ms) for number in range(1_100)))
    record = BlockRecord(sequences[0], sequences[0], 1, time.time_ns() // 1000)
    worker_before = await ledger(backends)
    await worker_before.take_over()
    await worker_before.write(record)
    message = await backends.jetstream.get_msg(STREAM, sequences[0])
    await EventStore(backends.clickhouse).store(message.data or b"", record)

    async with working(backends):
        pass

    assert await counted(backends, project) == (1_100, 1_100)
    await drop_months_from(backends, 211001)


async def drop_months_from(backends: Backends, first: int) -> None:
    """So many parts would keep the tests after this one waiting."""
    query = sql("SELECT DISTINCT _partition_id FROM events WHERE toYYYYMM(occurred_at) >= {first}", first=unsigned(first))
    dropped = ", ".join(f"DROP PARTITION ID '{month}'" for (month,) in (await backends.clickhouse.query(query)).rows)
    await backends.clickhouse.command(f"ALTER TABLE events {dropped}")


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 50, b"not a row\n[1]\n" * 20, b'["' + b"x" * 5000])
async def test_garbage_in_the_stream_is_buried_as_it_was_and_its_neighbours_are_stored(backends: Backends, garbage: bytes) -> None:
    project = next_project()

    async with working(backends):
        sequences = await publish(backends, row(project), garbage, row(project))

    assert await counted(backends, project) == (2, 2)
    letters = await letters_of(backends, sequences[1])
    assert sorted(letter.data or b"" for letter in letters) == sorted(set(garbage.split(b"\n")))
    assert {(letter.headers or {})["Pug-Subject"] for letter in letters} == {"events.captured"}


async def test_a_row_that_dies_is_kept_with_the_place_it_had_in_the_stream(backends: Backends) -> None:
    project = next_project()
    dead = row(project).replace(b"1790000000000", b'"soon"')

    async with working(backends):
        _, _, third = await publish(backends, row(project), row(project), row(project) + b"\n" + dead)

    assert [letter.data for letter in await letters_of(backends, third)] == [dead]


async def test_a_message_clickhouse_refuses_for_no_known_reason_is_buried_when_its_neighbours_are_stored(backends: Backends) -> None:
    project = next_project()
    refused = row(project).replace(b"pressed", b"refused")

    async with refusing(backends, "name != 'refused'"), working(backends):
        sequences = await publish(backends, *(row(project) for _ in range(5)), refused, *(row(project) for _ in range(5)))

    assert await counted(backends, project) == (10, 10)
    assert [letter.data for letter in await letters_of(backends, sequences[5])] == [refused]


async def test_rows_of_who_is_erased_are_left_out_of_blocks_begun_afterwards_and_of_the_dead_letters(backends: Backends) -> None:
    project = await AccountsRepository(backends.postgres).create_project("Erased", "Erased", "UTC")
    secrets, limits = ServerSecrets(backends.postgres), QueryLimits(timedelta(seconds=30), 2**30)
    erasures = Erasures(backends.postgres, secrets, Holdings(backends.clickhouse, backends.jetstream, limits))
    call = Call(Credential(str(uuid.uuid4()), Project(project, "UTC"), frozenset()), "request")
    staying, refused = row(project), row(project, properties={"x": "refused"})
    async with working(backends):
        await publish(backends, row(project, distinct_id="zoe"))
    assert await erasures.erase("zoe", call)

    async with refusing(backends, f"project_id != {project} OR ifNull(properties.x::Nullable(String), '') != 'refused'"), working(backends):
        sequences = await publish(
            backends, row(project, distinct_id="zoe"), staying, b"\n".join([row(project, distinct_id="zoe"), refused]), row(project)
        )

    # Of the first, which came before, workers/erasure takes care.
    assert await stored(backends, project) == 3
    assert [letter.data for letter in await letters_of(backends, sequences[2])] == [refused]


async def test_a_clickhouse_that_refuses_everything_buries_nothing(backends: Backends) -> None:
    project = next_project()
    published = await publish(backends, *(row(project) for _ in range(9)))

    async with refusing(backends, "project_id = 0"):
        with pytest.raises(StoreFailed):
            await asyncio.wait_for(started(backends), 60)
    async with working(backends):
        pass

    assert await counted(backends, project) == (9, 9)
    assert [await letters_of(backends, sequence) for sequence in published] == [[]] * 9


async def test_what_cannot_be_buried_stays_in_the_stream_and_holds_nothing_up(backends: Backends) -> None:
    project = next_project()
    letters = (await backends.jetstream.stream_info("DEAD")).config
    await backends.jetstream.update_stream(letters.evolve(max_msg_size=64))
    try:
        stop = asyncio.Event()
        task = asyncio.create_task(started(backends, stop))
        (sequence,) = await publish(backends, row(project) + b"\n" + b"?" * 100)
        await publish(backends, row(project))
        while await stored(backends, project) < 2:  # noqa: ASYNC110 (what is waited for is in another thread)
            await asyncio.sleep(0.02)
        stop.set()
        await task
        staying = await backends.jetstream.get_msg(STREAM, sequence)
    finally:
        await backends.jetstream.update_stream(letters)

    assert staying.data
    async with working(backends):
        pass
    assert await counted(backends, project) == (2, 2)
    assert [letter.data for letter in await letters_of(backends, sequence)] == [b"?" * 100]


async def test_several_partitions_store_side_by_side_and_an_event_that_comes_again_counts_once(backends: Backends) -> None:
    project, ids = next_project(), [str(uuid.uuid4()) for _ in range(200)]
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured", partitions=4)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(started(backends, stop, Partition(number, 4))) for number in range(4)]

    for later_ms in (0, 86_400_000):
        rows = [row(project, event_id, at_ms=1_790_000_000_000 + later_ms) for event_id in ids]
        await asyncio.gather(*(publisher.publish(b"\n".join(rows[start : start + 20])) for start in range(0, 200, 20)))
    while (await state_of(backends.nats, STREAM)).oldest:  # noqa: ASYNC110 (as above)
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*tasks)

    assert await counted(backends, project) == (200, 200)
    for number in range(1, 4):
        await backends.jetstream.delete_consumer(STREAM, Partition(number, 4).worker)
