"""The events worker: pulls from the stream, stores large blocks, acknowledges what is stored.

Every block is written into the ledger before it is stored. A worker that starts reads there which block the one before it had begun, and
stores exactly that again under the same token. All other messages go the ordinary way, where events that are stored already are left out:
nothing is acknowledged that this worker hasn't seen stored.
"""

import asyncio
import contextlib

import structlog
from nats.js.client import JetStreamContext

from core.errors import QueryTooExpensive, RowsUnreadable, StoreFailed
from core.instruments import Instruments
from core.tombstones import Tombstones
from workers.block import Block, BlockRecord, sequence_of
from workers.block_lock import BlockLock
from workers.dead_letters import DeadLetters
from workers.duplicates import Duplicates
from workers.ledger import Ledger
from workers.partition import Partition
from workers.pause import Pause
from workers.pull import BlockSize, Pull, acknowledge
from workers.settlement import Settlement
from workers.store import EventStore
from workers.unwanted import Unwanted
from workers.watch import Watch

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class EventsWorker:
    """Stores the events of a partition. Only one may run at a time: turn.py sees to it, and the ledger refuses an overtaken one."""

    def __init__(
        self,
        partition: Partition,
        jetstream: JetStreamContext,
        *,
        ledger: Ledger,
        store: EventStore,
        duplicates: Duplicates,
        tombstones: Tombstones,
        size: BlockSize,
        watch: Watch | None = None,
        block_lock: BlockLock | None = None,
        unwanted: Unwanted | None = None,
        pause: Pause | None = None,
    ) -> None:
        """With a `block_lock` it waits while somebody needs the tables to keep still (workers/removal); what is `unwanted` is left out."""
        self._partition = partition
        self._jetstream = jetstream
        self._ledger = ledger
        self._store = store
        self._duplicates = duplicates
        self._size = size
        self._watch = watch or Watch(Instruments.none())
        self._pause = pause or Pause()
        self._block = block_lock.block if block_lock else contextlib.nullcontext
        self._settlement = Settlement(partition, ledger, store, duplicates, tombstones, DeadLetters(jetstream), self._watch, unwanted)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; the block in hand is finished first."""
        begun = await self._ledger.take_over()
        await self._duplicates.remember_stored()
        pull = await Pull.start(self._jetstream, self._partition)
        if begun:
            async with self._pause.storing(), self._block():
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
                    async with self._pause.storing(), self._block():
                        with self._watch.block(messages):
                            await self._settlement.settle(messages)
        finally:
            filling.cancel()
            stopping.cancel()
            await asyncio.gather(filling, stopping, return_exceptions=True)

    async def _recover(self, pull: Pull, record: BlockRecord) -> None:
        """Store the block the worker before this one had begun, if all of it is still there; the rest goes the ordinary way."""
        self._settlement.follow(record)
        messages = await pull.until(record.last_seq)
        begun = [message for message in messages if sequence_of(message) >= record.first_seq]
        if not begun:
            pull.put_back(messages)
            return
        block = Block.of(begun)
        whole = len(begun) == record.messages and await self._stored_again(block.rows, record)
        # All or some of it is stored: from now on these ids are looked up.
        self._duplicates.remember(block.heads.ids)
        if not whole:
            # Its messages have begun to leave the stream, so it was stored; or it cannot be stored as one block.
            pull.put_back(messages)
            return
        staying = [message for message in begun if sequence_of(message) in record.unburied]
        await acknowledge([message for message in begun if sequence_of(message) not in record.unburied])
        self._watch.block_stored(block.size - len(record.dropped), len(record.dropped))
        pull.put_back([*messages[: len(messages) - len(begun)], *staying])
        log.info("block_recovered", first_seq=record.first_seq, last_seq=record.last_seq, messages=record.messages)

    async def _stored_again(self, rows: bytes, record: BlockRecord) -> bool:
        try:
            await self._store.complete(rows, record)
        except (RowsUnreadable, StoreFailed, QueryTooExpensive) as error:
            log.warning("block_not_recovered", first_seq=record.first_seq, last_seq=record.last_seq, error=error.message)
            return False
        return True
