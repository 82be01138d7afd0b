"""The disk, secrets, what was left behind and the metrics port, each as it should be and as it shouldn't."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.doctor.checks import State
from app.cli.doctor.machine import check_leftovers, check_metrics, check_permissions, check_space
from app.disk import Space
from core.settings import Settings

GIB = 2**30


def settings(data: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": data, **more})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as Pug makes it, with secrets."""
    folder = tmp_path / "data"
    (folder / "nats").mkdir(parents=True)
    folder.chmod(0o700)
    for secret in ("dev.json", "nats/token"):
        (folder / secret).touch(0o600)
    return folder


@pytest.mark.parametrize(
    ("free", "state"), [(50 * GIB, State.GOOD), (5 * GIB, State.WARNING), (GIB // 2, State.BAD)], ids=["room", "little", "next to none"]
)
def test_a_disk_is_told_by_the_room_on_it(free: int, state: State) -> None:
    assert check_space(Space(free, 100 * GIB)).state is state


def test_secrets_of_this_account_alone_are_good(data: Path, tmp_path: Path) -> None:
    assert [each.state for each in check_permissions(settings(data), tmp_path / ".env")] == [State.GOOD]


def test_a_folder_and_secrets_that_others_can_read_are_told_with_the_command_that_mends_it(data: Path, tmp_path: Path) -> None:
    key, environment = tmp_path / "key.pem", tmp_path / ".env"
    key.touch(0o640)
    environment.write_text("# a comment\nPOSTGRES_URL=postgresql://u:p@h/d\n")
    environment.chmod(0o644)
    data.chmod(0o755)
    (data / "nats" / "token").chmod(0o604)

    found = {each.fix: each.state for each in check_permissions(settings(data, tls_key=key), environment)}

    assert found == {
        f"chmod 700 {data}": State.WARNING,
        f"chmod 600 {data / 'nats' / 'token'}": State.BAD,
        f"chmod 600 {key}": State.BAD,
        f"chmod 600 {environment}": State.BAD,
    }


def test_an_environment_without_secrets_may_be_read_by_all(data: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PUG_HTTP_PORT=80\n#POSTGRES_URL=postgresql://u:p@h/d\n")
    (tmp_path / ".env").chmod(0o644)

    assert [each.state for each in check_permissions(settings(data), tmp_path / ".env")] == [State.GOOD]


def test_notes_of_a_pug_that_was_killed_are_a_warning(data: Path) -> None:
    (found,) = check_leftovers(data)

    assert (found.state, "dev.json" in found.found) == (State.WARNING, True)


def test_nothing_left_behind_is_good(tmp_path: Path) -> None:
    assert [each.state for each in check_leftovers(tmp_path)] == [State.GOOD]


def test_an_engine_without_its_pug_is_told_with_its_pid(data: Path) -> None:
    waiting = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", waiting, "-c", str(data / "nats" / "nats.conf")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        # Until it runs its command line may be empty.
        assert engine.stdout
        engine.stdout.readline()
        (found,) = check_leftovers(data)
        engine.communicate(timeout=30)

    assert (found.state, found.fix) == (State.BAD, f"kill {engine.pid}")


def test_a_lock_whose_process_has_ended_is_told(data: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    holding = "import fcntl, sys; fcntl.flock(0, fcntl.LOCK_EX); print(flush=True); sys.stdout.flush(); import time; time.sleep(60)"
    (data / "lock").write_text(str(ended.pid))
    with (data / "lock").open("rb") as lock:
        holder = subprocess.Popen([sys.executable, "-c", holding], stdin=lock, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        (found,) = check_leftovers(data)
        holder.kill()

    assert (found.state, str(ended.pid) in found.found) == (State.BAD, True)


def test_metrics_are_off_free_held_or_silent(data: Path) -> None:
    assert check_metrics(settings(data, metrics_port="off"), None).state is State.SKIPPED
    assert check_metrics(settings(data), None).state is State.GOOD
    assert check_metrics(settings(data, metrics_port=0), None).state is State.GOOD
    assert check_metrics(settings(data), "http://127.0.0.1:9/metrics").state is State.BAD
