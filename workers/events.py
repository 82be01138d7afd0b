"""The events worker: pulls from the stream, stores large blocks, acknowledges what is stored.

Every block is written into the ledger before it is stored. A worker that starts reads there which block the one before it had begun, and
stores exactly that again under the same token. All other messages go the ordinary way, where events that are stored already are left out:
nothing is acknowledged that this worker hasn't seen stored.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from core.errors import QueryTooExpensive, RowsUnreadable, StoreFailed
from workers.block import BlockRecord, rows_of
from workers.duplicates import Duplicates, ids_of
from workers.ledger import Ledger
from workers.pull import BlockSize, Pull, acknowledge, sequence_of
from workers.store import EventStore

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_DEAD_SUBJECT = "dead.events"
_ATTEMPTS = 3
_ATTEMPT_WAIT_S = 0.5


class EventsWorker:
    """Stores the events of the stream. Only one may run at a time: `app/wiring.py` sees to it, and the ledger refuses an overtaken one."""

    def __init__(self, jetstream: JetStreamContext, ledger: Ledger, store: EventStore, duplicates: Duplicates, size: BlockSize) -> None:
        self._jetstream = jetstream
        self._ledger = ledger
        self._store = store
        self._duplicates = duplicates
        self._size = size
        self._last_stored_at = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; the block in hand is finished first."""
        begun = await self._ledger.take_over()
        await self._duplicates.remember_stored()
        pull = await Pull.start(self._jetstream)
        if begun:
            await self._recover(pull, begun)
        filling = asyncio.create_task(pull.fill(self._size))
        stopping = asyncio.create_task(stop.wait())
        try:
            while True:
                await asyncio.wait({filling, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    return
                messages = filling.result()
                # The next block fills while this one is stored.
                filling = asyncio.create_task(pull.fill(self._size))
                if messages:
                    await self._settle(messages)
        finally:
            filling.cancel()
            stopping.cancel()
            await asyncio.gather(filling, stopping, return_exceptions=True)

    async def _recover(self, pull: Pull, record: BlockRecord) -> None:
        """Store the block the worker before this one had begun, if all of it is still there; the rest goes the ordinary way."""
        self._last_stored_at = record.stored_at
        messages = await pull.until(record.last_seq)
        block = [message for message in messages if sequence_of(message) >= record.first_seq]
        rows = rows_of(block)
        whole = len(block) == record.messages and await self._stored_again(rows, record)
        # All or some of it is stored: from now on these ids are looked up.
        self._duplicates.remember(ids_of(rows))
        if not whole:
            # Its messages have begun to leave the stream, so it was stored; or it cannot be stored as one block.
            pull.put_back(messages)
            return
        await acknowledge(block)
        pull.put_back(messages[: len(messages) - len(block)])
        log.info("block_recovered", first_seq=record.first_seq, last_seq=record.last_seq, messages=record.messages)

    async def _stored_again(self, rows: bytes, record: BlockRecord) -> bool:
        try:
            await self._store.complete(rows, record)
        except (RowsUnreadable, StoreFailed, QueryTooExpensive) as error:
            log.warning("block_not_recovered", first_seq=record.first_seq, last_seq=record.last_seq, error=error.message)
            return False
        return True

    async def _settle(self, messages: Sequence[Msg]) -> None:
        """Store the messages as one block; when ClickHouse won't have it, as two."""
        started = time.perf_counter()
        rows = rows_of(messages)
        ids = ids_of(rows)
        dropped = await self._duplicates.dropped(rows, ids)
        record = BlockRecord(sequence_of(messages[0]), sequence_of(messages[-1]), len(messages), self._stored_at(), dropped)
        await self._ledger.write(record)
        try:
            await self._store_patiently(rows, record)
        except RowsUnreadable:
            record = await self._without_unreadable(rows, record)
            await self._ledger.write(record)
            await self._store.store(rows, record)
        except (StoreFailed, QueryTooExpensive) as error:
            # Some of it may be stored: from now on these ids are looked up.
            self._duplicates.remember(ids)
            await self._divide(messages, error.message)
            return
        self._duplicates.remember(ids)
        await acknowledge(messages)
        log.debug(
            "block_stored", rows=len(ids), dropped=len(dropped), messages=len(messages), seconds=round(time.perf_counter() - started, 3)
        )

    async def _store_patiently(self, rows: bytes, record: BlockRecord) -> None:
        """Try a few times under the same token, because most of what can go wrong passes."""
        for attempt in range(1, _ATTEMPTS):
            try:
                await self._store.store(rows, record)
            except (StoreFailed, QueryTooExpensive) as error:
                log.warning("block_not_stored", attempt=attempt, first_seq=record.first_seq, last_seq=record.last_seq, error=error.message)
                await asyncio.sleep(attempt * _ATTEMPT_WAIT_S)
            else:
                return
        await self._store.store(rows, record)

    async def _divide(self, messages: Sequence[Msg], reason: str) -> None:
        """One bad message must not hold up its neighbours: find it by halving, and bury it."""
        if len(messages) == 1:
            await self._bury(messages[0].data, reason, sequence_of(messages[0]))
            await acknowledge(messages)
            return
        middle = len(messages) // 2
        await self._settle(messages[:middle])
        await self._settle(messages[middle:])

    async def _without_unreadable(self, rows: bytes, record: BlockRecord) -> BlockRecord:
        """Bury the rows that can never be read, and give the rest a record of its own."""
        unreadable = await self._store.unreadable(rows, record)
        lines = rows.split(b"\n")
        for place, reason in unreadable.items():
            await self._bury(lines[place], reason, record.last_seq)
        return replace(record, stored_at=self._stored_at(), dropped=tuple(sorted({*record.dropped, *unreadable})))

    async def _bury(self, rows: bytes, reason: str, sequence: int) -> None:
        headers = {"Pug-Reason": reason[:1000].replace("\n", " "), "Pug-Stream-Sequence": str(sequence)}
        await self._jetstream.publish(_DEAD_SUBJECT, rows, headers=headers)
        log.error("rows_buried", reason=reason, rows=rows.count(b"\n") + 1, sequence=sequence)

    def _stored_at(self) -> int:
        """Now, in microseconds, but later than for any block before."""
        self._last_stored_at = max(time.time_ns() // 1000, self._last_stored_at + 1)
        return self._last_stored_at
