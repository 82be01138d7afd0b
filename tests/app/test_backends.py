import asyncio
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import app.embedded.folder as folder_module
from app.backends import check_urls, open_backends, open_clickhouse, open_nats, open_postgres
from app.embedded.folder import DataFolder
from core.errors import SettingsInvalid, StreamUnavailable
from core.settings import Settings


def settings(folder: Path, **urls: str) -> Settings:
    return Settings.model_validate({"data_dir": folder, "CLICKHOUSE_URL": "", "NATS_URL": "", "POSTGRES_URL": "", **urls})


@pytest.mark.parametrize(
    ("setting", "url", "allowed"),
    [("NATS_URL", "redis://localhost", "embedded, nats, tls"), ("POSTGRES_URL", "mysql://localhost/x", "embedded, postgresql")],
)
async def test_an_unknown_scheme_names_the_setting_and_what_is_allowed(tmp_path: Path, setting: str, url: str, allowed: str) -> None:
    opening = open_nats if setting == "NATS_URL" else open_postgres

    with pytest.raises(SettingsInvalid, match=allowed) as raised:
        async with opening(settings(tmp_path, **{setting: url}), DataFolder(tmp_path)):
            pass

    assert raised.value.field == setting


def test_an_unknown_scheme_of_clickhouse_names_the_setting_and_what_is_allowed() -> None:
    with pytest.raises(SettingsInvalid, match="chdb, clickhouse, clickhouses, http, https") as raised:
        open_clickhouse("sqlite:///x", connections=1, memory_bytes=1)

    assert raised.value.field == "CLICKHOUSE_URL"


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("CLICKHOUSE_URL", "http://u:SECRET/PW@h"),
        ("CLICKHOUSE_URL", "http://u:1/SECRET@h"),
        ("CLICKHOUSE_URL", "http://u:SECRET@h:99999"),
        ("CLICKHOUSE_URL", "http://u:SECRET@[h"),
        ("CLICKHOUSE_URL", "http://"),
        ("CLICKHOUSE_URL", "chdb:"),
        ("NATS_URL", "nats://u:SECRET/PW@h"),
        ("NATS_URL", "nats://h:4222,u:SECRET@h"),
        ("POSTGRES_URL", "postgresql://u:SECRET@h:port/db"),
        ("POSTGRES_URL", "postgresql:SECRET"),
    ],
)
async def test_a_url_that_leads_nowhere_is_refused_before_any_engine_starts_and_kept_secret(tmp_path: Path, setting: str, url: str) -> None:
    with pytest.raises(SettingsInvalid, match=setting) as raised:
        async with open_backends(settings(tmp_path / "data", **{setting: url})):
            pass

    assert "SECRET" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.field == setting
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("CLICKHOUSE_URL", "clickhouse://u:p,w%2F@h/db"),
        ("CLICKHOUSE_URL", "chdb:///tmp/x"),
        ("NATS_URL", "nats://a:4222, nats://b:4222"),
        ("NATS_URL", "embedded:"),
        ("POSTGRES_URL", "postgresql+psycopg://u:a/b@h:5432/db"),
        ("POSTGRES_URL", "postgresql:///db?host=/run/postgresql"),
    ],
)
def test_a_url_that_leads_to_an_engine_is_taken(tmp_path: Path, setting: str, url: str) -> None:
    check_urls(settings(tmp_path, **{setting: url}))


async def test_the_folder_of_clickhouse_is_private_also_in_a_folder_that_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "clickhouse"
    folder.mkdir(mode=0o755)
    (tmp_path / "clickhouse.xml").touch(0o644)

    await open_clickhouse(f"chdb://{folder}", connections=1, memory_bytes=2**28).close()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "clickhouse.xml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("sync", "forced"), [("interval", 0), ("always", 1)])
def test_the_embedded_clickhouse_forces_inserts_and_keeps_its_part_of_the_reserve_as_the_settings_say(
    tmp_path: Path, sync: str, forced: int
) -> None:
    # In a process of its own, because a process can open one chDB folder.
    wanted = {"PUG_DATA_DIR": str(tmp_path), "PUG_NATS_SYNC": sync, "PUG_DISK_RESERVE_BYTES": "4096", "CLICKHOUSE_URL": ""}

    ran = subprocess.run([sys.executable, "-c", _ASKING], env=os.environ | wanted, capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.split() == [str(forced), str(forced), "1024"]


_ASKING = """
import asyncio
from app.backends import open_store
from app.embedded.folder import open_folder
from core.settings import Settings
from core.sql import sql

async def main():
    async with open_folder(Settings().data_dir) as folder, open_store(Settings(), folder) as clickhouse:
        setting = "(SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_%s')"
        query = sql(f"SELECT {setting % 'after_insert'}, {setting % 'part_directory'}, keep_free_space FROM system.disks")
        print(*(await clickhouse.query(query)).rows[0])

asyncio.run(main())
"""


async def test_an_error_of_one_engine_stops_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    with pytest.raises(SettingsInvalid, match="POSTGRES_URL"):
        async with open_backends(settings(folder, POSTGRES_URL="mysql://localhost/x")):
            pass

    async with asyncio.timeout(1):  # nobody holds the folder any more
        await DataFolder(folder).claim()


async def test_a_server_that_does_not_answer_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jetstream._CONNECT_S", 0.3)

    with pytest.raises(StreamUnavailable, match="NATS could not be reached"):
        async with open_nats(settings(tmp_path, NATS_URL="nats://127.0.0.1:1"), DataFolder(tmp_path)):
            pass


async def test_a_folder_is_one_process_s_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_PREDECESSOR_S", 0.2)
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    await first.claim()

    with pytest.raises(SettingsInvalid, match="Another process") as raised:
        await second.claim()
    first.release()
    await second.claim()

    assert raised.value.field == "PUG_DATA_DIR"
    second.release()


async def test_a_folder_waits_for_its_predecessor_to_be_gone(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    await first.claim()

    waiting = asyncio.create_task(second.claim())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    first.release()

    await asyncio.wait_for(waiting, 1)
    second.release()


async def test_a_relative_folder_is_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    folder = DataFolder(Path(".pug"))
    monkeypatch.chdir("/")
    await folder.claim()

    assert (tmp_path / ".pug" / "lock").exists()
    folder.release()


async def test_a_file_in_the_folder_s_place_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "data").touch()

    with pytest.raises(SettingsInvalid, match="cannot be used"):
        await DataFolder(tmp_path / "data").claim()


async def test_a_folder_nobody_claims_is_not_made(tmp_path: Path) -> None:
    async with folder_module.open_folder(tmp_path / "data"):
        pass

    assert not (tmp_path / "data").exists()
