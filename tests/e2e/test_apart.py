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
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ENGINES = Path(__file__).parents[2] / "tools/engines"
PUG = Path(sys.executable).with_name("pug")


@contextlib.contextmanager
def script(*command: object) -> Generator[str]:
    """A script that says one line and ends with its standard input."""
    arguments = [sys.executable, *(str(part) for part in command)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ENGINES.parents[1])
    assert process.stdout
    yield process.stdout.readline()
    process.communicate(timeout=30)


@pytest.fixture
def urls(tmp_path: Path) -> Generator[dict[str, str]]:
    with (
        script(ENGINES / "nats_and_postgres.py", tmp_path / "engines") as engines,
        script(ENGINES / "clickhouse_front.py", tmp_path) as port,
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
    environment = prepared(urls, tmp_path)
    keys = migrated(environment)

    with running(environment, "serve") as server, running(environment, "work") as first, running(environment, "work"):
        port = said(server, r'"http_port": (\d+)')
        for number in range(40):
            events = [{"name": "bought", "distinctId": f"u{number}"}] * 5
            receipt = post(port, "capture.v1.CaptureService/Capture", keys["write_key"], {"events": events})
            assert receipt["accepted"] == 5
            if number == 20:
                first.kill()
                first.wait()
                first.returncode = 0
        assert settled(port, keys["secret_key"], 200) == 200


@pytest.mark.parametrize("partitions", ["1", "4"])
def test_a_fleet_captures_for_several_workers_and_a_killed_process_of_each_is_made_up_for(
    urls: dict[str, str], tmp_path: Path, partitions: str
) -> None:
    environment = prepared(urls, tmp_path) | {"PUG_EVENT_PARTITIONS": partitions}
    keys = migrated(environment)

    with (
        running(environment, "serve", "--roles", "capture", "--workers", "2") as fleet,
        running(environment, "serve", "--roles", "query") as query,
        running(environment, "work", "events") as first,
        running(environment, "work", "events"),
    ):
        pids = [int(said(fleet, r'"pid": (\d+)')) for _ in range(2)]
        port = said(fleet, r'"http_port": (\d+)')
        said(fleet, r'"http_port": (\d+)')
        for number in range(60):
            if number == 20:
                os.kill(pids[0], signal.SIGKILL)
            if number == 40:
                first.kill()
                first.wait()
                first.returncode = 0
            events = [
                {"name": "bought", "distinctId": f"u{number}", "eventId": f"0190a1b2-0000-7000-8000-{number:06x}{place:06x}"}
                for place in range(5)
            ]
            until_accepted(port, keys["write_key"], {"events": events})
        asked = said(query, r'"http_port": (\d+)')

        assert settled(asked, keys["secret_key"], 300) == 300
        assert {int(said(fleet, r'"pid": (\d+)'))}.isdisjoint(pids)


def prepared(urls: dict[str, str], tmp_path: Path) -> dict[str, str]:
    ports = {"PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0", "PUG_METRICS_PORT": "0"}
    return os.environ | urls | ports | {"PUG_DATA_DIR": str(tmp_path / "data"), "PUG_LOG_FORMAT": "json"}


def migrated(environment: dict[str, str]) -> dict[str, str]:
    subprocess.run([PUG, "migrate"], env=environment, check=True, timeout=60)
    made = subprocess.run([PUG, "projects", "create", "Shop", "--json"], env=environment, check=True, timeout=60, stdout=subprocess.PIPE)
    return json.loads(made.stdout)


def said(process: "subprocess.Popen[str]", pattern: str) -> str:
    """What the next line of log that fits says."""
    assert process.stderr
    return next(found[1] for line in process.stderr if (found := re.search(pattern, line)))


def until_accepted(port: str, key: str, body: object) -> None:
    """Send a batch again under the same ids until there is a receipt, as a client does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            post(port, "capture.v1.CaptureService/Capture", key, body)
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.add_note(error.read().decode())
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def settled(port: str, key: str, expected: int) -> float:
    question = {"insight": {"trends": {"series": [{"event": {"name": "bought"}}]}}, "preset": "PRESET_TODAY"}
    deadline = time.monotonic() + 30
    while True:
        total = post(port, "insights.v1.InsightsService/Query", key, question)["trends"]["series"][0]["values"][0]
        if total >= expected or time.monotonic() > deadline:
            return total
        time.sleep(0.1)
