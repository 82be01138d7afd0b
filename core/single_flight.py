"""Does one thing at a time for all who ask for the same."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(slots=True)
class _Flight(Generic[Value]):
    task: asyncio.Task[Value]
    waiting: int = 0


class SingleFlight(Generic[Key, Value]):
    """Whoever asks for what is being done already waits for that; all of it happens on the event loop, between two awaits."""

    def __init__(self) -> None:
        self._flights: dict[Key, _Flight[Value]] = {}

    async def run(self, key: Key, do: Callable[[], Awaitable[Value]]) -> Value:
        """What `do` returns, or raises; it is cancelled when nobody waits for it any more."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._fly(key, do)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._flights.pop(key, None)
                flight.task.cancel()

    async def _fly(self, key: Key, do: Callable[[], Awaitable[Value]]) -> Value:
        this = asyncio.current_task()
        try:
            return await do()
        finally:
            # Another may have begun since everybody left this one.
            if (flight := self._flights.get(key)) and flight.task is this:
                del self._flights[key]
