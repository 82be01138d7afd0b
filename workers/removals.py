"""The removals worker: deletes projects, and removes what projects no longer keep."""

import asyncio
import contextlib

from workers.deletion import Deletions
from workers.retention import Retention

JOB = "removals"
_LOOK_EVERY_S = 2.0


class RemovalsWorker:
    """Only one may run at a time: turn.py sees to it."""

    def __init__(self, deletions: Deletions, retention: Retention) -> None:
        self._deletions = deletions
        self._retention = retention

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            if not await self._deletions.work():
                await self._retention.apply()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)
