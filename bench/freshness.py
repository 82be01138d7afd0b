"""How many events a second go from Capture to being queryable for a minute, and how long one takes: its freshness."""

import asyncio
import json
import time
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table

from bench.load import json_body, send
from bench.server import Pug, capturing, running

SECONDS = 30.0
RATES = (50_000, 100_000)
CONNECTIONS = 32
GIVE_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    seconds: float


async def main(console: Console) -> None:
    table = Table(title=f"Capture to queryable, {SECONDS:.0f} s at a steady rate of 100-event batches")
    for column in (
        "processes",
        "asked events/s",
        "accepted events/s",
        "queryable events/s",
        "freshness p50 s",
        "p95 s",
        "p99 s",
        "accepted = stored",
    ):
        table.add_column(column, justify="right")
    for rate in RATES:
        async with running() as pug:
            table.add_row("one", *await _measure(pug, rate))
        async with capturing(1, storing=True) as pug:
            table.add_row("capture | query, work", *await _measure(pug, rate))
    console.print(table)


async def _measure(pug: Pug, rate: float) -> list[str]:
    probing = asyncio.Event()
    probes = asyncio.create_task(_probe(pug, probing))
    started = time.perf_counter()
    outcome = await send(pug, json_body(), "application/json", seconds=SECONDS, connections=CONNECTIONS, events_per_second=rate)
    probing.set()
    freshness = sorted(probe.seconds for probe in await probes)
    stored = await _until_stored(pug, outcome.accepted)
    took = time.perf_counter() - started
    return [
        f"{rate:,.0f}",
        f"{outcome.rate:,.0f}",
        f"{stored / took:,.0f}",
        f"{median(freshness):.2f}",
        f"{freshness[int(len(freshness) * 0.95)]:.2f}",
        f"{freshness[int(len(freshness) * 0.99)]:.2f}",
        "yes" if stored == outcome.accepted else f"no: {outcome.accepted:,} and {stored:,}",
    ]


async def _probe(pug: Pug, done: asyncio.Event) -> list[Probe]:
    """One event a second with a name of its own, and how long until a trend counts it."""
    probes: list[asyncio.Task[Probe]] = []
    number = 0
    while not done.is_set():
        number += 1
        probes.append(asyncio.create_task(asyncio.to_thread(_time_one, pug, f"probe_{number}")))
        await asyncio.sleep(1)
    return list(await asyncio.gather(*probes))


def _time_one(pug: Pug, name: str) -> Probe:
    _post(pug, "capture.v1.CaptureService/Capture", pug.write_key, {"events": [{"name": name, "distinctId": "probe"}]})
    accepted = time.perf_counter()
    while not _count(pug, name):
        time.sleep(0.05)
    return Probe(name, time.perf_counter() - accepted)


async def _until_stored(pug: Pug, expected: int) -> int:
    names = ("page_view", "signed_up", "purchase", "search", "add_to_cart")
    deadline = time.perf_counter() + GIVE_UP_S
    while True:
        stored = sum([await asyncio.to_thread(_count, pug, name) for name in names])
        if stored >= expected or time.perf_counter() > deadline:
            return stored
        await asyncio.sleep(0.1)


def _count(pug: Pug, name: str) -> int:
    answer = _query(pug, name)
    return int(sum(answer["trends"]["series"][0]["values"])) if answer["trends"]["series"] else 0


def _query(pug: Pug, name: str) -> dict[str, Any]:
    question = {"insight": {"trends": {"series": [{"event": {"name": name}}]}}, "preset": "PRESET_LAST_7_DAYS"}
    return _post(pug, "insights.v1.InsightsService/Query", pug.secret_key, question)


def _post(pug: Pug, path: str, key: str, body: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    port = pug.query_port if pug.query_port and path.startswith("insights") else pug.port
    with urlopen(Request(f"http://{pug.host}:{port}/pug.{path}", json.dumps(body).encode(), headers), timeout=30) as answer:
        return json.load(answer)
