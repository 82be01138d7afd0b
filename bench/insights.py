"""How long every kind of insight takes over 1 and 10 million events, next to hand-written SQL for the same numbers in the same run."""

import os
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.table import Table

from app.backends import open_clickhouse
from app.migrate import migrate_clickhouse
from bench.insight_answers import by_hand_of, numbers_of
from bench.insight_cases import Case, cases
from bench.traffic import PROJECT, START, Traffic, forget, store, tie
from core.clickhouse import ClickHouse
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope

SIZES = (1_000_000, 10_000_000)
RUNS = 7
_COLUMNS = ("asked", "Pug", "by hand", "Pug ÷ by hand", "Pug ÷ by hand, CPU", "budget at 10M", "rows read", "same numbers")


@dataclass(frozen=True, slots=True)
class _Spent:
    """What one run took of the clock, and of the cores, whatever else they did."""

    ms: float
    cpu_ms: float


async def main(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        clickhouse = open_clickhouse(f"chdb://{folder}/clickhouse", connections=4, memory_bytes=8 * 2**30)
        await migrate_clickhouse(clickhouse)
        for size in SIZES:
            traffic = Traffic(size)
            await forget(clickhouse)
            await store(traffic, clickhouse, console)
            await tie(traffic, clickhouse)
            console.print(await table_of(traffic, clickhouse, cases()))
        await clickhouse.close()


async def table_of(traffic: Traffic, clickhouse: ClickHouse, asked: list[Case]) -> Table:
    """How long each question takes; the last column says how many numbers both ways agree on, and any that differs ends the benchmark."""
    table = Table(
        title=f"Insights over {traffic.events:,} events of {traffic.ids:,} ids, 5 % of them tied to another, {traffic.days} days:"
        f" ms, median of {RUNS} in turn with hand-written SQL"
    )
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "asked" else "right")
    service = _service(traffic, clickhouse)
    for case in asked:
        table.add_row(case.name, *await _measured(case, traffic, service, clickhouse))
    load, _, _ = os.getloadavg()
    table.caption = f"load {load:.1f} of {os.cpu_count()} cores at the end"
    return table


async def _measured(case: Case, traffic: Traffic, service: InsightsService, clickhouse: ClickHouse) -> list[str]:
    request = _request(case, traffic)
    # The first of each warms the caches.
    answer, found = await service.query(request, _call()), await clickhouse.query(case.by_hand)
    numbers = numbers_of(answer)
    if numbers != by_hand_of(found.rows):
        raise SystemExit(f"{case.name}: the answers differ, so their times say nothing.")
    pairs = [(await _spent(service.query(request, _call())), await _spent(clickhouse.query(case.by_hand))) for _ in range(RUNS)]
    return [
        f"{median(ours.ms for ours, _ in pairs):.0f}",
        f"{median(by_hand.ms for _, by_hand in pairs):.0f}",
        f"{median(ours.ms / by_hand.ms for ours, by_hand in pairs):.2f}",
        f"{median(ours.cpu_ms / by_hand.cpu_ms for ours, by_hand in pairs):.2f}",
        f"{case.budget_ms:,}" if case.budget_ms else "",
        f"{answer.meta.rows_read:,}",
        f"{len(numbers):,}",
    ]


def _request(case: Case, traffic: Traffic) -> QueryRequest:
    whole = {"timeRange": {"from": _text(START), "to": _text(traffic.end)}}
    return ParseDict({"insight": case.insight, **whole, **case.rest}, QueryRequest())


def _service(traffic: Traffic, clickhouse: ClickHouse) -> InsightsService:
    async def watermark() -> Watermark:
        return Watermark(datetime.now(UTC))

    # Long enough after the traffic that no period of a retention is still running.
    asked_at = traffic.end + timedelta(days=100)
    return InsightsService(clickhouse, watermark, lambda: asked_at, QueryLimits(timedelta(seconds=60), 4 * 2**30))


def _call() -> Call:
    return Call(Credential("bench", Project(PROJECT, "UTC"), frozenset({Scope.READ})), "bench")


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


async def _spent(act: Awaitable[object]) -> _Spent:
    # ClickHouse is in this process, so its CPU time is the process's.
    started, cpu = time.perf_counter(), time.process_time()
    await act
    return _Spent((time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000)
