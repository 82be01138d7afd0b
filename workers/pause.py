"""Holds whoever stores, between two blocks: a backup has to see all engines at one moment."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Pause:
    """One for all that stores in a process. What is under way ends first; what would begin meanwhile waits."""

    def __init__(self) -> None:
        self._storing = 0
        self._holding = 0
        self._nobody_stores = _set_event()
        self._nobody_holds = _set_event()

    @asynccontextmanager
    async def storing(self) -> AsyncGenerator[None]:
        """While something is stored that concerns more than one engine: it is not held in the middle."""
        while self._holding:
            await self._nobody_holds.wait()
        self._storing += 1
        self._nobody_stores.clear()
        try:
            yield
        finally:
            self._storing -= 1
            if not self._storing:
                self._nobody_stores.set()

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """While nothing is stored."""
        self._holding += 1
        self._nobody_holds.clear()
        try:
            while self._storing:
                await self._nobody_stores.wait()
            yield
        finally:
            self._holding -= 1
            if not self._holding:
                self._nobody_holds.set()


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
