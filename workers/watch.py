"""Watches the events worker: counts what became of the rows, and traces each block on from the messages it is made of."""

import contextlib
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from nats.aio.msg import Msg
from opentelemetry.trace import Span, SpanKind

from core.instruments import SECONDS, Counter, Instruments
from core.pulse import Block
from core.tracing import TRACEPARENT, current, sender_of, start, step

_ROWS = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000)
_EVENT = "{event}"


class Dead(StrEnum):
    """Why rows were buried: these few, whatever ClickHouse says."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"


class Watch:
    """One for all the parts of a worker."""

    def __init__(self, instruments: Instruments) -> None:
        meter = instruments.meter
        self._pulse = instruments.pulse
        self._last_insert_s = 0.0
        self._tracer = instruments.tracer
        self._stored = Counter(meter, "pug.events.stored", "Events that are in ClickHouse.", unit=_EVENT)
        self._duplicates = Counter(meter, "pug.events.duplicate", "Events left out because they were stored already.", unit=_EVENT)
        self._erased = Counter(meter, "pug.events.erased", "Events left out because their person was erased.", unit=_EVENT)
        self._unwanted = Counter(
            meter, "pug.events.unwanted", "Events left out because their project is deleted or keeps none of their time.", unit=_EVENT
        )
        self._dead = Counter(
            meter, "pug.events.dead", "Events that became dead letters, by reason.", unit=_EVENT, label="reason", known=Dead
        )
        self._retries = Counter(meter, "pug.block.retries", "Inserts that failed and were tried again.", unit="{insert}")
        self._rows = meter.create_histogram(
            "pug.block.rows", "{event}", "Events of a block that were stored.", explicit_bucket_boundaries_advisory=_ROWS
        )
        self._insert_seconds = meter.create_histogram(
            "pug.block.insert", "s", "ClickHouse's time for one insert.", explicit_bucket_boundaries_advisory=SECONDS
        )

    @contextlib.contextmanager
    def block(self, messages: Sequence[Msg]) -> Generator[None]:
        """While these messages are made into a block and stored."""
        senders = [sender_of(message.headers) for message in messages if message.headers and TRACEPARENT in message.headers]
        if self._tracer is None or not senders:
            yield
            return
        span = start(self._tracer, "block", SpanKind.CONSUMER, senders)
        span.set_attribute("pug.messages", len(messages))
        with current(span):
            yield

    def step(self, name: str) -> contextlib.AbstractContextManager[Span]:
        """A part of what is done with a block."""
        return step(self._tracer, name)

    @contextlib.contextmanager
    def insert(self) -> Generator[None]:
        """While ClickHouse stores rows."""
        started = time.perf_counter()
        try:
            with self.step("insert"):
                yield
        finally:
            self._last_insert_s = time.perf_counter() - started
            self._insert_seconds.record(self._last_insert_s)

    def block_stored(self, stored: int, duplicates: int) -> None:
        """A block is stored and acknowledged."""
        self._stored.add(stored)
        self._duplicates.add(duplicates)
        self._rows.record(stored)
        self._pulse.stored.add(stored)
        self._pulse.last_block = Block(datetime.now(UTC), stored, self._last_insert_s)

    def erased(self, rows: int) -> None:
        """Rows of who was erased were left out."""
        self._erased.add(rows)

    def unwanted(self, rows: int) -> None:
        """Rows were left out that their project doesn't keep."""
        self._unwanted.add(rows)

    def retried(self) -> None:
        """An insert failed and is tried again."""
        self._retries.add(1)

    def buried(self, reason: Dead, rows: int) -> None:
        """Rows became a dead letter."""
        self._dead.add(rows, reason)
