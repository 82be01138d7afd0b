"""A board of twelve tiles answered from rollups and from the events, and what rollups cost an insert."""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.table import Table

from app.backends import open_clickhouse
from app.migrate import MIGRATIONS, migrate_clickhouse
from bench.traffic import PROJECT, START, Traffic, insert_of, store, tie
from core.clickhouse import ClickHouse
from core.instruments import Instruments
from core.sql import Sql, sql, text
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from services.insights import engine
from services.insights.hints import Hints
from services.insights.limits import QueryLimits, limited
from services.insights.patterns import KnownPatterns
from services.insights.result_cache import Result
from services.insights.tables import ROLLUPS
from services.insights.turns import AtOnce, Turns
from services.insights.watch import QueryWatch
from services.rpc.call import Call, Credential, Project, Scope

RUNS = 5
_SIZE = "SELECT sum(rows), intDiv(sum(bytes_on_disk), 1048576) FROM system.parts WHERE active AND table = {name}"
_BLOCKS, _BLOCK = 6, 100_000
_VIEW = {"name": "page_view"}
_PERSONS = {"kind": "KIND_PERSONS"}
BOARD: dict[str, dict[str, object]] = {
    "page views by day": {"trends": {"series": [{"event": _VIEW}]}},
    "events by day, of four names": {
        "trends": {"series": [{"event": {"name": name}} for name in ("click", "search", "add_to_cart", "purchase")]}
    },
    "page views by country": {"trends": {"series": [{"event": _VIEW}], "breakdowns": [{"property": "$country"}]}},
    "purchases": {"segmentation": {"series": [{"event": {"name": "purchase"}}]}},
    "persons by day": {"trends": {"series": [{"event": _VIEW, "metric": _PERSONS}]}},
    "buyers by channel": {
        "segmentation": {"series": [{"event": {"name": "purchase"}, "metric": _PERSONS}], "breakdowns": [{"property": "$channel"}]}
    },
    "pages": {"topK": {"scope": _VIEW, "dimension": "DIMENSION_PROPERTY", "property": "$pathname"}},
    "browsers": {"topK": {"scope": _VIEW, "dimension": "DIMENSION_PROPERTY", "property": "$browser"}},
    "sessions by day": {"sessions": {"scope": {}}},
    "stickiness": {"stickiness": {"event": {"name": "purchase"}}},
    "lifecycle of buyers": {"lifecycle": {"event": {"name": "purchase"}}},
    "retention of who signed up": {"retention": {"start": {"name": "signed_up"}, "return": {"name": "purchase"}}},
}


async def main(console: Console) -> None:
    await _measure(console, 10_000_000)


async def of_100_million(console: Console) -> None:
    await _measure(console, 100_000_000)


async def _measure(console: Console, size: int) -> None:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        clickhouse = open_clickhouse(f"chdb://{folder}/clickhouse", connections=4, memory_bytes=8 * 2**30)
        await migrate_clickhouse(clickhouse)
        traffic = Traffic(size)
        await store(traffic, clickhouse, console)
        await tie(traffic, clickhouse)
        for rollup in ROLLUPS:
            await clickhouse.command(f"OPTIMIZE TABLE {rollup} FINAL")
        console.print(await _sizes(clickhouse))
        console.print(await _board(clickhouse, traffic))
        await clickhouse.close()
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        console.print(await _inserts(folder))


async def _sizes(clickhouse: ClickHouse) -> Table:
    table = Table("table", "rows", "MiB", title="What is kept")
    for name in ("events", *ROLLUPS):
        ((rows, size),) = (await clickhouse.query(sql(_SIZE, name=text(name)))).rows
        table.add_row(name, f"{rows:,}", f"{size:,}")
    return table


async def _board(clickhouse: ClickHouse, traffic: Traffic) -> Table:
    ask = _Asking(clickhouse, traffic)
    table = Table(
        title=f"A board of {len(BOARD)} tiles over {traffic.events:,} events, {traffic.days} days, 5 % of ids tied: ms, median of {RUNS}"
    )
    for column in ("tile", "rollups", "events", "rows read", "of events"):
        table.add_column(column, justify="left" if column == "tile" else "right")
    for tile, insight in BOARD.items():
        by_rollup, by_events = await ask.timed(insight, ROLLUPS), await ask.timed(insight, ())
        _compare(tile, by_rollup[1], by_events[1])
        rows = (f"{answer.meta.rows_read:,}" for _, answer in (by_rollup, by_events))
        table.add_row(tile, f"{by_rollup[0]:.0f}", f"{by_events[0]:.0f}", *rows)
    table.add_section()
    table.add_row("all at once", *[f"{await ask.board(rollups):.0f}" for rollups in (ROLLUPS, ())])
    return table


