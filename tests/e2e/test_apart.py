"""Pug as several processes on engines that are servers, as on a cluster; ClickHouse through its HTTP interface."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

HERE = Path(__file__).parent
PUG = Path(sys.executable).with_name("pug")


@contextlib.contextmanager
def script(*command: object) -> Generator[str]:
    """A script that says one line and ends with its standard input."""
    arguments = [sys.executable, *(str(part) for part in command)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent)
    assert process.stdout
    yield process.stdout.readline()
    process.communicate(timeout=30)


@pytest.fixture
def urls(tmp_path: Path) -> Generator[dict[str, str]]:
    with (
        script(HERE / "engines_apart.py", tmp_path / "engines") as engines,
        script(HERE.parent / "contract/clickhouse_front.py", tmp_path) as port,
    ):
        yield json.loads(engines) | {"CLICKHOUSE_URL": f"http://127.0.0.1:{int(port)}"}


@contextlib.contextmanager
def running(environment: dict[str, str], *command: str) -> Generator["subprocess.Popen[str]"]:
    process = subprocess.Popen([PUG, *command], env=environment, stderr=subprocess.PIPE, text=True)
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def post(port: str, method: str, key: str, body: object) -> dict[str, dict[str, list[dict[str, list[float]]]]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:{port}/pug.{method}", json.dumps(body).encode(), headers), timeout=20) as answer:
        return json.load(answer)


def test_serving_and_working_apart_stores_once_and_a_standby_takes_over(urls: dict[str, str], tmp_path: Path) -> None:
    settings = {"PUG_DATA_DIR": str(tmp_path / "data"), "PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0", "PUG_LOG_FORMAT": "json"}
    environment = os.environ | urls | settings
    subprocess.run([PUG, "migrate"], env=environment, check=True, timeout=60)
    made = subprocess.run([PUG, "projects", "create", "Shop", "--json"], env=environment, check=True, timeout=60, stdout=subprocess.PIPE)
    keys = json.loads(made.stdout)

    with running(environment, "serve") as server, running(environment, "work") as first, running(environment, "work"):
        assert server.stderr
        port = next(found[1] for line in server.stderr if (found := re.search(r'"http_port": (\d+)', line)))
        for number in range(40):
            events = [{"name": "bought", "distinctId": f"u{number}"}] * 5
            receipt = post(port, "capture.v1.CaptureService/Capture", keys["write_key"], {"events": events})
            assert receipt["accepted"] == 5
            if number == 20:
                first.kill()
                first.wait()
                first.returncode = 0
        assert settled(port, keys["secret_key"], 200) == 200


def settled(port: str, key: str, expected: int) -> float:
    question = {"insight": {"trends": {"series": [{"event": {"name": "bought"}}]}}, "preset": "PRESET_TODAY"}
    deadline = time.monotonic() + 30
    while True:
        total = post(port, "insights.v1.InsightsService/Query", key, question)["trends"]["series"][0]["values"][0]
        if total >= expected or time.monotonic() > deadline:
            return total
        time.sleep(0.1)
