import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from app.cli.doctor.checks import State, check_folder, check_http, check_port
from app.embedded.folder import lock_holder, open_folder

Run = Callable[..., Result]


def test_a_port_held_by_a_stranger_is_told_with_the_setting_that_changes_it() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]

        held = check_port("HTTP port", "127.0.0.1", port, "PUG_HTTP_PORT", None)
        ours = check_port("HTTP port", "127.0.0.1", port, "PUG_HTTP_PORT", f"http://127.0.0.1:{port}")

    assert held.state is State.BAD
    assert "PUG_HTTP_PORT" in held.fix
    assert ours.state is State.GOOD
    assert check_port("HTTP port", "127.0.0.1", 0, "PUG_HTTP_PORT", None).state is State.GOOD


def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "a" / "b").state is State.GOOD
    assert lock_holder(tmp_path / "a" / "b") is None
    assert not (tmp_path / "a").exists()


def test_a_folder_with_half_of_a_backup_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    (tmp_path / "restoring").touch()

    found = check_folder(tmp_path)

    assert (found.state, found.fix) == (State.BAD, "Run `pug restore` again, which begins anew.")
    assert "was interrupted" in found.found


async def test_a_folder_that_is_just_being_restored_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "restoring").touch()

    async with open_folder(tmp_path, restoring=True) as folder:
        await folder.claim()
        found = check_folder(tmp_path)

    assert found.state is State.GOOD


def test_a_server_that_is_gone_is_told() -> None:
    assert check_http("http://127.0.0.1:9").state is State.BAD


def test_without_a_server_nothing_is_wrong_and_nothing_is_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_HTTP_PORT", "0")
    monkeypatch.setenv("PUG_GRPC_PORT", "0")

    result = run("doctor")

    assert result.exit_code == 0
    assert "✗" not in result.stdout
    assert "--deep" in result.stdout
    assert not (tmp_path / "nothing").exists()


def test_engines_that_do_not_answer_fail_with_the_setting_to_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://u:p@127.0.0.1:9/db")
    monkeypatch.setenv("PUG_HTTP_PORT", "0")
    monkeypatch.setenv("PUG_GRPC_PORT", "0")

    result = run("doctor", "--json")

    failed = {each["name"]: each["fix"] for each in json.loads(result.stdout) if each["state"] == "failed"}
    assert result.exit_code == 1
    assert set(failed) == {"ClickHouse", "NATS", "PostgreSQL"}
    for name, setting in {"ClickHouse": "CLICKHOUSE_URL", "NATS": "NATS_URL", "PostgreSQL": "POSTGRES_URL"}.items():
        assert setting in failed[name]
        assert "pug doctor" not in failed[name]


def test_urls_and_tls_files_no_pug_could_start_with_fail(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "CLICKHOUSE_URL": "foo",
        "NATS_URL": "nats://u:SECRET/PW@h",
        "POSTGRES_URL": "postgresql://h:port/db",
        "PUG_TLS_KEY": "/nope",
    }
    for name, value in {**settings, "PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0"}.items():
        monkeypatch.setenv(name, value)

    result = run("doctor", "--json")

    failed = {each["name"]: each["found"] for each in json.loads(result.stdout) if each["state"] == "failed"}
    assert result.exit_code == 1
    assert set(failed) == {"ClickHouse", "NATS", "PostgreSQL", "TLS"}
    assert "CLICKHOUSE_URL has the scheme ''" in failed["ClickHouse"]
    assert "PUG_TLS_CERTIFICATE" in failed["TLS"]
    assert "SECRET" not in result.output


def test_a_name_that_is_no_setting_is_a_warning_with_the_nearest_that_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PUG_BLOCK_ROWZ": "5", "PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0"}.items():
        monkeypatch.setenv(name, value)

    result = run("doctor", "--json")

    warnings = [each for each in json.loads(result.stdout) if each["state"] == "warning"]
    assert result.exit_code == 0
    assert [(each["found"], each["fix"]) for each in warnings] == [
        ("PUG_BLOCK_ROWZ is no setting and does nothing.", "Did you mean PUG_BLOCK_ROWS?")
    ]


def test_a_bad_setting_is_the_first_thing_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_HTTP_PORT", "many")

    result = run("doctor", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["state"] == "failed"


def test_deep_starts_each_embedded_engine_and_stops_it_again(tmp_path: Path) -> None:
    # In a process of its own: one process opens one chDB folder, and the other tests have theirs.
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_URL")}
    settings = {"PUG_DATA_DIR": str(tmp_path / "data"), "PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0"}

    ran = subprocess.run(
        [Path(sys.executable).with_name("pug"), "doctor", "--deep", "--json"],
        env=environment | settings,
        capture_output=True,
        timeout=60,
        check=False,
    )

    found = {each["name"]: each["found"] for each in json.loads(ran.stdout) if each["state"] == "ok"}
    assert ran.returncode == 0, ran.stderr
    assert found["NATS"].startswith("2.")
    assert {"ClickHouse", "PostgreSQL"} <= found.keys()
    assert lock_holder(tmp_path / "data") is None
