"""Runs an import: identifies the file, goes on from a checkpoint or begins, sends, and writes down how far it came."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import typer

from app.cli.client import CliError, Server, call_failure
from app.cli.importing.batches import Batch, batches_of
from app.cli.importing.checkpoint import Checkpoint, Journey, Totals, fingerprint, read_checkpoint, sha256_of
from app.cli.importing.logbook import Logbook
from app.cli.importing.mapping import encoder_for
from app.cli.importing.progress import Meter
from app.cli.importing.sending import CaptureRefused, Outcome, capture_at, deliver_all, patient
from app.cli.importing.sources import Source

CHECKPOINT = ".pug-import.json"
REJECTS = ".rejects.ndjson"

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try."""

    most_events: int
    in_flight: int
    give_up_after: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import, where to, and where to write down how far it came."""

    source: Source
    server: Server
    pace: Pace
    checkpoint: Path
    rejects: Path
    # Names the way the file is read: a checkpoint of another way is not gone on from.
    flags: str
    restart: bool


@dataclass(frozen=True, slots=True)
class Report:
    """How an import went."""

    sha256: str
    totals: Totals
    resumed_from_line: int | None
    seconds: float


def run_import(plan: Plan, progress: Meter) -> Report:
    """Imports the file to its end."""
    sha256 = _identify(plan.source, progress)
    journey = Journey(sha256, plan.source.size, fingerprint(plan.server.key), fingerprint(plan.flags))
    resumed = None if plan.restart else _resumable(plan, journey, progress)
    if resumed is None and plan.rejects.name == f"{plan.source.path.name}{REJECTS}":
        # Left by an earlier import; this one may have none.
        plan.rejects.unlink(missing_ok=True)
    logbook = Logbook(journey, plan.checkpoint, plan.rejects, resumed)
    begun = time.monotonic()
    _send(plan, sha256, logbook, progress)
    logbook.close()
    return Report(sha256, logbook.totals, resumed.position.line if resumed else None, time.monotonic() - begun)


def _identify(source: Source, progress: Meter) -> str:
    progress.begin("Reading", source.size)
    try:
        return sha256_of(source.path, source.size, progress.advance)
    except KeyboardInterrupt:
        progress.note("Stopped before anything was sent.")
        raise typer.Exit(_INTERRUPTED) from None


def _resumable(plan: Plan, journey: Journey, progress: Meter) -> Checkpoint | None:
    path, rejects = plan.checkpoint, plan.rejects
    found = read_checkpoint(path)
    if found is None:
        return None
    if found.journey != journey:
        progress.note(f"{path} is of another import (another content, project or mapping), so this one begins at the first line.")
        return None
    if found.rejects_bytes and not rejects.exists():
        progress.note(f"{rejects} of the earlier import is gone, so this one begins at the first line.")
        return None
    progress.note(f"Going on after line {found.position.line:,}, where the import stopped. --restart would begin at the first line.")
    return found


def _send(plan: Plan, sha256: str, logbook: Logbook, progress: Meter) -> None:
    source, pace = plan.source, plan.pace
    encode = encoder_for(source.format, source.columns, sha256)
    progress.begin("Importing", source.size, logbook.position.offset)
    stop = threading.Event()
    capture = patient(capture_at(plan.server), pace.give_up_after, progress.remind, stop)

    def done(batch: Batch, outcome: Outcome) -> None:
        progress.advance(logbook.record(batch, outcome), _rejected_so_far(logbook.totals))

    try:
        with source.records(logbook.position) as records:
            batches = batches_of(records, encode, logbook.position, pace.most_events)
            deliver_all(batches, capture, pace.in_flight, done, stop)
    except KeyboardInterrupt:
        progress.note(f"Stopped after line {logbook.position.line:,}: {_in_words(logbook.totals)}. The same command goes on from there.")
        raise typer.Exit(_INTERRUPTED) from None
    except CaptureRefused as refusal:
        failure = call_failure(refusal.error, plan.server)
        done_so_far = f"Up to line {logbook.position.line:,} is done ({_in_words(logbook.totals)}): the same command goes on from there."
        raise CliError(failure.message, f"{failure.fix} {done_so_far}".strip()) from refusal
    finally:
        logbook.save()


def _rejected_so_far(totals: Totals) -> str:
    return f"{totals.rejected:,} rejected" if totals.rejected else ""


def _in_words(totals: Totals) -> str:
    return f"{totals.accepted:,} accepted, {totals.duplicates:,} duplicates, {totals.rejected:,} rejected"
