"""The events worker: pulls from the stream, stores large blocks, acknowledges what is stored.

Every block is written into the ledger before it is stored. A worker that starts reads there how far the one before it came: messages before
that block are stored, the block itself is stored again under the same token, and everything after it is new.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from core.errors import RowsUnreadable
from workers.block import BlockRecord, rows_of, sequence_of
from workers.duplicates import Duplicates, ids_of
from workers.ledger import Ledger
from workers.store import EventStore

log: structlog.stdlib.BoundLogger = structlog.get_logger()

STREAM = "EVENTS"
CONSUMER = "events-writer"
_DEAD_SUBJECT = "dead.events"
_FETCH_MESSAGES = 500
_IDLE_WAIT_S = 5.0
# Longer than any retry: a message comes again because a worker starts anew, never because one was slow.
_ACK_WAIT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class BlockSize:
    """When a block is full: at so many rows, or when its first message has waited so long."""

    rows: int
    wait: timedelta


class EventsWorker:
    """Stores the events of the stream. Only one may run at a time; `app/wiring.py` sees to that."""

    def __init__(self, jetstream: JetStreamContext, ledger: Ledger, store: EventStore, duplicates: Duplicates, size: BlockSize) -> None:
        self._jetstream = jetstream
        self._ledger = ledger
        self._store = store
        self._duplicates = duplicates
        self._size = size
        self._last_stored_at = 0
        # Pulled while settling the block before, but after it in the stream.
        self._carried: list[Msg] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; the block in hand is finished first."""
        self._carried = []
        await self._duplicates.remember_stored()
        pulled = await self._subscribe()
        await self._recover(pulled)
        filling = asyncio.create_task(self._fill(pulled))
        stopping = asyncio.create_task(stop.wait())
        try:
            while True:
                await asyncio.wait({filling, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    return
                messages = filling.result()
                # The next block fills while this one is stored.
                filling = asyncio.create_task(self._fill(pulled))
                if messages:
                    await self._store_block(messages)
        finally:
            filling.cancel()
            stopping.cancel()
            await asyncio.gather(filling, stopping, return_exceptions=True)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        """A consumer made anew, which delivers at once, in order, everything not acknowledged yet."""
        try:
            await self._jetstream.delete_consumer(STREAM, CONSUMER)
        except NotFoundError:
            log.info("consumer_created", stream=STREAM, consumer=CONSUMER)
        config = ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
            max_ack_pending=100_000,
            max_deliver=-1,
            filter_subject="events.>",
        )
        return await self._jetstream.pull_subscribe("events.>", durable=CONSUMER, stream=STREAM, config=config)

    async def _recover(self, pulled: JetStreamContext.PullSubscription) -> None:
        """Settle what the worker before this one had begun."""
        record = await self._ledger.read()
        if record is None:
            return
        self._last_stored_at = record.stored_at
        begun: list[Msg] = []
        pending = (await pulled.consumer_info()).num_pending or 0
        for _ in range(pending):
            (message,) = await pulled.fetch(1, timeout=_IDLE_WAIT_S)
            if sequence_of(message) > record.last_seq:
                self._carried.append(message)
                break
            if sequence_of(message) < record.first_seq:
                await message.ack_sync(timeout=_IDLE_WAIT_S)
                continue
            begun.append(message)
            if sequence_of(message) == record.last_seq:
                break
        # Acknowledging starts after storing: a block that has lost messages is stored.
        if len(begun) == record.messages:
            rows = rows_of(begun)
            await self._store.complete(rows, record)
            self._duplicates.remember(ids_of(rows))
        await _acknowledge(begun)
        log.info("block_recovered", first_seq=record.first_seq, last_seq=record.last_seq, messages=len(begun), of=record.messages)

    async def _fill(self, pulled: JetStreamContext.PullSubscription) -> list[Msg]:
        """The messages of the next block, none when nothing came for a while."""
        messages, self._carried = self._carried, []
        try:
            # One at first: a fetch of more would wait for all of them, or for its time to run out.
            messages = messages or await pulled.fetch(1, timeout=_IDLE_WAIT_S)
        except TimeoutError:
            return []
        rows = _count_rows(messages)
        deadline = time.monotonic() + self._size.wait.total_seconds()
        while rows < self._size.rows and (wait := deadline - time.monotonic()) > 0:
            try:
                fetched = await pulled.fetch(_FETCH_MESSAGES, timeout=wait)
            except TimeoutError:
                break
            messages += fetched
            rows += _count_rows(fetched)
        return messages

    async def _store_block(self, messages: Sequence[Msg]) -> None:
        started = time.perf_counter()
        rows = rows_of(messages)
        ids = ids_of(rows)
        dropped = await self._duplicates.dropped(rows, ids)
        record = BlockRecord(sequence_of(messages[0]), sequence_of(messages[-1]), len(messages), self._stored_at(), dropped)
        await self._ledger.write(record)
        try:
            await self._store.store(rows, record)
        except RowsUnreadable:
            record = await self._without_unreadable(rows, record)
            await self._ledger.write(record)
            await self._store.store(rows, record)
        self._duplicates.remember(ids)
        await _acknowledge(messages)
        log.debug(
            "block_stored", rows=len(ids), dropped=len(dropped), messages=len(messages), seconds=round(time.perf_counter() - started, 3)
        )

    async def _without_unreadable(self, rows: bytes, record: BlockRecord) -> BlockRecord:
        """Put the rows that can never be stored with the dead letters, and the rest under a record of its own."""
        unreadable = await self._store.unreadable(rows, record)
        lines = rows.split(b"\n")
        for place, reason in unreadable.items():
            headers = {"Pug-Reason": reason[:1000].replace("\n", " "), "Pug-Stream-Sequences": f"{record.first_seq}-{record.last_seq}"}
            await self._jetstream.publish(_DEAD_SUBJECT, lines[place], headers=headers)
            log.error("event_dead", reason=reason, first_seq=record.first_seq, last_seq=record.last_seq)
        return replace(record, stored_at=self._stored_at(), dropped=tuple(sorted({*record.dropped, *unreadable})))

    def _stored_at(self) -> int:
        """Now, in microseconds, but later than for any block before."""
        self._last_stored_at = max(time.time_ns() // 1000, self._last_stored_at + 1)
        return self._last_stored_at


def _count_rows(messages: Sequence[Msg]) -> int:
    return sum(message.data.count(b"\n") + 1 for message in messages)


async def _acknowledge(messages: Sequence[Msg]) -> None:
    for message in messages:
        await message.ack()
