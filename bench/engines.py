"""What the engines take by themselves of the rows capture makes, so that it shows how far Pug is from their limits."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from app.backends import open_clickhouse
from app.embedded.folder import open_folder
from app.embedded.nats import nats_server
from app.migrate import migrate_clickhouse
from bench.load import fresh, json_body
from core.jetstream import connect
from core.settings import StreamSync
from services.capture.batch import Arrival
from services.capture.json_batch import decode_json
from services.capture.uuid7 import new_uuid7
from workers.block import BlockRecord
from workers.store import COLUMNS, FORMAT, SETTINGS, EventStore

BLOCK = 50_000
ROUNDS = 5
_MESSAGES = 400
_IN_FLIGHT = 8
_CONTEXT = (
    '{"$browser":"Google Chrome","$browser_version":"146","$os":"Windows","$os_version":"10","$mobile":false,'
    '"$country":"DE","$continent":"EU"}'
)


async def main(console: Console) -> None:
    rows = _rows(BLOCK)
    table = Table(title=f"The engines by themselves, rows of {len(rows) // BLOCK} bytes, median of {ROUNDS}")
    table.add_column("")
    table.add_column("events/s", justify="right")
    message = b"\n".join(rows.split(b"\n")[: 2**20 // (len(rows) // BLOCK)])
    for name, rate in [(f"NATS: messages of 1 MiB, {_IN_FLIGHT} in flight, acknowledged", await _nats(message)), *await _clickhouse(rows)]:
        table.add_row(name, f"{rate:,.0f}")
    console.print(table)


def _rows(events: int) -> bytes:
    arrival, body = Arrival(1, datetime.now(UTC), new_uuid7, _CONTEXT), json_body(1000)
    return b"\n".join(decode_json(fresh(body), arrival).batch().rows for _ in range(events // 1000))


async def _nats(message: bytes) -> float:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        async with open_folder(Path(folder)) as data, nats_server(data, sync=StreamSync.INTERVAL) as url:
            connection = await connect([url])
            jetstream = connection.jetstream()
            await jetstream.add_stream(name="LIMIT", subjects=["limit"])
            rates: list[float] = []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                places = iter(range(_MESSAGES))
                await asyncio.gather(*(_publish(jetstream.publish, message, places) for _ in range(_IN_FLIGHT)))
                rates.append(_MESSAGES * (message.count(b"\n") + 1) / (time.perf_counter() - started))
            await connection.close()
    return median(rates)


async def _publish(publish: Callable[[str, bytes], Awaitable[object]], message: bytes, places: Iterator[int]) -> None:
    for _ in places:
        await publish("limit", message)


async def _clickhouse(rows: bytes) -> list[tuple[str, float]]:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        clickhouse = open_clickhouse(f"chdb://{folder}/clickhouse", connections=1, memory_bytes=4 * 2**30)
        await migrate_clickhouse(clickhouse)
        store, blocks = EventStore(clickhouse), count(1)

        async def whole() -> None:
            number = next(blocks)
            await store.store(rows, BlockRecord(number, number, 1, number))

        async def parsed() -> None:
            await clickhouse.insert_bytes("events_probe", COLUMNS, rows, FORMAT, SETTINGS)

        measured = [
            (f"ClickHouse: blocks of {BLOCK:,} rows into all tables, by one insert after the other", await _rate(whole)),
            ("ClickHouse: the same rows parsed and thrown away", await _rate(parsed)),
        ]
        await clickhouse.close()
    return measured


async def _rate(insert: Callable[[], Awaitable[None]]) -> float:
    rates: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await insert()
        rates.append(BLOCK / (time.perf_counter() - started))
    return median(rates)
