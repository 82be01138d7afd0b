"""The embedded engines as a process has them: each test starts processes that open all three."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("engines.py")
IS_ROOT = os.geteuid() == 0
AS_ANOTHER = ("--reuid=daemon", "--regid=daemon", "--clear-groups")
# The interpreter of a developer's virtual environment may lie in a closed home folder.
REACH = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
only_root = pytest.mark.skipif(not IS_ROOT or shutil.which("setpriv") is None, reason="needs root and setpriv to run as other accounts")


@dataclass(frozen=True, slots=True)
class Running:
    folder: Path
    process: "subprocess.Popen[str]"
    rows: list[int]

    def servers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


class Starter:
    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, folder: Path) -> Running:
        """All engines, with a row more in each."""
        return self._answered(folder, self._begin([str(folder), "leave"], ()))

    def bare(self, folder: Path, *privileges: str) -> Running:
        """All engines, started with these privileges."""
        return self._answered(folder, self.begin(folder, *privileges))

    def fails(self, folder: Path, *privileges: str) -> dict[str, str]:
        """What is said by a start that fails."""
        output, errors = self.begin(folder, *privileges).communicate(timeout=60)
        assert output, errors
        return json.loads(output)

    def begin(self, folder: Path, *privileges: str) -> "subprocess.Popen[str]":
        """A start nobody waits for."""
        return self._begin([str(folder)], privileges)

    def end(self) -> None:
        for process in self.processes:
            process.communicate(timeout=30)

    def _answered(self, folder: Path, process: "subprocess.Popen[str]") -> Running:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline() or "{}")
        assert "rows" in answer, (answer, process.communicate()[1])
        return Running(folder, process, answer["rows"])

    def _begin(self, arguments: Sequence[str], privileges: Sequence[str]) -> "subprocess.Popen[str]":
        command = [sys.executable, str(SCRIPT), *arguments]
        process = subprocess.Popen(
            ["setpriv", *privileges, *command] if privileges else command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process


@pytest.fixture
def start() -> Generator[Starter]:
    starter = Starter()
    yield starter
    starter.end()


@pytest.fixture
def open_folder(tmp_path: Path) -> Generator[Path]:
    """A folder anybody can walk to; pytest's own is closed to others."""
    folder = Path(f"/tmp/pug-test-{tmp_path.name}-{os.getpid()}")
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running() -> Generator[Running]:
    """Engines that only get looked at, in `closed/data` of a folder that is open to anybody."""
    starter, opened = Starter(), Path(f"/tmp/pug-test-running-{os.getpid()}")
    opened.mkdir(mode=0o755)
    (opened / "closed").mkdir(mode=0o700)
    try:
        yield starter.bare(opened / "closed" / "data")
    finally:
        starter.end()
        shutil.rmtree(opened)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_only_the_data_folder_is_closed_and_its_parents_stay_as_they_were(running: Running) -> None:
    parents = [mode(folder) for folder in (running.folder.parent.parent, running.folder.parent)]

    assert parents == [0o755, 0o700]
    assert [mode(running.folder / name) for name in (".", "postgres", "nats")] == [0o700] * 3
    assert [mode(running.folder / name) for name in ("nats/token", "nats/nats.conf", "postgres.log", "lock")] == [0o600] * 4


def test_only_this_machine_can_connect(running: Running) -> None:
    connections = [(server.name(), connection) for server in running.servers() for connection in server.net_connections("inet")]

    listening = {(name, connection.laddr.ip) for name, connection in connections if connection.status == psutil.CONN_LISTEN}
    assert listening == {("nats-server", "127.0.0.1")}


@only_root
def test_root_lends_postgres_an_account_and_opens_no_folder_to_it(running: Running) -> None:
    accounts = {server.name(): server.username() for server in running.servers()}

    assert (accounts["postgres"], accounts["nats-server"]) == ("nobody", "root")
    assert [path.owner() for path in (running.folder.parent, running.folder, running.folder / "postgres")] == ["root", "root", "nobody"]


def test_stopped_and_started_again_the_engines_have_their_data(start: Starter, tmp_path: Path) -> None:
    first = start(tmp_path / "data")
    servers = first.servers()
    first.stop()

    second = start(tmp_path / "data")

    assert len(servers) >= 2
    assert not any(server.is_running() for server in servers)
    assert (first.rows, second.rows) == ([1, 1, 1], [2, 2, 2])
    second.stop()


