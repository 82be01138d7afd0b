"""deploy/Dockerfile, as far as that can be told without building it."""

import fnmatch
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def copied() -> list[str]:
    return [source for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE) for source in line.split()]


def test_everything_copied_exists_and_is_let_through_to_the_builder() -> None:
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_through), source


def test_all_of_the_package_is_copied() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert {package.split("/")[0] for package in packages} <= set(copied())


def test_it_installs_by_hashes_and_runs_as_nobody_special() -> None:
    users = re.findall(r"(?m)^USER (\S+)$", DOCKERFILE)

    assert re.findall(r"--require-hashes -r (\S+)", DOCKERFILE) == ["locks/runtime.txt"]
    assert users == ["10001:10001"]
    assert re.findall(r"(?m)^VOLUME (\S+)$", DOCKERFILE) == re.findall(r"PUG_DATA_DIR=(\S+)", DOCKERFILE) == ["/var/lib/pug"]


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


@pytest.fixture
def port() -> Generator[int]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_the_healthcheck_ends_well_only_when_there_is_a_good_answer(port: int) -> None:
    def check(*arguments: str, http_port: int = port) -> int:
        command = [sys.executable, str(ROOT / "deploy/healthcheck.py"), *arguments]
        return subprocess.run(command, env={"PUG_HTTP_PORT": str(http_port)}, check=False, capture_output=True, timeout=30).returncode

    assert check() == 0
    assert check(http_port=1) == 1
    assert check(f"http://127.0.0.1:{port}/metrics") == 1
