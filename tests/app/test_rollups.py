"""Rollups are built of what is stored already while more comes in, and begun anew when a process was killed."""

import asyncio
import contextlib
import json
import shutil
import time
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app import migrate, rollups
from core.clickhouse import ClickHouse
from core.sql import identifier, sql, unsigned
from story import Store, event
from workers.block import WRITERS, BlockRecord
from workers.store import EventStore

# As a later version might have it: totals by what the client says is the plan.
SUCCESSOR = """
CREATE TABLE IF NOT EXISTS {name}
(
    project_id UInt64,
    plan Nullable(String),
    writer UInt8,
    events SimpleAggregateFunction(sum, UInt64),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, plan, writer)
SETTINGS non_replicated_deduplication_window = 10000, allow_nullable_key = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_{name} TO {name} AS
SELECT
    project_id, properties.plan::Nullable(String) AS plan, toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
    count() AS events, max(stored_at) AS last_block
FROM events
GROUP BY project_id, plan, writer;

SELECT writer, sum(counted) AS off_by
FROM
(
    SELECT writer, toInt64(events) AS counted FROM {name}
    UNION ALL
    SELECT toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer, -1 AS counted FROM events
)
GROUP BY writer
HAVING off_by != 0;
"""


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
async def successor(clickhouse: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    """The name of a rollup that migrations have and ClickHouse doesn't yet."""
    name = f"plans_{uuid.uuid4().hex[:8]}"
    shutil.copytree(migrate.MIGRATIONS / "clickhouse", tmp_path / "clickhouse")
    (tmp_path / "clickhouse" / "rollups" / f"{name}.sql").write_text(SUCCESSOR.format(name=name))
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    yield name
    await clickhouse.command(f"DROP TABLE IF EXISTS events_to_{name} SYNC")
    await clickhouse.command(f"DROP TABLE IF EXISTS {name} SYNC")
    await clickhouse.command(f"DELETE FROM schema_migrations WHERE name = '{name}'")


@contextlib.asynccontextmanager
async def ingesting(store: Store) -> AsyncGenerator[None]:
    """Writers that store one block after the other, some without a pause and some seldom; at the end they have finished their last."""
    stop = asyncio.Event()

    async def write(writer: int, pause_s: float) -> None:
        events, stored_at = EventStore(store.clickhouse), 0
        while not stop.is_set():
            stored_at = max(time.time_ns() // 1000, stored_at + 1)
            stored_at += (writer - stored_at) % WRITERS
            rows = b"\n".join(row(store.project_id, number) for number in range(20))
            await events.store(rows, BlockRecord(1, 1, 1, stored_at))
            await asyncio.sleep(pause_s)

    writing = [asyncio.create_task(write(writer, pause_s)) for writer, pause_s in ((1, 0), (2, 0.01), (3, 0.7))]
    await asyncio.sleep(0.3)
    yield
    stop.set()
    await asyncio.gather(*writing)


def row(project: int, number: int) -> bytes:
    at_ms = 1_790_000_000_000 + (number % 7) * 20 * 86_400_000
    return json.dumps([str(uuid.uuid4()), project, "seen", "ann", "", at_ms, at_ms, {"plan": ["free", "pro"][number % 2]}, ""]).encode()


async def counted(store: Store, name: str) -> tuple[dict[object, object], dict[object, object]]:
    """How many events have which plan, in the rollup and in fact."""
    project = unsigned(store.project_id)
    by_rollup, by_events = [
        await store.clickhouse.query(query)
        for query in (
            sql(
                "SELECT plan, sum(events) FROM {rollup} WHERE project_id = {project} GROUP BY plan",
                rollup=identifier(name),
                project=project,
            ),
            sql("SELECT properties.plan::Nullable(String), count() FROM events WHERE project_id = {project} GROUP BY ALL", project=project),
        )
    ]
    return {row[0]: row[1] for row in by_rollup.rows}, {row[0]: row[1] for row in by_events.rows}


async def test_a_rollup_that_is_built_while_events_come_in_loses_and_doubles_none(store: Store, successor: str) -> None:
    await store.tell(event("seen", plan="old"), event("seen"))

    async with ingesting(store):
        applied = await migrate.migrate_clickhouse(store.clickhouse)
        again = await migrate.migrate_clickhouse(store.clickhouse)

    by_rollup, by_events = await counted(store, successor)
    assert by_rollup == by_events
    assert set(by_events) == {"old", None, "free", "pro"}
    assert (applied, again) == ([successor], [])


@pytest.mark.parametrize("step", ["_make", "_inserts_end", "_blocks", "_portions", "_agrees"])
async def test_a_rollup_whose_building_was_killed_is_not_there_and_is_begun_anew(
    store: Store, successor: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await store.tell(event("seen", plan="old"))
    made = getattr(rollups, step)

    async def killed_after(*given: object) -> None:
        await made(*given)
        raise Killed

    async with ingesting(store):
        with monkeypatch.context() as broken:
            broken.setattr(rollups, step, killed_after)
            with pytest.raises(Killed):
                await migrate.migrate_clickhouse(store.clickhouse)
        known = await store.clickhouse.query(sql("SELECT name FROM schema_migrations"))
        await migrate.migrate_clickhouse(store.clickhouse)

    by_rollup, by_events = await counted(store, successor)
    assert by_rollup == by_events
    assert (successor,) not in known.rows


async def test_a_rollup_that_does_not_agree_is_built_again(store: Store, successor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.tell(event("seen", plan="old"))
    count_history = rollups._count_history  # pyright: ignore[reportPrivateUsage] (what is made to fail once)
    attempts = 0

    async def once_wrong(clickhouse: ClickHouse, rollup: rollups.Rollup, cluster: str) -> None:
        nonlocal attempts
        attempts += 1
        await count_history(clickhouse, rollup, cluster)
        if attempts == 1:
            await clickhouse.command(f"INSERT INTO {successor} SELECT 0, 'x', 1, 1, 0")

    monkeypatch.setattr(rollups, "_count_history", once_wrong)
    monkeypatch.setattr(rollups, "_AGREE_WITHIN_S", 0.5)
    await migrate.migrate_clickhouse(store.clickhouse)

    by_rollup, by_events = await counted(store, successor)
    assert by_rollup == by_events
    assert attempts == 2
