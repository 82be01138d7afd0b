"""What goes wrong, at random: processes die, servers hang, ClickHouse refuses."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Generator

import psutil

from bench.soak.stand import Process, Stand

# A disk that is full, memory that ran out, a table that is read-only, Keeper that is away, a code nobody knows, and no code at all.
_CODES = ("243", "241", "242", "999", "12345", "")


class Faults:
    """One fault after another, each of a kind drawn at random; `happened` counts them by kind."""

    def __init__(self, stand: Stand, *, seed: int, pause_s: tuple[float, float]) -> None:
        self._stand = stand
        self._chance = random.Random(seed)
        self._pause_s = pause_s
        self.happened: Counter[str] = Counter()

    async def run(self, until: asyncio.Event) -> None:
        """Let things go wrong until told to stop; then everything is as it was."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "a capture process killed": self._kill_capture_process,
            "the capture fleet killed": lambda: self._kill(self._stand.fleet),
            "a worker killed": lambda: self._kill(self._chance.choice(self._stand.workers)),
            "the query process killed": lambda: self._kill(self._stand.query),
            "NATS killed": lambda: self._kill_server("nats-server"),
            "NATS hung": lambda: self._hang(self._stand.server("nats-server")),
            "PostgreSQL killed": lambda: self._kill_server("postgres"),
            "ClickHouse killed": lambda: self._kill(self._stand.clickhouse),
            "ClickHouse hung": self._hang_clickhouse,
            "ClickHouse refused": self._refuse,
        }
        while not until.is_set():
            kind = self._chance.choice(list(kinds))
            await kinds[kind]()
            self.happened[kind] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), self._chance.uniform(*self._pause_s))

    async def _kill(self, process: Process) -> None:
        process.kill()

    async def _kill_capture_process(self) -> None:
        if children := self._stand.fleet.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                self._chance.choice(children).kill()

    async def _kill_server(self, name: str) -> None:
        if server := self._stand.server(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()

    async def _hang_clickhouse(self) -> None:
        if self._stand.clickhouse.current:
            await self._hang(psutil.Process(self._stand.clickhouse.current.pid))

    async def _hang(self, server: psutil.Process | None) -> None:
        if server:
            with _stopped(server):
                await asyncio.sleep(self._chance.uniform(1, 8))

    async def _refuse(self) -> None:
        self._stand.refusal.write_text(self._chance.choice(_CODES))
        await asyncio.sleep(self._chance.uniform(2, 12))
        self._stand.refusal.unlink()


@contextlib.contextmanager
def _stopped(server: psutil.Process) -> Generator[None]:
    with contextlib.suppress(psutil.NoSuchProcess):
        server.suspend()
        try:
            yield
        finally:
            server.resume()
