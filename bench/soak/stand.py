"""All of Pug in processes of their own, on engines in processes of their own, each of which can be killed and comes back."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_ROOT = Path(__file__).parents[2]
_ENGINES = _ROOT / "tools/engines"
_PUG = (sys.executable, "-m", "app.cli")
_BACK_AFTER_S = 0.5


@dataclass(slots=True)
class Process:
    """A process that is started again whenever it ends, until it is told to stop. What it says goes to a file."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    current: asyncio.subprocess.Process | None = None
    starts: int = 0
    _keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._start()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._keeping and self.current:
            self._keeping.cancel()
            if self.current.stdin:
                self.current.stdin.close()
            else:
                self.current.send_signal(signal.SIGTERM)
            await self.current.wait()

    def kill(self) -> None:
        if self.current:
            with contextlib.suppress(ProcessLookupError):
                self.current.kill()

    def children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.current.pid).children(recursive=True) if self.current else []
        except psutil.NoSuchProcess:
            return []

    async def said(self, pattern: str, within_s: float = 60) -> str:
        """What a line of its log says."""
        async with asyncio.timeout(within_s):
            while not (found := re.search(pattern, self.log.read_text(errors="replace"))):  # noqa: ASYNC110 (a file has no event)
                await asyncio.sleep(0.05)
        return found[1]

    async def _start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.current = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                cwd=_ROOT,
                stdin=subprocess.PIPE if self._lives_by_input else None,
                stdout=log,
                stderr=log,
            )

    async def _keep(self) -> None:
        while self.current:
            await self.current.wait()
            await asyncio.sleep(_BACK_AFTER_S)
            await self._start()

    @property
    def _lives_by_input(self) -> bool:
        return str(_ENGINES) in " ".join(self.command)


@dataclass(slots=True)
class Stand:
    """What is running."""

    folder: Path
    clickhouse_url: str
    http_port: int
    query_port: int
    write_key: str
    secret_key: str
    engines: Process
    clickhouse: Process
    fleet: Process
    query: Process
    workers: list[Process] = field(default_factory=list[Process])

    @property
    def refusal(self) -> Path:
        """While this file exists, ClickHouse refuses, with the code that stands in it."""
        return self.folder / "refuse"

    def server(self, name: str) -> psutil.Process | None:
        """The server process of an engine, `nats-server` or `postgres`."""
        for process in self.engines.children():
            with contextlib.suppress(psutil.Error):
                if process.name() == name and not (name == "postgres" and "postgres:" in " ".join(process.cmdline())):
                    return process
        return None


@contextlib.asynccontextmanager
async def stand(folder: Path, *, workers: int, partitions: int, capture_processes: int) -> AsyncGenerator[Stand]:
    """Start everything in a folder, and stop everything at the end."""
    environment = os.environ | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'gen'}"}
    async with contextlib.AsyncExitStack() as stack:

        async def started(name: str, *command: object, environment: dict[str, str]) -> Process:
            process = Process(name, [str(part) for part in command], environment, folder / f"{name.replace(' ', '-')}.log")
            await process.start()
            stack.push_async_callback(process.stop)
            return process

        engines = await started("engines", sys.executable, _ENGINES / "nats_and_postgres.py", folder / "engines", environment=environment)
        urls: dict[str, str] = json.loads(await engines.said(r"(?m)^(\{\"NATS_URL.*\})$"))
        port = _free_port()
        clickhouse = await started("clickhouse", sys.executable, _ENGINES / "clickhouse_front.py", folder, port, environment=environment)
        await clickhouse.said(r"(?m)^(\d+)$")
        url = f"http://127.0.0.1:{port}"
        settings = environment | urls | {"CLICKHOUSE_URL": url, "PUG_LOG_FORMAT": "json", "PUG_DATA_DIR": str(folder / "data")}
        settings |= {"PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0", "PUG_EVENT_PARTITIONS": str(partitions), "PUG_BLOCK_ROWS": "20000"}
        await asyncio.to_thread(
            subprocess.run, [*_PUG, "migrate"], env=settings, cwd=_ROOT, check=True, timeout=60, stderr=subprocess.DEVNULL
        )
        create = [*_PUG, "projects", "create", "Soak", "--json"]
        made = await asyncio.to_thread(subprocess.run, create, env=settings, cwd=_ROOT, check=True, timeout=60, stdout=subprocess.PIPE)
        keys: dict[str, str] = json.loads(made.stdout)
        # A process that is killed comes back behind the same port.
        http_port, query_port = _free_port(), _free_port()
        serving = (*_PUG, "serve", "--roles")
        yield Stand(
            folder,
            url,
            http_port,
            query_port,
            keys["write_key"],
            keys["secret_key"],
            engines,
            clickhouse,
            await started(
                "capture", *serving, "capture", "--workers", capture_processes, environment=settings | {"PUG_HTTP_PORT": str(http_port)}
            ),
            await started("query", *serving, "query", environment=settings | {"PUG_HTTP_PORT": str(query_port)}),
            [await started(f"worker {number}", *_PUG, "work", "events", environment=settings) for number in range(workers)],
        )


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
