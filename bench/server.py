"""A Pug of the benchmark's own: a subprocess with its own data folder and free ports."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pug:
    host: str
    port: int
    write_key: str
    secret_key: str
    pid: int


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


async def _until_written(path: Path, process: asyncio.subprocess.Process) -> dict[str, str]:
    while not path.exists():  # noqa: ASYNC240 (a glance at a local file)
        if process.returncode is not None:
            msg = f"pug dev ended with {process.returncode}"
            raise RuntimeError(msg)
        await asyncio.sleep(0.05)
    return json.loads(path.read_text())  # noqa: ASYNC240 (as above)
