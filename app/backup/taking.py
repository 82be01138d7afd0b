"""Takes a backup of the embedded engines while Pug runs (docs/decisions/0025).

For a moment nothing is stored, while capture goes on. In that moment ClickHouse holds on to its parts, JetStream's streams are copied, and
PostgreSQL exports a snapshot; then storing goes on, and ClickHouse and PostgreSQL write what they hold. What was accepted is so in
ClickHouse or in the stream; and who is who is in PostgreSQL, with what ClickHouse has not been told of it yet.
"""

import asyncio
import importlib.metadata
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.backends import Backends, is_embedded
from app.backup.clickhouse import copying, size_of, stored_events
from app.backup.manifest import (
    BACKUP_FORMAT,
    MANIFEST,
    SEAL,
    FileState,
    Manifest,
    StreamState,
    Watermark,
    state_of_file,
    write_manifest,
    write_private,
)
from app.backup.postgres import dump, snapshot_of
from app.backup.settled import settled
from app.backup.streams import copy_stream
from app.migrate import alone, described
from app.schema import applied_schema
from core.errors import BackupInvalid, SettingsInvalid
from core.settings import Settings
from workers.partition import STREAM
from workers.pause import Pause

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CLICKHOUSE = "clickhouse.tar"
POSTGRES = "postgres.dump"
STREAM_FILE = "stream-{}.snapshot"
FOLDER_FILE = "folder-"
# What the data folder holds of a Pug that runs, and what is made anew; engines' own folders aside.
_OF_THE_PROCESS = frozenset({"lock", "dev.json", "postgres-sockets", "postgres.log", "postgres.log.1", "clickhouse.xml", "restoring"})
_DRAFTS = frozenset({".draft", ".partial"})
_KINDS = (CLICKHOUSE, POSTGRES, MANIFEST, SEAL)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how many bytes of how many are; of what isn't known beforehand, none."""

    step: str
    done: int = 0
    of: int = 0


Tell = Callable[[Progress], None]


async def take_backup(backends: Backends, settings: Settings, directory: Path, pause: Pause, tell: Tell) -> Manifest:
    """Make a backup in a new folder, which is there when it is whole and not before."""
    require_embedded(settings)
    with _made(directory) as partial:
        # Whatever is migrating ends first.
        async with alone(backends.postgres):
            manifest = await _copied(backends, settings, partial, pause, tell)
        write_manifest(partial, manifest)
    return manifest


def require_embedded(settings: Settings) -> None:
    """Refuses engines that are servers: their own tools know more."""
    for setting in ("CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL"):
        if not is_embedded(settings, setting):
            raise SettingsInvalid(
                f"{setting} names a server, and `pug backup` and `pug restore` are for the embedded engines.",
                field=setting,
                hint="docs/operations.md says how to back up servers with their own tools, and in which order.",
            )


async def _copied(backends: Backends, settings: Settings, partial: Path, pause: Pause, tell: Tell) -> Manifest:
    made_at, schema = datetime.now(UTC), await applied_schema(backends)
    about = await size_of(backends.clickhouse)
    async with AsyncExitStack() as stack:
        tell(Progress("waiting for the block in hand"))
        async with settled(backends.jetstream, pause):
            held_from = time.monotonic()
            _copy_folder(backends.folder.path, partial)
            clickhouse = await stack.enter_async_context(copying(backends.clickhouse, partial / CLICKHOUSE))
            await clickhouse.parts_held()
            events = await stored_events(backends.clickhouse)
            accepted_until, streams = await _copy_streams(backends, settings, partial, tell)
            # Last: keys and projects of all events are in it, and what ClickHouse has still to be told.
            snapshot = await stack.enter_async_context(snapshot_of(backends.postgres))
        log.info("storing_was_held", seconds=round(time.monotonic() - held_from, 3))
        await clickhouse.done(lambda done: tell(Progress("ClickHouse", done, max(done, about))))
        tell(Progress("PostgreSQL"))
        await dump(backends.postgres.url, snapshot, partial / POSTGRES, backends.folder.path, await backends.folder.claim())
        rows = await snapshot.rows()
    events_stream = streams[STREAM]
    return Manifest(
        format=BACKUP_FORMAT,
        pug=importlib.metadata.version("pug"),
        made_at=made_at,
        watermark=Watermark(accepted_until, events_stream.last_seq, events, events_stream.messages),
        schema=schema,
        rows=rows,
        streams=streams,
        files=await asyncio.to_thread(_sealed, partial, tell),
    )


def _copy_folder(data: Path, partial: Path) -> None:
    """Copy the data folder's own files: the first project's keys, and whether the demo is told."""
    for path in sorted(data.iterdir()):
        if path.is_file() and path.name not in _OF_THE_PROCESS and path.suffix not in _DRAFTS:
            write_private(partial / f"{FOLDER_FILE}{path.name}", path.read_bytes())


async def _copy_streams(backends: Backends, settings: Settings, partial: Path, tell: Tell) -> tuple[datetime, dict[str, StreamState]]:
    """Copy the streams, that of events last; returns until when everything that was accepted is in it.

    A dead letter that is sent back leaves its stream when it is among the events: so it is in one of the copies, or in both, where the
    worker recognises it.
    """
    copied = 0

    def more(count: int) -> None:
        nonlocal copied
        copied += count
        tell(Progress("NATS", copied))

    streams: dict[str, StreamState] = {}
    until = datetime.now(UTC)
    for name in sorted(described(settings).backed_up, key=lambda name: name == STREAM):
        until = datetime.now(UTC)
        streams[name] = await copy_stream(backends.nats, name, partial / STREAM_FILE.format(name), more)
    return until, streams


def _sealed(partial: Path, tell: Tell) -> dict[str, FileState]:
    """Make every file private and lasting; returns what each is."""
    paths = sorted(partial.iterdir())
    read, of = 0, sum(path.stat().st_size for path in paths)

    def more(count: int) -> None:
        nonlocal read
        read += count
        tell(Progress("checksums", read, of))

    states: dict[str, FileState] = {}
    for path in paths:
        path.chmod(0o600)
        states[path.name] = state_of_file(path, more)
        _to_disk(path)
    return states


@contextmanager
def _made(directory: Path) -> Generator[Path]:
    """A private folder beside the one that is wanted, which becomes that one at the end, and goes when anything fails."""
    _require_free(directory)
    partial = directory.with_name(f"{directory.name}.partial")
    _forget(partial)
    try:
        partial.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupInvalid(f"{partial} cannot be made: {error.strerror}.", hint="Name a folder this account may make.") from error
    try:
        yield partial
        _to_disk(partial)
        partial.rename(directory)
        _to_disk(directory.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _require_free(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    if directory.exists() or directory.is_symlink():
        raise BackupInvalid(f"{directory} is there already.", hint="Name a folder that isn't; a backup is never written over another.")


def _forget(partial: Path) -> None:
    """Remove what a backup that was killed left behind, and nothing else."""
    if not partial.exists():
        return
    strange = [path.name for path in partial.iterdir() if not path.name.startswith((*_KINDS, STREAM_FILE.partition("{")[0], FOLDER_FILE))]
    if strange:
        raise BackupInvalid(f"{partial} holds {strange[0]}, which is of no backup.", hint="Move it away, or name another folder.")
    shutil.rmtree(partial)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
