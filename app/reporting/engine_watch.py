"""Asks the engines again and again how they are, so that neither whoever collects metrics nor `pug status` has to wait for them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import cast

import nats.errors
import sqlalchemy
import structlog
from nats.aio.client import Client
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.reporting.report import People, Store, Table
from core.clickhouse import ClickHouse
from core.errors import PugError
from core.instruments import Gauge
from core.sql import sql

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_EVERY_S = 10.0
_WITHIN_S = 5.0

_ALIVE = sql("SELECT 1")
_SERVER = sql("SELECT version(), now64(3, 'UTC'), (SELECT value FROM system.metrics WHERE metric = 'MemoryTracking')")
_DISK = sql("SELECT free_space, total_space FROM system.disks ORDER BY free_space / greatest(total_space, 1), name LIMIT 1")
_TABLES = sql(
    "SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts"
    " WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table"
)
_MOST_PARTS = sql(
    "SELECT max(parts) FROM (SELECT count() AS parts FROM system.parts"
    " WHERE active AND database = currentDatabase() GROUP BY table, partition_id)"
)
# Those of tables have numbers; views and rollups have names alone.
_SCHEMA = sql("SELECT max(name) FROM schema_migrations WHERE match(name, '^[0-9]')")
PEOPLE_WAITING = sqlalchemy.text("SELECT count(*), min(created_at) FROM identity_changes")


class EngineWatch:
    """What the engines said when they were asked last. ClickHouse is left out where a process does without it."""

    def __init__(self, nats: Client, postgres: AsyncEngine, clickhouse: ClickHouse | None, meter: Meter) -> None:
        """The gauges are empty until `watch` runs."""
        self._nats = nats
        self._postgres = postgres
        self._clickhouse = clickhouse
        self._up: dict[str, bool] = {}
        self._store: Store | None = None
        self._people: People | None = None
        self._make_gauges(meter)

    @property
    def store(self) -> Store | None:
        """ClickHouse when it last answered."""
        return self._store

    @property
    def store_answers(self) -> bool:
        """Whether ClickHouse answered when it was asked last, or hasn't been asked."""
        return self._up.get("clickhouse", True)

    async def watch(self, stop: asyncio.Event, every_s: float = _EVERY_S) -> None:
        """Ask until told to stop."""
        while not stop.is_set():
            await self.ask()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)

    async def ask(self) -> None:
        """Ask all of them once, side by side."""
        asking = {"nats": self._ask_nats, "postgresql": self._ask_postgres}
        if self._clickhouse:
            asking["clickhouse"] = self._ask_clickhouse
        await asyncio.gather(*(self._asked(engine, ask) for engine, ask in asking.items()))

    async def _asked(self, engine: str, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                await ask()
        except (PugError, nats.errors.Error, SQLAlchemyError, OSError):
            self._up[engine] = False
        else:
            self._up[engine] = True

    async def _ask_nats(self) -> None:
        await self._nats.flush(timeout=int(_WITHIN_S))

    async def _ask_postgres(self) -> None:
        async with self._postgres.connect() as connection:
            waiting, oldest = (await connection.execute(PEOPLE_WAITING)).one()
        self._people = People(waiting, oldest)

    async def _ask_clickhouse(self) -> None:
        if self._clickhouse is None:
            return
        await self._clickhouse.query(_ALIVE)
        try:
            self._store = await store_of(self._clickhouse)
        except PugError as error:
            # It answers, and this account of it may not read its system tables, or Pug's are not there yet.
            self._store = None
            log.debug("clickhouse_not_measured", error=error.message)

    def _make_gauges(self, meter: Meter) -> None:
        meter.create_observable_gauge("pug.engine.up", [self._observe_up], "1", "Whether an engine answered when it was asked last.")

        def gauge(name: str, unit: str, description: str, of: Callable[[Store], float]) -> None:
            Gauge(meter, name, description, lambda: of(self._store) if self._store and self.store_answers else None, unit=unit)

        gauge("pug.clickhouse.disk.free", "By", "Room on ClickHouse's fullest disk.", lambda store: store.disk_free)
        gauge("pug.clickhouse.disk.size", "By", "Size of ClickHouse's fullest disk.", lambda store: store.disk_size)
        gauge("pug.clickhouse.tables", "By", "What Pug's tables take on the disk.", lambda store: store.bytes)
        gauge("pug.clickhouse.parts", "{part}", "Parts of Pug's tables.", lambda store: store.parts)
        gauge("pug.clickhouse.partition.parts", "{part}", "Parts of the partition that has the most.", lambda store: store.most_parts)
        gauge("pug.clickhouse.memory", "By", "What ClickHouse holds in memory.", lambda store: store.memory_bytes)
        Gauge(meter, "pug.people.waiting", "Changes of who is who that ClickHouse hasn't been told.", self._waiting, unit="{change}")
        Gauge(meter, "pug.people.lag", "For how long the oldest of them has waited.", self._people_lag, unit="s")

    def _observe_up(self, _options: CallbackOptions) -> Iterable[Observation]:
        for engine, up in self._up.copy().items():
            yield Observation(int(up), {"engine": engine})

    def _waiting(self) -> float | None:
        return self._people.waiting if self._people and self._up.get("postgresql") else None

    def _people_lag(self) -> float | None:
        if self._people is None or not self._up.get("postgresql"):
            return None
        return max(0.0, (datetime.now(UTC) - self._people.oldest).total_seconds()) if self._people.oldest else 0.0


async def store_of(clickhouse: ClickHouse) -> Store:
    """ClickHouse as it is now."""
    began = datetime.now(UTC)
    ((version, clock, memory),) = (await clickhouse.query(_SERVER)).rows
    asked_at = began + (datetime.now(UTC) - began) / 2
    ((free, size),) = (await clickhouse.query(_DISK)).rows
    tables = (await clickhouse.query(_TABLES)).rows
    ((most,),) = (await clickhouse.query(_MOST_PARTS)).rows
    ((schema,),) = (await clickhouse.query(_SCHEMA)).rows
    return Store(
        asked_at=asked_at,
        clock=cast("datetime", clock),
        version=str(version),
        disk_free=cast("int", free),
        disk_size=cast("int", size),
        memory_bytes=cast("int", memory),
        most_parts=cast("int", most),
        tables=tuple(Table(*cast("tuple[str, int, int, int]", row)) for row in tables),
        schema=str(schema),
    )
