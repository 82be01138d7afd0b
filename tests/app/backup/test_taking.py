import asyncio
from pathlib import Path

import pytest

from app.backends import Backends
from app.backup import settled as settling
from app.backup.manifest import Manifest, read_manifest
from app.backup.settled import settled
from app.backup.taking import Progress, take_backup
from core.errors import BackupInvalid, SettingsInvalid, StoreUnavailable
from core.settings import Settings
from core.sql import sql
from workers.block import BlockRecord
from workers.pause import Pause


class Killed(BaseException):
    """The end of a process."""


async def taken(engines: Backends, settings: Settings, directory: Path, pause: Pause | None = None) -> tuple[Manifest, list[str]]:
    """A backup, and the steps it went through."""
    steps: list[str] = []
    manifest = await take_backup(engines, settings, directory, pause or Pause(), lambda progress: steps.append(progress.step))
    return manifest, list(dict.fromkeys(steps))


async def test_a_backup_says_what_is_in_it(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    await engines.jetstream.publish("events.captured.0", b"[]")

    manifest, steps = await taken(engines, engine_settings, tmp_path / "new" / "backup")

    events = (await engines.clickhouse.query(sql("SELECT count() FROM events"))).rows[0][0]
    assert steps == ["waiting for the block in hand", "NATS", "ClickHouse", "PostgreSQL", "checksums"]
    assert read_manifest(tmp_path / "new" / "backup") == manifest
    assert (manifest.watermark.stored_events, manifest.watermark.waiting_messages) == (events, 1)
    assert set(manifest.streams) == {"EVENTS", "DEAD", "KV_BLOCKS"}
    assert manifest.rows["alembic_version"] == 1
    assert {"clickhouse.tar", "postgres.dump", "stream-EVENTS.snapshot"} <= set(manifest.files)


@pytest.mark.parametrize("step", ["waiting for the block in hand", "NATS", "ClickHouse", "PostgreSQL", "checksums"])
@pytest.mark.parametrize("end", [Killed, StoreUnavailable])
async def test_a_backup_that_does_not_end_well_leaves_nothing_and_holds_up_nobody(
    engines: Backends, engine_settings: Settings, tmp_path: Path, step: str, end: type[BaseException]
) -> None:
    pause = Pause()

    def tell(progress: Progress) -> None:
        if progress.step == step:
            raise end("in the middle")

    with pytest.raises(end):
        await take_backup(engines, engine_settings, tmp_path / "backup", pause, tell)
    async with asyncio.timeout(5), pause.storing():
        left = [path.name for path in tmp_path.glob("*")]  # noqa: ASYNC240 (nobody waits)
    running = await engines.clickhouse.query(sql("SELECT count() FROM system.backups WHERE status = 'CREATING_BACKUP'"))

    assert (left, running.rows) == ([], [(0,)])
    assert (await taken(engines, engine_settings, tmp_path / "backup"))[0].files


async def test_what_a_killed_backup_left_is_removed_and_nothing_else(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    partial = tmp_path / "backup.partial"
    partial.mkdir()
    (partial / "clickhouse.tar").write_bytes(b"half")
    (partial / "diary.txt").write_bytes(b"dear")

    with pytest.raises(BackupInvalid, match=r"diary\.txt"):
        await taken(engines, engine_settings, tmp_path / "backup")
    (partial / "diary.txt").unlink()
    await taken(engines, engine_settings, tmp_path / "backup")

    assert (partial.exists(), read_manifest(tmp_path / "backup").format) == (False, 1)


async def test_a_backup_is_never_written_over_anything(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one").write_bytes(b"")
    (tmp_path / "empty").mkdir()

    for name in ("file", "folder"):
        with pytest.raises(BackupInvalid, match="is there already"):
            await taken(engines, engine_settings, tmp_path / name)

    assert (await taken(engines, engine_settings, tmp_path / "empty"))[0].files


async def test_servers_are_backed_up_by_their_own_tools(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    elsewhere = engine_settings.model_copy(update={"nats_url": type(engine_settings.nats_url)("nats://h:4222")})

    with pytest.raises(SettingsInvalid, match="NATS_URL names a server"):
        await taken(engines, elsewhere, tmp_path / "backup")

    assert not (tmp_path / "backup").exists()


async def test_a_block_in_doubt_is_waited_for(engines: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_WITHIN_S", 1.0)
    monkeypatch.setattr(settling, "_ACKNOWLEDGED_WITHIN_S", 0.1)
    monkeypatch.setattr(settling, "_TRY_AGAIN_S", 0.05)
    ledger = await engines.jetstream.key_value("BLOCKS")
    first = (await engines.jetstream.publish("events.captured.0", b"one")).seq
    second = (await engines.jetstream.publish("events.captured.0", b"two")).seq
    await engines.jetstream.publish("events.captured.0", b"not in it")
    await ledger.put("events-writer", BlockRecord(first, second, 2, 1_000_000).to_bytes())

    with pytest.raises(StoreUnavailable, match="stored by halves"):
        async with settled(engines.jetstream, Pause()):
            pass
    await engines.jetstream.delete_msg("EVENTS", first)
    # What can't be buried stays in the stream, and is in no doubt.
    await ledger.put("events-writer", BlockRecord(first, second, 2, 1_000_000, unburied=(second,)).to_bytes())
    async with settled(engines.jetstream, Pause()):
        pass
    await ledger.put("events-writer", BlockRecord(first, second, 2, 1_000_000).to_bytes())
    acknowledging = asyncio.create_task(_delete_later(engines, second))
    async with settled(engines.jetstream, Pause()):
        gone = acknowledging.done()
    await acknowledging

    assert gone


async def _delete_later(engines: Backends, sequence: int) -> None:
    await asyncio.sleep(0.3)
    await engines.jetstream.delete_msg("EVENTS", sequence)
