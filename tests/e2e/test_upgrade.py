"""Several processes meet one schema: they migrate it once, and none serves on a schema of another version."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

ENGINES = Path(__file__).parents[2] / "tools/engines"
PUG = Path(sys.executable).with_name("pug")


@pytest.fixture
def environment(tmp_path: Path) -> Generator[dict[str, str]]:
    """That of processes which share three servers."""
    commands = ([ENGINES / "nats_and_postgres.py", tmp_path / "engines"], [ENGINES / "clickhouse_front.py", tmp_path / "clickhouse"])
    (tmp_path / "clickhouse").mkdir()
    servers = [
        subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ENGINES.parents[1])
        for command in commands
    ]
    said = [server.stdout.readline() for server in servers if server.stdout]
    urls = json.loads(said[0]) | {"CLICKHOUSE_URL": f"http://127.0.0.1:{int(said[1])}"}
    ports = {"PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0", "PUG_METRICS_PORT": "0"}
    yield os.environ | urls | ports | {"PUG_DATA_DIR": str(tmp_path / "data"), "PUG_LOG_FORMAT": "json"}
    for server in servers:
        server.communicate(timeout=30)


def begun(environment: dict[str, str], *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([PUG, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(environment: dict[str, str], *command: str) -> tuple[int, str, str]:
    process = begun(environment, *command)
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def status(environment: dict[str, str]) -> tuple[int, dict[str, str]]:
    """The exit code of `pug migrate --status`, and the state of each migration."""
    code, out, errors = ended(environment, "migrate", "--status", "--json")
    assert out, errors
    listed: list[dict[str, Any]] = json.loads(out)
    return code, {each["name"]: each["state"] for each in listed}


def test_processes_that_migrate_at_once_do_it_once_and_one_takes_over_from_another_that_is_killed(environment: dict[str, str]) -> None:
    before = status(environment)
    first = begun(environment, "migrate")
    time.sleep(2.5)
    others = [begun(environment, "migrate", "--json") for _ in range(2)]
    first.send_signal(signal.SIGKILL)
    first.communicate()
    said = [(other.communicate(timeout=120)[0], other.returncode) for other in others]

    applied = [name for out, _ in said for name in json.loads(out)["applied"]]
    code, states = status(environment)
    assert [returncode for _, returncode in said] == [0, 0]
    assert len(applied) == len(set(applied))
    assert (code, set(states.values())) == (0, {"applied"})
    assert (before[0], set(before[1].values())) == (1, {"missing"})


def test_none_serves_or_works_on_a_schema_of_another_version(environment: dict[str, str]) -> None:
    commands = (["serve"], ["serve", "--roles", "capture", "--workers", "2"], ["work"], ["projects", "create", "Shop"])
    older = [ended(environment, *command) for command in commands]
    migrated = ended(environment, "migrate")
    with psycopg.connect(environment["POSTGRES_URL"].replace("+psycopg", "")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999_later'")
    newer = [ended(environment, *command) for command in (*commands, ["migrate"])]
    code, states = status(environment)

    assert [returncode for returncode, _, _ in older] == [1] * len(commands)
    assert all("0001_accounts" in errors and "pug migrate" in errors for _, _, errors in older)
    assert migrated[0] == 0, migrated
    assert [returncode for returncode, _, _ in newer] == [1] * (len(commands) + 1)
    assert all("0999_later" in errors and "newer" in errors for _, _, errors in newer)
    assert (code, states["0999_later"]) == (1, "unknown")
