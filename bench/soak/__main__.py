"""`make soak` for ten minutes; `make soak MINUTES=1 RATE=3000 SEED=7` for others."""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.soak.faults import Faults
from bench.soak.stand import Stand, stand
from bench.soak.traffic import Tally, Traffic
from bench.soak.verdict import Verdict, judge

SENDERS = 24


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float
    rate: float
    seed: int
    workers: int
    partitions: int
    keep: Path | None


def main() -> None:
    plan = _plan()
    console = Console(width=120)
    if plan.keep:
        plan.keep.mkdir(parents=True)
        sys.exit(asyncio.run(soak(plan, plan.keep, console)))
    with tempfile.TemporaryDirectory(prefix="pug-soak-") as folder:
        sys.exit(asyncio.run(soak(plan, Path(folder), console)))


async def soak(plan: Plan, folder: Path, console: Console) -> int:
    """Run it all, print what came of it, and return by how much it is off."""
    tally = Tally()
    async with stand(folder, workers=plan.workers, partitions=plan.partitions, capture_processes=2) as running:
        await running.fleet.said(r'"http_port": (\d+), "grpc_port": \d+, "roles"')
        faults = Faults(running, seed=plan.seed, pause_s=(1, 7))
        started = time.monotonic()
        await _under_faults(plan, running, tally, faults, console)
        sent = time.monotonic()
        verdict = await judge(running, tally)
        settled = time.monotonic()
    console.print(_faults_table(faults))
    console.print(_verdict_table(tally, verdict, sent - started, settled - sent))
    return min(verdict.errors(tally), 1)


async def _under_faults(plan: Plan, running: Stand, tally: Tally, faults: Faults, console: Console) -> None:
    over = asyncio.Event()
    traffic = Traffic(running, tally, seed=plan.seed, events_per_second=plan.rate, senders=SENDERS)
    sending = asyncio.gather(traffic.run(over), faults.run(over))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=plan.minutes * 60)
        until = time.monotonic() + plan.minutes * 60
        while (left := until - time.monotonic()) > 0 and not sending.done():
            done = plan.minutes * 60 - left
            progress.update(task, completed=done, description=f"{tally.events:,} events, {faults.happened.total()} faults")
            await asyncio.sleep(0.5)
    over.set()
    await sending


def _faults_table(faults: Faults) -> Table:
    table = Table(title="What went wrong")
    table.add_column("fault")
    table.add_column("times", justify="right")
    for kind, times in sorted(faults.happened.items()):
        table.add_row(kind, str(times))
    return table


def _verdict_table(tally: Tally, verdict: Verdict, sending_s: float, settling_s: float) -> Table:
    table = Table(title="What came of it")
    table.add_column("")
    table.add_column("events", justify="right")
    table.add_column("off by", justify="right")
    repeats = tally.accepted - tally.events
    for name, count in (
        ("accepted, as the receipts say", tally.accepted),
        ("told as duplicates by receipts", tally.duplicates),
        ("accepted again: copies of events that had been accepted", repeats),
        (f"sent again on purpose, of {tally.requests:,} requests", tally.sent_again),
        ("rejected", tally.rejected),
    ):
        table.add_row(name, f"{count:,}", "")
    table.add_section()
    table.add_row("[bold]accepted - duplicates", f"[bold]{tally.events:,}", "")
    for name, count in verdict.counts.items():
        table.add_row(name, f"{count:,}", f"{count - tally.events:,}")
    table.add_row("batches not stored as accepted", f"{verdict.wrong_batches:,}", f"{verdict.wrong_batches:,}")
    table.add_row("first copies replaced by later ones", f"{verdict.replaced:,}", f"{verdict.replaced:,}")
    table.add_row("dead letters", f"{verdict.dead_letters:,}", f"{verdict.dead_letters:,}")
    table.add_section()
    table.add_row("[bold]error", "", f"[bold]{verdict.errors(tally):,}")
    p99 = sorted(tally.latencies)[int(len(tally.latencies) * 0.99)] * 1000 if tally.latencies else 0.0
    table.caption = (
        f"{sending_s:.0f} s at {(tally.accepted + tally.duplicates) / sending_s:,.0f} events/s, settled after {settling_s:.0f} s; "
        f"{tally.unanswered:,} requests unanswered and {tally.refused:,} refused, all sent again; "
        f"answers p50 {median(tally.latencies or [0]) * 1000:.0f} ms, p99 {p99:.0f} ms"
    )
    return table


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=8_000, help="events a second, copies included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--keep", type=Path, help="a new folder for data and logs, kept afterwards")
    return Plan(**vars(parser.parse_args()))


main()
