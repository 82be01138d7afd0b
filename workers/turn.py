"""Lets one process at a time do a job; the others wait to take over."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ASK_EVERY_S = 1.0
_CHECK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 5.0


async def in_turn(postgres: AsyncEngine, job: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run the job while holding PostgreSQL's advisory lock of its name; give it up as soon as the lock may be lost."""
    async with postgres.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        if not await _wait_for_turn(connection, job, stop):
            return
        log.info("turn_taken", job=job)
        try:
            await _run_while_held(connection, run, stop)
        finally:
            # Returned to the pool the connection would keep the lock.
            await connection.invalidate()


async def _wait_for_turn(connection: AsyncConnection, job: str, stop: asyncio.Event) -> bool:
    while not stop.is_set():
        if (await connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:job))"), {"job": job})).scalar_one():
            return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _ASK_EVERY_S)
    return False


async def _run_while_held(connection: AsyncConnection, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    working = asyncio.ensure_future(run(stop))
    try:
        while not (await asyncio.wait({working}, timeout=_CHECK_EVERY_S))[0]:
            # A PostgreSQL that hangs may be one that has given the lock to another.
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await connection.execute(text("SELECT 1"))
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    working.result()
