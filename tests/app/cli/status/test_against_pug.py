"""`pug status` beside a Pug that runs, one whose worker doesn't, and none."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from app.attaching import attach_nats
from core.settings import Settings
from pug_process import PugProcess

Run = Callable[..., Result]

PUG = Path(sys.executable).with_name("pug")
ENGINES = Path(__file__).parents[2] / "embedded" / "engines.py"


def publish(data_dir: Path, subject: str, content: bytes, reason: str = "") -> None:
    async def attached() -> None:
        async with attach_nats(Settings.model_validate({"data_dir": data_dir})) as connection:
            await connection.jetstream().publish(subject, content, headers={"Pug-Reason": reason} if reason else None)

    asyncio.run(attached())


def test_a_running_pug_is_healthy_and_keeps_up(run_with: Run, pug: PugProcess) -> None:
    publish(pug.data_dir, "dead.events", b"x", "Memory limit")

    shown = run_with("status")
    as_json = json.loads(run_with("status", "--json").stdout)

    assert shown.exit_code == 0, shown.output
    assert "in process pid" in shown.stdout
    assert "healthy · keeping up" in shown.stdout
    assert [each["state"] for each in as_json["engines"]] == ["ok"] * 3
    assert as_json["turns"]
    assert all(each["holder"] for each in as_json["turns"])
    assert as_json["consumers"]
    assert as_json["erasures"] == {"open": 0, "oldest_at": None}
    assert as_json["people"] == {"waiting": 0, "oldest_at": None, "lag_seconds": 0}
    assert as_json["dead_letters"]["last_reason"] == "Memory limit"
    (process,) = as_json["processes"]
    assert (process["pid"], process["roles"]) == (pug.process and pug.process.pid, ["capture", "query", "work"])
    assert process["memory_bytes"] > 0
    assert {table["name"] for table in as_json["clickhouse"]["tables"]} >= {"schema_migrations"}
    assert as_json["schema"]["postgres"] == as_json["schema"]["expected"]
    assert as_json["disks"]["data folder"]["size"] > as_json["disks"]["data folder"]["free"] > 0


def test_watching_goes_on_until_ctrl_c_and_tells_rates(pug: PugProcess) -> None:
    with subprocess.Popen(
        [PUG, "status", "--watch", "--json"], env=os.environ | {"PUG_DATA_DIR": str(pug.data_dir)}, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout
        seen = [json.loads(watching.stdout.readline()) for _ in range(3)]
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)

    assert watching.returncode == 0
    assert [each["rates"] is None for each in seen] == [True, False, False]
    assert all(each["healthy"] for each in seen)


def test_a_worker_that_is_missing_is_down_and_what_waits_is_seen(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_DATA_DIR", str(tmp_path / "data"))
    with subprocess.Popen([sys.executable, ENGINES, tmp_path / "data", "leave"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engines:
        assert engines.stdout
        engines.stdout.readline()
        publish(tmp_path / "data", "events.captured", b"second")

        result = run("status", "--json")
        shown = run("status").stdout
        engines.communicate(timeout=60)

    status = json.loads(result.stdout)
    assert result.exit_code == 1
    assert status["problems"] == [f"no worker runs ({job})" for job in ("events-writer", "people-writer", "eraser", "removals")]
    assert (status["events"]["messages"], status["events"]["subjects"]) == (2, {"events.captured": 2})
    assert status["events"]["lag_seconds"] > 0
    assert "none has its turn" in shown


def test_where_nothing_runs_all_is_down_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    result = run("status")

    assert result.exit_code == 1
    assert "`pug dev`" in result.stdout
    assert "ClickHouse is down; NATS is down; PostgreSQL is down" in result.stdout
    assert not (tmp_path / "nothing").exists()


def test_where_a_restore_was_interrupted_nothing_can_be_started(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "restoring").touch()

    result = run("status", "--json")

    engines = json.loads(result.stdout)["engines"]
    assert result.exit_code == 1
    assert {(each["state"], each["fix"]) for each in engines} == {("failed", "Run `pug restore` again, which begins anew.")}
    assert all("was interrupted" in each["found"] for each in engines)


def test_servers_that_do_not_answer_are_down_with_the_setting_to_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.attaching._CONNECT_S", 0.5)
    monkeypatch.setenv("CLICKHOUSE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://u:SECRET@127.0.0.1:9/db")

    result = run("status", "--json")

    status = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["state"] for each in status["engines"]] == ["failed"] * 3
    assert "POSTGRES_URL" in status["engines"][2]["fix"]
    assert (status["events"], status["turns"]) == (None, None)
    assert "SECRET" not in result.output


def test_a_url_that_leads_nowhere_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL"):
        monkeypatch.setenv(name, "foo")

    result = run("status", "--json")

    assert result.exit_code == 1
    assert [each["found"].split()[0] for each in json.loads(result.stdout)["engines"]] == ["CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL"]
