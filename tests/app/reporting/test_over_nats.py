"""Processes that say how they are, and whoever asks."""

import asyncio
from datetime import UTC, datetime

import pytest

from app.backends import Backends
from app.reporting.engine_watch import EngineWatch
from app.reporting.over_nats import ask_processes, reporting
from app.reporting.report import Report
from app.reporting.reporter import Reporter
from core.errors import StreamUnavailable
from core.instruments import Instruments
from core.jetstream import connect
from core.pulse import Block, Pulse, SlowQuery

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLOW = SlowQuery(NOON, 1, "InsightsService/Query", "trends", "trends{}", "f", "s", "events", 9.5, 0.1, 5, None, "", "")


def process(pid: int) -> Report:
    return Report(NOON, "here", pid, "0.1.0", ("work",), NOON, 1, 2, 3, 4, Block(NOON, 5, 0.5), (SLOW,))


async def test_every_process_that_runs_answers(backends: Backends) -> None:
    async with reporting(backends.nats, lambda: process(1)), reporting(backends.nats, lambda: process(2)):
        both = await ask_processes(backends.nats)

    assert both == [process(1), process(2)]
    assert await ask_processes(backends.nats) == []


async def test_what_another_version_says_otherwise_is_left_out(backends: Backends) -> None:
    async def answer(message: object) -> None:
        await backends.nats.publish(getattr(message, "reply"), b'{"pid": "of a later version"}')  # noqa: B009 (untyped)

    other = await backends.nats.subscribe("pug.reports", cb=answer)
    async with reporting(backends.nats, lambda: process(1)):
        found = await ask_processes(backends.nats)
    await other.unsubscribe()

    assert found == [process(1)]


async def test_a_connection_that_is_closed_is_told(backends: Backends) -> None:
    url = str(backends.nats.connected_url.geturl()) if backends.nats.connected_url else ""
    token = backends.nats.options.get("token") or ""
    closed = await connect([url.replace("nats://", f"nats://{token}@") if token and "@" not in url else url])
    await closed.close()

    with pytest.raises(StreamUnavailable):
        await ask_processes(closed)


async def test_a_process_tells_what_it_did_and_how_its_clickhouse_is(backends: Backends) -> None:
    pulse = Pulse()
    engines = EngineWatch(backends.nats, backends.postgres, backends.clickhouse, Instruments.none().meter)
    pulse.accepted.add(60)
    pulse.slow.add(SLOW)
    pulse.last_block = Block(NOON, 5, 0.5)
    await engines.ask()

    async with reporting(backends.nats, Reporter({"query", "capture"}, pulse, engines).report):
        (found,) = await ask_processes(backends.nats)

    assert (found.roles, found.last_block) == (("capture", "query"), pulse.last_block)
    assert found.accepted > 0
    assert found.memory_bytes > 2**20
    assert found.store
    assert found.store.disk_size >= found.store.disk_free > 0
    assert {table.name: table.parts >= 1 for table in found.store.tables}["schema_migrations"]
    assert abs((found.store.clock - found.store.asked_at).total_seconds()) < 5
    assert found.store.schema[:4].isdigit()


async def test_an_answer_waits_for_no_engine(backends: Backends) -> None:
    engines = EngineWatch(backends.nats, backends.postgres, backends.clickhouse, Instruments.none().meter)

    async with reporting(backends.nats, Reporter(frozenset({"query"}), Pulse(), engines).report), asyncio.timeout(30):
        (found,) = await ask_processes(backends.nats)

    assert (found.store, found.store_answers) == (None, True)
