"""Does what a caller must not have to wait for, or must not learn the time of."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta

import structlog

from core.errors import PugError, TooManyRequests

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_AT_ONCE = 1_000
_SOON = timedelta(seconds=5)


class Errands:
    """Work under way beside the calls."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._under_way: set[asyncio.Task[None]] = set()

    def run(self, name: str, errand: Coroutine[object, object, None]) -> None:
        """Begin; what goes wrong is logged under the name. Raises TooManyRequests when too much is under way."""
        if len(self._under_way) >= self._at_once:
            errand.close()
            raise TooManyRequests("Too much is waiting to be sent.", hint="Try again in a moment.", retry_after=_SOON)
        task = asyncio.create_task(_logged(name, errand))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Wait for all that is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)


async def _logged(name: str, errand: Coroutine[object, object, None]) -> None:
    try:
        await errand
    except PugError as error:
        log.warning("errand_failed", errand=name, reason=error.reason, error=error.message)
    except Exception:
        log.exception("errand_failed", errand=name)
