"""Puts a backup into an empty data folder: what comes of it answers as the Pug did that was backed up."""

import asyncio
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.backends import open_nats, open_postgres, open_store
from app.backup.clickhouse import restore_copy, stored_events
from app.backup.manifest import Manifest, StreamState, check_files, read_manifest, write_private
from app.backup.postgres import restore_dump, snapshot_of
from app.backup.streams import restore_stream
from app.backup.taking import CLICKHOUSE, FOLDER_FILE, POSTGRES, STREAM_FILE, Progress, Tell, require_embedded
from app.embedded.folder import RESTORING, DataFolder, open_folder
from app.schema import migrations_in, require_known
from core.errors import BackupInvalid
from core.settings import Settings

_NOT_DATA = frozenset({"lock", "lost+found"})


async def restore_backup(settings: Settings, directory: Path, tell: Tell) -> Manifest:
    """Restore a backup; the folder looks like one that can be used only when all of it is there."""
    require_embedded(settings)
    _require_empty(settings.data_dir.expanduser().absolute())
    manifest = read_manifest(directory)
    require_known(migrations_in(manifest.schema, settings))
    await asyncio.to_thread(_check, directory, manifest, tell)
    async with open_folder(settings.data_dir, restoring=True) as folder:
        await folder.claim()
        with _emptied(folder.path):
            await _restore(settings, folder, directory, manifest, tell)
    return manifest


def _check(directory: Path, manifest: Manifest, tell: Tell) -> None:
    checked = 0

    def more(count: int) -> None:
        nonlocal checked
        checked += count
        tell(Progress("checksums", checked, manifest.size))

    check_files(directory, manifest.files, more)


def _require_empty(data: Path) -> None:
    """Refuses a data folder with anything in it but what an interrupted restore left."""
    found = [path for path in data.iterdir() if path.name not in _NOT_DATA] if data.exists() else []
    if found and not (data / RESTORING).exists():
        raise BackupInvalid(
            f"The data folder {data} is not empty: {found[0].name} is in it.",
            hint="Set PUG_DATA_DIR to a new folder; a restore never goes over what is there.",
        )


@contextmanager
def _emptied(data: Path) -> Generator[None]:
    """An empty data folder, which nobody but a restore opens until this has ended well."""
    _require_empty(data)
    marker = data / RESTORING
    for path in data.iterdir():
        if path.name not in _NOT_DATA and path != marker:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not marker.exists():
        write_private(marker, b"")
    yield
    os.sync()
    marker.unlink()


async def _restore(settings: Settings, folder: DataFolder, directory: Path, manifest: Manifest, tell: Tell) -> None:
    lock = await folder.claim()
    async with open_nats(settings, folder) as nats, open_postgres(settings, folder) as postgres:
        tell(Progress("PostgreSQL"))
        await restore_dump(postgres.url, directory / POSTGRES, folder.path, lock)
        async with snapshot_of(postgres) as snapshot:
            _require_same("PostgreSQL", await snapshot.rows(), manifest.rows)
        restored = 0

        def more(count: int) -> None:
            nonlocal restored
            restored += count
            tell(Progress("NATS", restored))

        streams: dict[str, StreamState] = {}
        for name in manifest.streams:
            streams[name] = await restore_stream(nats, directory / STREAM_FILE.format(name), more)
        _require_held(streams, manifest.streams)
        # Last: no child is started from a process that has chDB in it.
        async with open_store(settings, folder) as clickhouse:
            tell(Progress("ClickHouse"))
            await restore_copy(clickhouse, directory / CLICKHOUSE)
            _require_same("ClickHouse", {"events": await stored_events(clickhouse)}, {"events": manifest.watermark.stored_events})
    for name in manifest.files:
        if name.startswith(FOLDER_FILE):
            write_private(folder.path / name.removeprefix(FOLDER_FILE), (directory / name).read_bytes())


def _require_same(engine: str, found: dict[str, int], written: dict[str, int]) -> None:
    if found != written:
        table = next(table for table in {**found, **written} if found.get(table) != written.get(table))
        raise BackupInvalid(f"{engine} has {found.get(table)} rows in {table} after the restore, and {written.get(table)} were backed up.")


def _require_held(found: dict[str, StreamState], written: dict[str, StreamState]) -> None:
    # Events that came while the snapshot was written may be in it too.
    for name, state in written.items():
        if found[name].messages < state.messages or found[name].last_seq < state.last_seq:
            raise BackupInvalid(f"The stream {name} is not as it was after the restore: {found[name]}, and {state} was backed up.")
