"""Starts a server as a child that cannot outlive us, and stops it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from core.errors import StoreUnavailable

T = TypeVar("T")
log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SHIM = Path(__file__).with_name("shim.py")
_POLL_S = 0.01
_WATCH_S = 0.2
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_LOG_BYTES = 16 * 2**20
_LOG_TAIL_BYTES = 1500


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as; with `reach` it may walk through folders that are closed to it."""

    uid: int
    gid: int
    reach: bool


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started, and which signal it gets when we die without stopping it."""

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    lock: int
    death_signal: signal.Signals
    environment: Mapping[str, str]
    account: Account | None = None


class ChildServer:
    """A running server of ours."""

    def __init__(self, launch: Launch) -> None:
        """Start it. The child inherits the lock of the data folder, so the folder stays taken until the child is really gone."""
        if threading.current_thread() is not threading.main_thread():
            # The kernel sends the parent-death signal when the thread that forked ends, which for any other thread may be soon.
            raise RuntimeError(f"{launch.name} must be started from the main thread.")
        if sys.platform != "linux":
            log.warning("server_may_outlive_us", server=launch.name, reason="only Linux can signal a child when its parent is killed")
        self._launch = launch
        _rotate(launch.log)
        with os.fdopen(os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            # Nothing here makes Python fork instead of vfork: a fork of a process with threads, or with chDB in it, may hang.
            self._process = subprocess.Popen(  # noqa: S603 (our own binaries)
                [sys.executable, "-I", "-S", str(_SHIM), *_orders(launch), *launch.command],
                cwd=launch.folder,
                env=dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(launch.lock,),
                # Ctrl-C reaches a whole process group, and we want to finish what is under way before the servers stop.
                start_new_session=True,
            )

    @property
    def name(self) -> str:
        """What it is, for people."""
        return self._launch.name

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server, which is that of the shim it was."""
        return self._process.pid

    async def until(self, ready: Callable[[], T | None], within_s: float) -> T:
        """What `ready` returns once it is not None; raises StoreUnavailable when the server ends before, or takes too long."""
        for _ in range(int(within_s / _POLL_S)):
            if (answer := ready()) is not None:
                return answer
            if (status := self._process.poll()) is not None:
                raise self._failure(f"ended with status {status} while starting")
            await asyncio.sleep(_POLL_S)
        raise self._failure(f"was not ready within {within_s:.0f} s")

    async def finished(self, within_s: float) -> None:
        """Return when it has ended well; whatever else happens, it has ended."""
        try:
            status = await self._status(within_s)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        if status is None:
            raise self._failure(f"was not done within {within_s:.0f} s")
        if status != 0:
            raise self._failure(f"ended with status {status}")

    async def stop(self, politely: signal.Signals, within_s: float) -> None:
        """Ask it to stop, and kill it when it doesn't."""
        if self._process.poll() is not None:
            log.error("server_found_dead", server=self._launch.name, status=self._process.returncode, log=str(self._launch.log))
            return
        self._process.send_signal(politely)
        if await self._status(within_s) is None:
            log.warning("server_killed", server=self._launch.name, after_seconds=within_s)
            self._process.kill()
            self._process.wait()

    async def _status(self, within_s: float) -> int | None:
        for _ in range(int(within_s / _POLL_S)):
            if (status := self._process.poll()) is not None:
                return status
            await asyncio.sleep(_POLL_S)
        return None

    def _failure(self, what: str) -> StoreUnavailable:
        path = self._launch.log
        tail = path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return StoreUnavailable(f"The embedded {self._launch.name} {what}. The end of {path}:\n{tail}")


@asynccontextmanager
async def kept_running(
    start: Callable[[], Awaitable[ChildServer]], politely: signal.Signals, within_s: float, stuck: Callable[[], bool] = lambda: False
) -> AsyncGenerator[ChildServer]:
    """The server that `start` gives once it is ready; one that ends before we stop it is started again, with growing waits.

    One that is `stuck`, and would be well if it were started anew, is stopped for that.
    """
    running = [await start()]

    async def end_when_stuck() -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            if running[0].alive and stuck():
                log.error("server_stuck", server=running[0].name)
                await running[0].stop(politely, within_s)

    watching = asyncio.gather(_revive(running, start), end_when_stuck())
    try:
        yield running[0]
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await running[0].stop(politely, within_s)


async def _revive(running: list[ChildServer], start: Callable[[], Awaitable[ChildServer]]) -> None:
    wait = _FIRST_WAIT_S
    while True:
        if running[0].alive:
            await asyncio.sleep(_WATCH_S)
            continue
        log.error("server_ended_by_itself", server=running[0].name, starting_again_after=wait)
        await asyncio.sleep(wait)
        try:
            running[0] = await start()
        except StoreUnavailable as error:
            wait = min(wait * 2, _LONGEST_WAIT_S)
            log.error("server_not_started", server=running[0].name, error=error.message)  # noqa: TRY400 (the message has the server's own log)
        else:
            wait = _FIRST_WAIT_S


def _orders(launch: Launch) -> tuple[str, str, str, str]:
    account = launch.account
    who = f"{account.uid}:{account.gid}" if account else "-"
    return str(os.getpid()), str(int(launch.death_signal)), who, "reach" if account and account.reach else "-"


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
