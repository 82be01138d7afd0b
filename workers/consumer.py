"""Keeps a worker running: whatever stops it but a request to stop, it is started anew."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import nats.errors
import nats.js.errors
import structlog
from sqlalchemy.exc import DBAPIError

from core.errors import PugError

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_HEALTHY_AFTER = timedelta(minutes=1)


async def keep_running(name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run until told to stop. After a failure the wait doubles up to 30 seconds, and starts over once a run has lasted a minute.

    Failures are an engine's that is away: what the worker had in hand is still in the stream, so nothing is lost by starting anew.
    """
    wait = _FIRST_WAIT_S
    while not stop.is_set():
        started = time.monotonic()
        try:
            await run(stop)
        except Exception as error:  # noqa: BLE001 (a worker outlives whatever its engines do)
            if time.monotonic() - started > _HEALTHY_AFTER.total_seconds():
                wait = _FIRST_WAIT_S
            _tell(name, wait, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)


def _tell(name: str, wait: float, error: Exception) -> None:
    if isinstance(error, (PugError, DBAPIError, nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)):
        # An engine is away, which is no mystery: the first line says it.
        text = str(error).partition("\n")[0] or type(error).__name__
        log.warning("worker_restarts", worker=name, after_seconds=wait, error=text)
    else:
        log.error("worker_restarts", worker=name, after_seconds=wait, exc_info=error)
