"""A real `pug dev` in a process of its own, for tests that look at Pug from outside."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

READY_WITHIN_S = 60
_STARTED: "list[subprocess.Popen[bytes]]" = []


def end_what_was_left() -> None:
    """Kill what failed tests left running."""
    for process in _STARTED:
        if process.poll() is None:
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait(10)


@dataclass
class PugProcess:
    """Starts, stops and kills; talks JSON to it over HTTP."""

    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    process: "subprocess.Popen[bytes] | None" = None
    # Where what it logs goes; left out, to where the tests' own output goes.
    log: Path | None = None

    def start(self) -> None:
        notes = self.data_dir / "dev.json"
        notes.unlink(missing_ok=True)
        ports = {
            "PUG_DATA_DIR": str(self.data_dir),
            "PUG_HTTP_PORT": "0",
            "PUG_GRPC_PORT": "0",
            "PUG_METRICS_PORT": "0",
            "PUG_LOG_LEVEL": "warning",
            "PUG_DEMO_EVENTS": "0",
        }
        pug = Path(sys.executable).with_name("pug")
        with self.log.open("ab") if self.log else contextlib.nullcontext() as log:
            self.process = subprocess.Popen(
                [pug, "dev"], env=os.environ | ports | dict(self.settings), stdout=subprocess.DEVNULL, stderr=log
            )
        _STARTED.append(self.process)
        deadline = time.monotonic() + READY_WITHIN_S
        while not notes.exists():
            assert self.process.poll() is None, f"pug dev ended with {self.process.returncode}"
            assert time.monotonic() < deadline, f"pug dev was not ready within {READY_WITHIN_S} s"
            time.sleep(0.02)

    @property
    def notes(self) -> dict[str, str]:
        return json.loads((self.data_dir / "dev.json").read_text())

    def tree(self) -> list[psutil.Process]:
        assert self.process
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def kill(self, *, whole_tree: bool = True) -> list[psutil.Process]:
        """kill -9, of the parent alone or of everything; returns what was running."""
        tree = self.tree()
        for process in tree if whole_tree else tree[:1]:
            # The death of the parent may have taken it along already.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert self.process
        self.process.wait(10)
        return tree

    def call(self, method: str, body: object, *, key: str | None = None) -> dict[str, Any]:
        """The JSON answer of an RPC such as `capture.v1.CaptureService/Capture`, with the key that fits unless one is given."""
        status, answer = self.answer(method, body, key=key)
        assert status == 200, answer
        return answer

    def answer(self, method: str, body: object, *, key: str | None = None) -> tuple[int, dict[str, Any]]:
        """The status and the JSON answer."""
        token = key or self.notes["write_key" if method.startswith("capture") else "secret_key"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urlopen(Request(f"{self.notes['http_url']}/pug.{method}", data, headers), timeout=30) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def total(self, name: str, preset: str = "PRESET_LAST_7_DAYS") -> int:
        """How many events of that name there are."""
        question = {"insight": {"trends": {"series": [{"event": {"name": name}}]}}, "preset": preset}
        series = self.call("insights.v1.InsightsService/Query", question)["trends"]["series"]
        return int(sum(series[0]["values"])) if series else 0

    def settled_total(self, name: str, expected: int, within_s: float = 30) -> int:
        """The same once it has reached what is expected, or time is up."""
        deadline = time.monotonic() + within_s
        while (total := self.total(name)) < expected and time.monotonic() < deadline:
            time.sleep(0.1)
        return total
