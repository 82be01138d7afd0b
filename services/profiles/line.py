"""Where acts on the people of a project wait for one another, and from where they are done many at a time.

A batch is what came while the one before was under way: alone an act is done at once, and in a storm each transaction does hundreds.
"""

import asyncio
import contextvars
import copy
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

from core.errors import PugError, StoreUnavailable, TooManyChanges
from services.profiles.acts import Act, Outcomes

Outcome = TypeVar("Outcome")
Perform = Callable[[int, Sequence[Act[object]]], Awaitable[Outcomes]]

TASK = "people of project"
# What is told to who comes too often: the estimate may be one of a bad moment.
_AT_LEAST_S, _AT_MOST_S = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class LineLimits:
    """How many acts of one project wait, how many are done at once, and for how many projects at a time."""

    waiting: int = 10_000
    batch: int = 500
    projects: int = 4


@dataclass(frozen=True, slots=True)
class _Waiting:
    act: Act[object]
    answer: "asyncio.Future[object]"
    # When it is no longer of use to its caller.
    until: float


class Line:
    """Does acts in the order they come, a batch at a time; each caller hears of their own. Of one project, one batch is under way."""

    def __init__(
        self,
        perform: Perform,
        kind_of: Callable[[Act[object]], Hashable],
        limits: LineLimits | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`perform` does a batch, all of one kind, and says what came of each act; when it raises, none of them was done.

        `now` is a clock in seconds that never goes back.
        """
        self._perform = perform
        self._kind_of = kind_of
        self._limits = limits or LineLimits()
        self._now = now
        self._queues: dict[int, _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # One project's storm must leave connections to PostgreSQL to everybody else.
        self._turns = asyncio.Semaphore(self._limits.projects)

    async def do(self, project_id: int, act: Act[Outcome], within_s: float | None) -> Outcome:
        """What comes of an act. It is refused when too many wait, or when it would take longer than its caller is willing to wait.

        A caller who goes away takes with them what wasn't begun; what was is done.
        """
        queue = self._queues.get(project_id) or self._open(project_id)
        queue.refuse_if_full(within_s)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        queue.waiting.append(_Waiting(act, answer, math.inf if within_s is None else self._now() + within_s))
        return cast("Outcome", await answer)

    def _open(self, project_id: int) -> "_Queue":
        queue = self._queues[project_id] = _Queue(self._limits)
        # In a context of its own: what is logged there isn't about the request that happened to be the first.
        task = asyncio.create_task(self._work(project_id, queue), name=f"{TASK} {project_id}", context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._close(project_id, queue, ended))
        return queue

    def _close(self, project_id: int, queue: "_Queue", ended: asyncio.Task[None]) -> None:
        self._tasks.discard(ended)
        # Somebody waits still when the task was cancelled, which may be before it began.
        if self._queues.get(project_id) is queue:
            del self._queues[project_id]
        _answer(queue.waiting, [_stopped()] * len(queue.waiting))

    async def _work(self, project_id: int, queue: "_Queue") -> None:
        while batch := queue.next_batch(self._now(), self._kind_of):
            started = self._now()
            await self._do(project_id, batch)
            queue.batch_s = self._now() - started
        # At once: who comes from now on needs a task that still works.
        del self._queues[project_id]

    async def _do(self, project_id: int, batch: "Sequence[_Waiting]") -> None:
        outcomes: Sequence[object] = [_stopped()] * len(batch)
        try:
            async with self._turns:
                outcomes = await self._perform(project_id, [one.act for one in batch])
        except Exception as error:  # noqa: BLE001 (whatever it is, everybody has to hear of it)
            outcomes = [error] * len(batch)
        finally:
            _answer(batch, outcomes)


class _Queue:
    """Who waits for the people of one project."""

    def __init__(self, limits: LineLimits) -> None:
        self._limits = limits
        self.waiting: deque[_Waiting] = deque()
        # How long the last batch took. A queue ends when nobody waits: a slow batch is not held against who comes later.
        self.batch_s = 0.0

    def refuse_if_full(self, within_s: float | None) -> None:
        wait_s = (len(self.waiting) // self._limits.batch + 1) * self.batch_s
        if len(self.waiting) >= self._limits.waiting:
            raise _too_many(f"{self._limits.waiting:,} changes of this project's people wait already.", wait_s)
        if within_s is not None and wait_s > within_s:
            raise _too_many(f"So many changes of this project's people wait that this one would take {wait_s:.1f} s.", wait_s)

    def next_batch(self, now: float, kind_of: Callable[[Act[object]], Hashable]) -> list[_Waiting]:
        """The first of those who still wait, as many as are of one kind and done at once; none when nobody waits."""
        batch: list[_Waiting] = []
        while self.waiting and len(batch) < self._limits.batch:
            one = self.waiting[0]
            if not one.answer.done() and one.until >= now:
                if batch and kind_of(one.act) != kind_of(batch[0].act):
                    break
                batch.append(one)
            elif not one.answer.done():
                one.answer.set_exception(_too_many("The change waited for longer than its caller would.", self.batch_s))
            self.waiting.popleft()
        return batch


def _answer(waiting: "Sequence[_Waiting] | deque[_Waiting]", outcomes: Sequence[object]) -> None:
    for one, outcome in zip(waiting, outcomes, strict=True):
        # Who was cancelled hears nothing.
        if one.answer.done():
            continue
        if isinstance(outcome, Exception):
            one.answer.set_exception(_own(outcome))
        else:
            one.answer.set_result(outcome)


def _own(error: Exception) -> Exception:
    """An error to raise in one place: raised in hundreds, it would collect all their tracebacks."""
    if not isinstance(error, PugError):
        return error
    own = copy.copy(error)
    own.__cause__ = error.__cause__
    return own


def _too_many(message: str, wait_s: float) -> TooManyChanges:
    wait = timedelta(seconds=min(max(wait_s, _AT_LEAST_S), _AT_MOST_S))
    return TooManyChanges(
        f"{message} Nothing was changed.", hint=f"Send it again after {wait.total_seconds():.1f} s, or allow more time.", retry_after=wait
    )


def _stopped() -> StoreUnavailable:
    return StoreUnavailable("The server was stopped in the middle; whether the change was made is not known.", hint="Send it again.")
