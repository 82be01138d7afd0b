"""Shares partitions among the processes that work on a job: each is worked on by one of them at a time, and each process has its share."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOOK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 5.0

_TAKING_PART = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 0 AND objsubid = 2"
    " AND classid::bigint = hashtext(:job)::bigint & 4294967295"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

Work = Callable[[int, asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Turn:
    """A partition this process works on."""

    working: asyncio.Task[None]
    stop: asyncio.Event


async def in_turns(postgres: AsyncEngine, job: str, partitions: int, work: Work, stop: asyncio.Event) -> None:
    """Work on this process's share of the partitions until told to stop, each while holding PostgreSQL's advisory lock of it.

    The processes that take part hold a shared lock, by which they count each other. One that has more than its share ends its work on a
    partition, as at a stop; another takes it then. All are given up as soon as the locks may be lost.
    """
    async with postgres.connect() as opened:
        locks = _Locks(await opened.execution_options(isolation_level="AUTOCOMMIT"), job)
        turns: dict[int, _Turn] = {}
        try:
            await locks.take_part()
            while not stop.is_set():
                share = math.ceil(partitions / await locks.processes())
                await _release(locks, turns, share)
                await _take(locks, turns, share, partitions, work)
                await _look_away(turns, stop)
            for turn in turns.values():
                turn.stop.set()
            await asyncio.gather(*(turn.working for turn in turns.values()))
        finally:
            for turn in turns.values():
                turn.working.cancel()
            await asyncio.gather(*(turn.working for turn in turns.values()), return_exceptions=True)
            # Returned to the pool the connection would keep the locks.
            await opened.invalidate()


async def taking_part(postgres: AsyncEngine, job: str) -> int:
    """How many processes take part in a job."""
    async with postgres.connect() as connection:
        return int((await connection.execute(text(_TAKING_PART), {"job": job})).scalar_one())


class _Locks:
    """The advisory locks of a job: number 0 is shared by all that take part, the others belong to the partitions."""

    def __init__(self, connection: AsyncConnection, job: str) -> None:
        self._connection = connection
        self._job = job

    async def take_part(self) -> None:
        await self._ask("SELECT pg_advisory_lock_shared(hashtext(:job), 0)")

    async def processes(self) -> int:
        return int(await self._ask(_TAKING_PART))

    async def take(self, partition: int) -> bool:
        return bool(await self._ask("SELECT pg_try_advisory_lock(hashtext(:job), :lock)", lock=partition + 1))

    async def release(self, partition: int) -> None:
        await self._ask("SELECT pg_advisory_unlock(hashtext(:job), :lock)", lock=partition + 1)

    async def _ask(self, query: str, **values: object) -> int:
        # A PostgreSQL that hangs may be one that has given the locks to another.
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return (await self._connection.execute(text(query), {"job": self._job, **values})).scalar_one() or 0


async def _release(locks: _Locks, turns: dict[int, _Turn], share: int) -> None:
    for partition in sorted(turns)[share:]:
        turns[partition].stop.set()
    for partition, turn in list(turns.items()):
        if turn.working.done():
            del turns[partition]
            turn.working.result()
            await locks.release(partition)
            log.info("turn_given_up", partition=partition)


async def _take(locks: _Locks, turns: dict[int, _Turn], share: int, partitions: int, work: Work) -> None:
    for partition in range(partitions):
        if len(turns) >= share:
            return
        if partition not in turns and await locks.take(partition):
            stop = asyncio.Event()
            turns[partition] = _Turn(asyncio.ensure_future(work(partition, stop)), stop)
            log.info("turn_taken", partition=partition)


async def _look_away(turns: dict[int, _Turn], stop: asyncio.Event) -> None:
    """Return after a while, or when something has ended."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait(
            {stopping, *(turn.working for turn in turns.values())}, timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