class _Asking:
    """Asks about the traffic, three at a time as a project may."""

    def __init__(self, clickhouse: ClickHouse, traffic: Traffic) -> None:
        self._clickhouse = clickhouse
        self._traffic = traffic
        self._turns = asyncio.Semaphore(3)
        self._hints = Hints(clickhouse, Turns(AtOnce()))
        self._patterns = KnownPatterns()

    async def timed(self, insight: dict[str, object], rollups: Collection[str]) -> tuple[float, QueryResponse]:
        took: list[float] = []
        answer = await self._answer(insight, rollups)
        for _ in range(RUNS):
            started = time.perf_counter()
            answer = await self._answer(insight, rollups)
            took.append((time.perf_counter() - started) * 1000)
        return median(took), answer

    async def board(self, rollups: Collection[str]) -> float:
        took: list[float] = []
        for _ in range(RUNS):
            started = time.perf_counter()
            await asyncio.gather(*(self._answer(insight, rollups) for insight in BOARD.values()))
            took.append((time.perf_counter() - started) * 1000)
        return median(took)

    async def _answer(self, insight: dict[str, object], rollups: Collection[str]) -> QueryResponse:
        limits = QueryLimits(timedelta(seconds=120), 6 * 2**30)
        between = {"from": _text(START), "to": _text(self._traffic.end)}
        request = ParseDict({"insight": insight, "timeRange": between}, QueryRequest())
        now = datetime.now(UTC)

        async def ask(query: Sql) -> Result:
            return Result(await self._clickhouse.query(limited(query, limits, None)), now)

        call = _call()
        async with self._turns:
            with QueryWatch(Instruments.none()).question("tile", call, request) as question:
                return await engine.answer(
                    request,
                    call,
                    clickhouse=self._clickhouse,
                    now=now,
                    hints=self._hints,
                    question=question,
                    ask=ask,
                    check_patterns=partial(self._patterns.check, ask=ask),
                    rollups=rollups,
                )


def _compare(tile: str, by_rollup: QueryResponse, by_events: QueryResponse) -> None:
    if by_rollup.meta.source == by_events.meta.source:
        sys.exit(f"No rollup answers “{tile}”.")
    one, other = QueryResponse(), QueryResponse()
    one.CopyFrom(by_rollup)
    other.CopyFrom(by_events)
    one.ClearField("meta")
    other.ClearField("meta")
    if one != other:
        sys.exit(f"The rollup and the events disagree about “{tile}”.")


async def _inserts(folder: str) -> Table:
    """CPU of inserts, first into all tables, then with fewer and fewer views."""
    clickhouse = open_clickhouse(f"chdb://{folder}/clickhouse", connections=1, memory_bytes=4 * 2**30)
    await migrate_clickhouse(clickhouse)
    await clickhouse.command("SYSTEM STOP MERGES")
    traffic = Traffic(10_000_000)
    table = Table("tables", "µs of CPU an event", title=f"Inserts of {_BLOCK:,} events, merges stopped, least of {_BLOCKS}")
    first = 0
    for tables, views in (
        ("all", ()),
        ("all but the rollups", [f"events_to_{rollup}" for rollup in ROLLUPS]),
        ("events alone", [f"events_to_{path.stem}" for path in sorted((MIGRATIONS / "clickhouse/views").glob("[!e]*.sql"))]),
    ):
        for view in (*views, *(["events_to_person_activity"] if tables == "events alone" else [])):
            await clickhouse.command(f"DROP VIEW {view}")
        spent: list[float] = []
        for _ in range(_BLOCKS):
            before = _cpu_s()
            await clickhouse.command(insert_of(traffic, first, _BLOCK))
            spent.append(_cpu_s() - before)
            first += _BLOCK
        table.add_row(tables, f"{min(spent) / _BLOCK * 1e6:.1f}")
    await clickhouse.close()
    return table


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _call() -> Call:
    return Call(Credential("bench", Project(PROJECT, "UTC"), frozenset({Scope.READ})), "bench")


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
