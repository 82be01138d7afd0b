import asyncio
import json
import os
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from app import attaching
from app.attaching import attach_nats, attach_running_nats, nats_url_now, postgres_url_now
from app.backends import Backends
from app.embedded.folder import DataFolder, lock_holder
from core.errors import SettingsInvalid, StreamUnavailable
from core.postgres import create_engine
from core.settings import Settings

embedded_only = pytest.mark.skipif(bool(os.environ.get("PUG_TEST_NATS_URL")), reason="looks at the embedded server")


def settings(folder: Path, **urls: str) -> Settings:
    return Settings.model_validate({"data_dir": folder, "CLICKHOUSE_URL": "", "NATS_URL": "", "POSTGRES_URL": "", **urls})


async def test_the_nats_of_a_running_pug_is_found(backends: Backends, engine_settings: Settings) -> None:
    async with attach_nats(engine_settings) as connection:
        seen = (await connection.jetstream().stream_info("DEAD")).config.subjects

    assert seen == ["dead.>"]
    assert connection.is_closed
    assert backends.nats.is_connected


@pytest.mark.skipif(bool(os.environ.get("PUG_TEST_POSTGRES_URL")), reason="looks at the embedded server")
async def test_the_postgres_of_a_running_pug_is_found(backends: Backends, engine_settings: Settings) -> None:
    assert backends.postgres
    url = postgres_url_now(engine_settings)
    assert url

    engine = create_engine(url, connections=1)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM pg_locks"))).scalar_one()
    await engine.dispose()


async def test_a_url_is_taken_whatever_runs_on_the_data_folder(tmp_path: Path) -> None:
    given = settings(tmp_path, NATS_URL="nats://h:4222", POSTGRES_URL="postgresql://u:p@h/db")

    assert nats_url_now(given) == "nats://h:4222"
    assert str(postgres_url_now(given)) == "postgresql+psycopg://u:***@h/db"


@embedded_only
async def test_where_nobody_runs_it_the_server_is_started_and_stopped_again(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()

    async with attach_nats(settings(tmp_path)) as connection:
        started = [each for each in psutil.Process().children() if str(tmp_path) in " ".join(each.cmdline())]
        names = [each.name() for each in started]
        assert (await connection.jetstream().account_info()).streams == 0

    assert names == ["nats-server"]
    assert not started[0].is_running()
    assert lock_holder(tmp_path) is None


@embedded_only
async def test_a_server_that_is_just_starting_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    starting = DataFolder(tmp_path)
    await starting.claim()

    async def attached() -> int:
        async with attach_nats(settings(tmp_path)) as connection:
            return (await connection.jetstream().account_info()).streams

    waiting = asyncio.create_task(attached())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    starting.release()

    assert await asyncio.wait_for(waiting, 30) == 0


async def test_a_pug_without_a_nats_of_its_own_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "_STARTING_S", 0.2)
    (tmp_path / "nats").mkdir()
    other = DataFolder(tmp_path)
    await other.claim()

    with pytest.raises(StreamUnavailable, match=f"Process {os.getpid()} uses"):
        async with attach_nats(settings(tmp_path)):
            pass

    other.release()


async def test_what_a_killed_pug_left_behind_gets_no_token(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "token").write_text("secret")
    # This process lives, but it is no NATS server.
    (folder / f"nats-server_{os.getpid()}.ports").write_text(json.dumps({"nats": ["nats://127.0.0.1:9"]}))
    (folder / "nats-server_x.ports").write_text("{")
    other = DataFolder(tmp_path)
    await other.claim()

    assert nats_url_now(settings(tmp_path)) is None
    with pytest.raises(StreamUnavailable, match="does not run"):
        async with attach_running_nats(settings(tmp_path)):
            pass

    other.release()


async def test_where_no_pug_has_run_nothing_is_started_or_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no Pug has run there"):
        async with attach_nats(settings(tmp_path / "data")):
            pass

    assert nats_url_now(settings(tmp_path / "data")) is None
    assert postgres_url_now(settings(tmp_path / "data")) is None
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
async def test_the_folder_of_another_account_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    (tmp_path / "lock").touch()
    os.chown(tmp_path / "lock", 1, 1)

    with pytest.raises(SettingsInvalid, match="belongs to the account with uid 1"):
        async with attach_nats(settings(tmp_path)):
            pass
    with pytest.raises(SettingsInvalid, match="belongs to the account with uid 1"):
        nats_url_now(settings(tmp_path))
