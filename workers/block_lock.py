"""Blocks are stored while a lock is held that all writers share; a removal holds it alone when tables must keep still."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOCK = "hashtext('events-blocks'), 0"
_TAKE = text(f"SELECT pg_advisory_lock_shared({_LOCK})")
_GIVE = text(f"SELECT pg_advisory_unlock_shared({_LOCK})")
_TAKE_ALONE = text(f"SELECT pg_advisory_lock({_LOCK})")
_GIVE_ALONE = text(f"SELECT pg_advisory_unlock({_LOCK})")
# PostgreSQL lets a session that has the lock have it again, past those who wait: so blocks that overlap must end now and then.
_LONGEST_S = 0.2


class BlockLock:
    """PostgreSQL's advisory lock, shared by the blocks of all processes; those of one process have it together."""

    def __init__(self, postgres: AsyncEngine) -> None:
        """One connection is taken from the pool while any block is stored."""
        self._postgres = postgres
        self._entering = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._blocks = 0
        self._none = asyncio.Event()
        self._taken_at = 0.0
        self._connection: AsyncConnection | None = None

    @contextlib.asynccontextmanager
    async def block(self) -> AsyncGenerator[None]:
        """While a block is stored; waits as long as somebody holds the lock alone."""
        async with self._entering:
            if self._blocks and time.monotonic() - self._taken_at > _LONGEST_S:
                await self._none.wait()
            async with self._asking:
                if not self._blocks:
                    await self._take()
                self._blocks += 1
                self._none.clear()
        try:
            yield
        finally:
            async with self._asking:
                self._blocks -= 1
                if not self._blocks:
                    self._none.set()
                    await self._give()

    async def _take(self) -> None:
        opened = await self._postgres.connect()
        try:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(_TAKE)
        except BaseException:
            # It may have the lock, or get it.
            await opened.invalidate()
            await opened.close()
            raise
        self._connection, self._taken_at = connection, time.monotonic()

    async def _give(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.execute(_GIVE)
        except BaseException:
            await connection.invalidate()
            raise
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def alone(connection: AsyncConnection) -> AsyncGenerator[None]:
    """While no block is stored, on a connection of its own that commits at once."""
    await connection.execute(_TAKE_ALONE)
    began = time.monotonic()
    try:
        yield
    finally:
        await connection.execute(_GIVE_ALONE)
        log.debug("writers_held", seconds=round(time.monotonic() - began, 3))
