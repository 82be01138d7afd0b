import asyncio
from pathlib import Path

import pytest

from app.attaching import attach_nats
from app.backends import Backends
from app.backup.beside import have_backup_taken, taking_backups
from app.backup.manifest import read_manifest
from app.backup.taking import Progress
from core.errors import BackupInvalid
from core.settings import Settings
from workers.pause import Pause


def nothing(_progress: Progress) -> None:
    pass


async def test_a_running_pug_takes_the_backup_for_another_process(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    async with taking_backups(engines, engine_settings, Pause()), attach_nats(engine_settings) as other:
        manifest = await have_backup_taken(other, tmp_path / "backup", nothing)

    assert read_manifest(tmp_path / "backup") == manifest


async def test_what_is_wrong_is_said_to_who_asked(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"")

    async with taking_backups(engines, engine_settings, Pause()), attach_nats(engine_settings) as other:
        with pytest.raises(BackupInvalid, match="is there already"):
            await have_backup_taken(other, tmp_path / "backup", nothing)


async def test_where_nobody_takes_backups_it_is_said_at_once(engines: Backends, engine_settings: Settings, tmp_path: Path) -> None:
    assert engines
    async with attach_nats(engine_settings) as other:
        with pytest.raises(BackupInvalid, match="takes no backups"):
            await have_backup_taken(other, tmp_path / "backup", nothing)


async def test_one_backup_is_taken_at_a_time_and_ends_when_nobody_waits_for_it(
    engines: Backends, engine_settings: Settings, tmp_path: Path
) -> None:
    pause, begun = Pause(), asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.step == "waiting for the block in hand":
            begun.set()

    async with taking_backups(engines, engine_settings, pause), attach_nats(engine_settings) as other:
        async with pause.storing():
            waiting = asyncio.create_task(have_backup_taken(other, tmp_path / "one", tell))
            await asyncio.wait_for(begun.wait(), 10)
            with pytest.raises(BackupInvalid, match="Another backup"):
                await have_backup_taken(other, tmp_path / "two", nothing)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            async with asyncio.timeout(10):
                while (tmp_path / "one.partial").exists():  # noqa: ASYNC110 (another task removes it)
                    await asyncio.sleep(0.05)
        third = await have_backup_taken(other, tmp_path / "three", nothing)

    assert read_manifest(tmp_path / "three") == third
    assert not (tmp_path / "one").exists()
