"""A Pug of the benchmark's own: a subprocess with its own data folder and free ports."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Pug:
    host: str
    port: int
    write_key: str
    secret_key: str
    pid: int
    query_port: int = 0


@contextlib.asynccontextmanager
async def running() -> AsyncGenerator[Pug]:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        data = Path(folder, "data")
        environment = os.environ | {
            "PUG_DATA_DIR": str(data),
            "PUG_HTTP_PORT": "0",
            "PUG_GRPC_PORT": "0",
            "PUG_METRICS_PORT": "0",
            "PUG_LOG_LEVEL": "warning",
        }
        pug = Path(sys.executable).with_name("pug")
        process = await asyncio.create_subprocess_exec(pug, "dev", env=environment, stdout=asyncio.subprocess.DEVNULL)
        try:
            started = await _until_written(data / "dev.json", process)
            host, _, port = started["http_url"].removeprefix("http://").partition(":")
            yield Pug(host, int(port), started["write_key"], started["secret_key"], process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()


@contextlib.asynccontextmanager
async def capturing(processes: int, *, storing: bool = False) -> AsyncGenerator[Pug]:
    """Processes that only take events in, on a NATS and a PostgreSQL of their own; `storing`, one more stores and answers."""
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        engines = await _started(sys.executable, _ROOT / "tools/engines/nats_and_postgres.py", Path(folder, "engines"))
        assert engines.stdout
        ports = {"PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0", "PUG_METRICS_PORT": "0"}
        environment = os.environ | json.loads(await engines.stdout.readline()) | ports
        environment |= {"PUG_DATA_DIR": str(Path(folder, "data")), "PUG_LOG_FORMAT": "json", "PUG_LOG_LEVEL": "info"}
        pug = Path(sys.executable).with_name("pug")
        try:
            for preparing in (("migrate",), ("projects", "create", "Bench", "--json")):
                process = await _started(pug, *preparing, environment=environment)
                made, _ = await process.communicate()
            keys: dict[str, str] = json.loads(made)
            fleet = await _started(pug, "serve", "--roles", "capture", "--workers", processes, environment=environment)
            store = await _started(pug, "serve", "--roles", "query,work", environment=environment) if storing else None
            try:
                port = await _until_serving(fleet, processes)
                query_port = await _until_serving(store, 1) if store else 0
                yield Pug("127.0.0.1", port, keys["write_key"], keys["secret_key"], fleet.pid, query_port)
            finally:
                for process in (fleet, store) if store else (fleet,):
                    process.send_signal(signal.SIGINT)
                    await process.communicate()
        finally:
            # They end with their standard input.
            await engines.communicate(b"")


async def _started(*command: object, environment: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    words = [str(part) for part in command]
    return await asyncio.create_subprocess_exec(*words, env=environment, cwd=_ROOT, stdin=pipe, stdout=pipe, stderr=pipe)


async def _until_serving(fleet: asyncio.subprocess.Process, processes: int) -> int:
    assert fleet.stderr
    serving = 0
    while line := await fleet.stderr.readline():
        said: dict[str, object] = json.loads(line)
        serving += said["event"] == "serving"
        if serving == processes:
            return int(str(said["http_port"]))
    msg = "the capture processes ended"
    raise RuntimeError(msg)


async def _until_written(path: Path, process: asyncio.subprocess.Process) -> dict[str, str]:
    while not path.exists():  # noqa: ASYNC240 (a glance at a local file)
        if process.returncode is not None:
            msg = f"pug dev ended with {process.returncode}"
            raise RuntimeError(msg)
        await asyncio.sleep(0.05)
    return json.loads(path.read_text())  # noqa: ASYNC240 (as above)