def test_killed_it_leaves_no_server_and_starts_again_with_its_data(start: Starter, tmp_path: Path) -> None:
    first = start(tmp_path / "data")
    servers = first.servers()

    first.process.kill()
    ended = all_end(servers, within_s=10)
    with somebody_else() as pid:  # who got the process id that PostgreSQL had
        pretend_postgres_runs_as(pid, tmp_path / "data")
        second = start(tmp_path / "data")
    for process in (*second.servers(), psutil.Process(second.process.pid)):
        process.send_signal(signal.SIGKILL)
    third = start(tmp_path / "data")

    assert (len(servers) >= 2, ended) == (True, True)
    assert (second.rows, third.rows) == ([2, 2, 2], [3, 3, 3])
    third.stop()


def all_end(processes: Sequence[psutil.Process], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if all(ended(process) for process in processes):
            return True
        time.sleep(0.02)
    return False


def ended(process: psutil.Process) -> bool:
    try:
        # One that has ended stays listed until its new parent, process 1, has looked at it.
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def somebody_else() -> Generator[int]:
    # PostgreSQL believes only in processes of its own account.
    with subprocess.Popen(["sleep", "60"], user="nobody" if IS_ROOT else None) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def pretend_postgres_runs_as(pid: int, data: Path) -> None:
    status_file = data / "postgres" / "data" / "postmaster.pid"
    status_file.write_text(f"{pid}\n{status_file.parent}\n1700000000\n5432\n{data / 'postgres'}\n\n  1 1\nready\n")
    (data / "postgres" / ".s.PGSQL.5432.lock").write_text(f"{pid}\n{status_file.parent}\n1700000000\n5432\n")


def test_an_interrupted_first_start_is_begun_again(start: Starter, tmp_path: Path) -> None:
    first = start.begin(tmp_path / "data")
    half = tmp_path / "data" / "postgres" / "data.partial"
    wait_for(half)
    first.kill()

    second = start.bare(tmp_path / "data")

    assert "postgres" in {server.name() for server in second.servers()}
    assert not half.exists()


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.01)
    pytest.fail(f"{path} did not appear")


def test_a_path_too_long_for_a_socket_works_and_leaves_nothing_behind(start: Starter, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "with a space, a comma and 100%"
    sockets = folder / "postgres-sockets"

    first = start.bare(folder)
    short = Path(sockets.read_text())
    first.process.kill()
    second = start.bare(folder)
    short_again = Path(sockets.read_text())
    second.stop()

    assert not short.exists()
    assert not short_again.exists()


@only_root
def test_another_account_runs_everything_as_itself(start: Starter, open_folder: Path) -> None:
    shutil.chown(open_folder, "daemon", "daemon")

    running = start.bare(open_folder / "data", *AS_ANOTHER, *REACH)

    assert {server.username() for server in running.servers()} == {"daemon"}
    running.stop()


@only_root
def test_root_of_a_container_without_the_smaller_capability_works_too(start: Starter, tmp_path: Path) -> None:
    running = start.bare(tmp_path / "data", "--bounding-set=-dac_read_search", "--inh-caps=-dac_read_search")

    assert "postgres" in {server.name() for server in running.servers()}
    running.stop()


@only_root
def test_root_that_may_not_change_account_is_told_so(start: Starter, tmp_path: Path) -> None:
    failure = start.fails(tmp_path / "data", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid")

    assert "This root may not become the account" in failure["message"]


@only_root
@pytest.mark.parametrize(("maker", "successor"), [("root", (*AS_ANOTHER, *REACH)), ("daemon", ())], ids=["made by root", "started by root"])
def test_another_account_than_the_one_that_made_the_folder_is_told_so(
    start: Starter, open_folder: Path, maker: str, successor: tuple[str, ...]
) -> None:
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    (data / "lock").touch(mode=0o600)
    for path in (data, data / "lock"):
        shutil.chown(path, maker)

    failure = start.fails(data, *successor)

    assert (failure["reason"], failure["field"]) == ("SETTINGS_INVALID", "PUG_DATA_DIR")
