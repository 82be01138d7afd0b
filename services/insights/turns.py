"""Lets so many queries run at once. Who has to wait is served in turn by project, so that one project's many hold up no other's few."""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from core.errors import TooManyQueries
from core.words import counted
from services.rpc.call import Call

# How many look-ups run at once beside queries: what somebody types waits for the look-ups of others alone.
LOOKUPS = 3
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """How many queries run and wait at once, in this process."""

    queries: int = 4
    project_queries: int = 3
    project_waiting: int = 100


class Turns:
    """Counts queries by project; all of it happens on the event loop, between two awaits."""

    def __init__(self, limits: AtOnce) -> None:
        self._limits = limits
        self._running: Counter[int] = Counter()
        # The project that is served next comes first.
        self._waiting: OrderedDict[int, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def running(self) -> int:
        """How many queries have their turn."""
        # Also by whoever collects metrics, in a thread: of what one step copied.
        return sum(tuple(self._running.values()))

    @property
    def waiting(self) -> int:
        """How many wait for it."""
        return sum(map(len, tuple(self._waiting.values())))

    @asynccontextmanager
    async def turn(self, call: Call) -> AsyncGenerator[Call]:
        """Wait for a turn and hold it; yields the call with what is left of its caller's patience."""
        project, began = call.project.id, time.monotonic()
        await self._enter(project, call.timeout_s)
        try:
            yield call if call.timeout_s is None else replace(call, timeout_s=call.timeout_s - (time.monotonic() - began))
        finally:
            self._leave(project)

    async def _enter(self, project: int, patience_s: float | None) -> None:
        if self._free(project):
            self._running[project] += 1
            return
        if len(self._waiting.get(project, ())) >= self._limits.project_waiting:
            raise TooManyQueries(
                f"This project has {counted(self._limits.project_waiting, 'query', 'queries')} waiting.",
                hint="Wait for answers first.",
                retry_after=_SOON,
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(turn)
        try:
            async with asyncio.timeout(patience_s):
                await turn
        except BaseException as error:
            self._give_up(project, turn)
            if isinstance(error, TimeoutError):
                raise TooManyQueries(
                    "Other queries of this project took all the time the caller would wait.",
                    hint="Ask again, with more patience or fewer questions at once.",
                    retry_after=_SOON,
                ) from error
            raise

    def _give_up(self, project: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The turn came in the moment its query was given up.
            self._leave(project)
            return
        queue = self._waiting.get(project)
        if queue and turn in queue:
            queue.remove(turn)
            self._forget_if_empty(project)

    def _leave(self, project: int) -> None:
        self._running[project] -= 1
        if not self._running[project]:
            del self._running[project]
        while (next_one := next((waiting for waiting in self._waiting if self._free(waiting)), None)) is not None:
            turn = self._waiting[next_one].popleft()
            # One that was cancelled a moment ago has yet to leave the queue.
            if not turn.done():
                self._running[next_one] += 1
                turn.set_result(None)
                self._waiting.move_to_end(next_one)
            self._forget_if_empty(next_one)

    def _forget_if_empty(self, project: int) -> None:
        if not self._waiting[project]:
            del self._waiting[project]

    def _free(self, project: int) -> bool:
        return self._running.total() < self._limits.queries and self._running[project] < self._limits.project_queries
