"""What waits in the streams, as gauges. NATS is asked again and again beside, so that whoever collects need not wait for it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from nats.aio.client import Client
from opentelemetry.metrics import Meter, Observation

from core.errors import StreamUnavailable
from core.stream import StreamState, state_of

_EVERY_S = 2.0
# Older answers are no answer: the gauges disappear rather than stand still.
_GOOD_FOR_S = 15.0


class Backlog:
    """The stream of what isn't stored yet, and the stream of what never will be."""

    def __init__(self, connection: Client, stream: str, dead_letters: str, meter: Meter) -> None:
        """The gauges are empty until `watch` runs."""
        self._connection = connection
        self._streams = (stream, dead_letters)
        self._states: tuple[StreamState, StreamState] | None = None
        self._asked_at = 0.0

        def gauge(name: str, unit: str, description: str, value: Callable[[StreamState, StreamState], float]) -> None:
            meter.create_observable_gauge(name, [lambda _options: self._observe(value)], unit, description)

        gauge("pug.stream.lag.messages", "{message}", "Messages accepted and not stored yet.", lambda events, _: events.messages)
        gauge("pug.stream", "By", "Bytes accepted and not stored yet.", lambda events, _: events.bytes)
        gauge("pug.stream.lag", "s", "For how long the oldest message has waited to be stored.", lambda events, _: _age(events.oldest))
        gauge("pug.dead.letters", "{message}", "Dead letters nobody has dropped or replayed.", lambda _, dead: dead.messages)

    async def watch(self, stop: asyncio.Event, every_s: float = _EVERY_S) -> None:
        """Keep the gauges fresh until told to stop.

        Not until cancelled: nats-py waits by asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes with the answer.
        """
        while not stop.is_set():
            with contextlib.suppress(StreamUnavailable):
                await self.ask()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)

    async def ask(self) -> None:
        """Ask NATS once; raises StreamUnavailable when it doesn't answer."""
        events, dead = [await state_of(self._connection, stream) for stream in self._streams]
        self._states, self._asked_at = (events, dead), time.monotonic()

    def _observe(self, value: Callable[[StreamState, StreamState], float]) -> Iterable[Observation]:
        if self._states and time.monotonic() - self._asked_at < _GOOD_FOR_S:
            yield Observation(value(*self._states))


def _age(since: datetime | None) -> float:
    return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0
