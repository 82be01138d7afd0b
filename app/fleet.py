"""Several processes of one command behind the same ports, so that serving uses more than one core.

The kernel spreads connections over all of them (SO_REUSEPORT). One that ends by itself is started again; all end with their parent.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SHIM = Path(__file__).with_name("embedded") / "shim.py"
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_HEALTHY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many processes run which command, with what in their environment; each has so many seconds to end."""

    command: Sequence[str]
    environment: Mapping[str, str]
    processes: int
    stop_within_s: float

    async def run(self, stop: asyncio.Event) -> None:
        """Keep all of them running until told to stop; then let them end."""
        await asyncio.gather(*(self._keep_one(place, stop) for place in range(self.processes)))

    async def _keep_one(self, place: int, stop: asyncio.Event) -> None:
        wait = _FIRST_WAIT_S
        while not stop.is_set():
            started = time.monotonic()
            process = await self._start()
            log.info("process_started", place=place, pid=process.pid)
            if await self._ended(process, stop):
                return
            wait = _FIRST_WAIT_S if time.monotonic() - started > _HEALTHY_AFTER_S else min(wait * 2, _LONGEST_WAIT_S)
            log.error("process_ended_by_itself", place=place, status=process.returncode, starting_again_after=wait)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)

    async def _start(self) -> asyncio.subprocess.Process:
        # Through the shim, so that it gets SIGTERM when we are killed; in a session of its own, so that Ctrl-C reaches it through us alone.
        shim = (sys.executable, "-I", "-S", str(_SHIM), str(os.getpid()), str(int(signal.SIGTERM)), "-", "-")
        return await asyncio.create_subprocess_exec(*shim, *self.command, env=dict(self.environment), start_new_session=True)

    async def _ended(self, process: asyncio.subprocess.Process, stop: asyncio.Event) -> bool:
        """Wait until the process ends by itself, which is False, or is told to and does."""
        ending, stopping = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if ending.done():
            return stop.is_set()
        process.send_signal(signal.SIGTERM)
        _, late = await asyncio.wait({ending}, timeout=self.stop_within_s)
        if late:
            log.warning("process_killed", pid=process.pid)
            process.kill()
            await ending
        return True
