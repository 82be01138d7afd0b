"""Settles blocks: stores what can be stored, buries what never can, and tells the one from what only can't be stored now.

A message that ClickHouse won't have must not hold up its neighbours, and a ClickHouse that has nothing at all must not bury anything. So a
block that fails is divided, and a message is buried only when it fails alone while neighbours of it are stored.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence

import structlog
from nats.aio.msg import Msg

from core.errors import QueryTooExpensive, RowsUnreadable, StoreFailed, StoreUnavailable
from core.rows import count_rows, without
from core.tombstones import Tombstones
from workers.block import WRITERS, Block, BlockRecord, sequence_of
from workers.dead_letters import DeadLetters
from workers.duplicates import Duplicates
from workers.ledger import Ledger
from workers.partition import Partition
from workers.pull import acknowledge
from workers.store import EventStore
from workers.unwanted import Unwanted
from workers.watch import Dead, Watch

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ATTEMPTS = 3
_ATTEMPT_WAIT_S = 0.5
# So many failures without a block that is stored are ClickHouse's own.
_MOST_FAILURES = 40
_MALFORMED = "This is no row: it has to be a JSON array that begins with an event's id and its project."

_REFUSED = (StoreFailed, QueryTooExpensive, RowsUnreadable)


class Settlement:
    """Puts blocks of one partition into ClickHouse and lets their messages leave the stream."""

    def __init__(  # noqa: PLR0917 (each is another thing)
        self,
        partition: Partition,
        ledger: Ledger,
        store: EventStore,
        duplicates: Duplicates,
        tombstones: Tombstones,
        dead: DeadLetters,
        watch: Watch,
        unwanted: Unwanted | None,
    ) -> None:
        self._partition = partition
        self._ledger = ledger
        self._store = store
        self._duplicates = duplicates
        self._tombstones = tombstones
        self._dead = dead
        self._watch = watch
        self._unwanted = unwanted
        self._last_stored_at = 0

    def follow(self, record: BlockRecord) -> None:
        """Store everything after the block of this record."""
        self._last_stored_at = record.stored_at

    async def settle(self, messages: Sequence[Msg]) -> None:
        """Store the messages, or bury them; raises what ClickHouse answered when it stores none of them."""
        block = Block.of(messages)
        try:
            await self._settle(block, _ATTEMPTS)
        except _REFUSED as error:
            await self._divide(block, error)

    async def _settle(self, block: Block, attempts: int) -> None:
        started = time.perf_counter()
        with self._watch.step("look-up"):
            duplicates = await self._duplicates.dropped(block.rows, block.heads)
            # What was committed before a block begins holds for all of it: workers/erasure relies on that.
            await self._tombstones.refresh()
            erased = self._tombstones.places(block.rows)
            unwanted = (await self._unwanted.refusals()).places(block.rows) if self._unwanted else ()
        dropped = {*duplicates, *erased, *unwanted}.difference(block.heads.malformed)
        record = await self._begin(block, tuple(dropped), dict.fromkeys(block.heads.malformed, _MALFORMED))
        try:
            await self._store_patiently(block, record, attempts)
        except RowsUnreadable:
            unreadable = await self._store.unreadable(block.rows, record)
            record = await self._begin(block, record.dropped, unreadable, record.unburied)
            await self._store.store(block.rows, record)
        except (StoreFailed, QueryTooExpensive):
            await self._abandon(record)
            raise
        self._duplicates.remember(block.heads.ids)
        with self._watch.step("acknowledge"):
            await acknowledge([message for message in block.messages if sequence_of(message) not in record.unburied])
        self._watch.block_stored(block.size - len(record.dropped), len(duplicates))
        self._watch.erased(len(erased))
        self._watch.unwanted(len(unwanted))
        seconds = round(time.perf_counter() - started, 3)
        log.debug("block_stored", rows=block.size, dropped=len(record.dropped), messages=len(block.messages), seconds=seconds)

    async def _store_patiently(self, block: Block, record: BlockRecord, attempts: int) -> None:
        """Try a few times under the same token, because most of what can go wrong passes."""
        for attempt in range(1, attempts):
            try:
                await self._store.store(block.rows, record)
            except (StoreFailed, QueryTooExpensive) as error:
                log.warning("block_not_stored", attempt=attempt, first_seq=record.first_seq, last_seq=record.last_seq, error=error.message)
                self._watch.retried()
                await asyncio.sleep(attempt * _ATTEMPT_WAIT_S)
            else:
                return
        await self._store.store(block.rows, record)

    async def _abandon(self, record: BlockRecord) -> None:
        try:
            await self._store.abandon(record)
        except _REFUSED as error:
            # Starting anew the worker finds the block in the ledger and tries once more to store it as one.
            raise StoreUnavailable(f"A block is stored by halves: {error.message}", hint="`pug doctor` says more.") from error

    async def _divide(self, block: Block, error: Exception) -> None:
        """Find what ClickHouse won't have by halving."""
        # Some of it may be stored: from now on these ids are looked up.
        self._duplicates.remember(block.heads.ids)
        waiting, refused = deque(block.halves), list[tuple[Msg, str]]()
        failures, stored = 1, False
        while waiting and (stored or failures < _MOST_FAILURES):
            part = waiting.popleft()
            try:
                await self._settle(part, attempts=1)
            except _REFUSED as again:
                failures, error = failures + 1, again
                waiting.extend(part.halves)
                if not part.halves:
                    refused.append((part.messages[0], again.message))
            else:
                stored = True
        if not stored:
            raise error
        for message, reason in refused:
            await self._bury_whole(message, reason)

    async def _bury_whole(self, message: Msg, reason: str) -> None:
        """Bury what a message holds, but for the rows of who was erased."""
        rows = without(message.data, self._tombstones.places(message.data))
        if rows and not await self._dead.bury(message, rows, reason):
            return
        if rows:
            self._watch.buried(Dead.REFUSED, count_rows(rows))
        await acknowledge([message])

    async def _begin(self, block: Block, dropped: Sequence[int], dead: Mapping[int, str], unburied: Sequence[int] = ()) -> BlockRecord:
        """Bury the dead rows, given with their reasons, and then write down what is about to be stored, so that a crash loses none."""
        lines, places = (block.rows.split(b"\n"), sorted(dead)) if dead else ([], [])
        kept = set(unburied)
        for place, message in zip(places, block.origins(places), strict=True):
            if await self._dead.bury(message, lines[place], dead[place]):
                self._watch.buried(Dead.UNREADABLE, 1)
            else:
                kept.add(sequence_of(message))
        record = BlockRecord(
            first_seq=sequence_of(block.messages[0]),
            last_seq=sequence_of(block.messages[-1]),
            messages=len(block.messages),
            stored_at=self._stored_at(),
            dropped=tuple(sorted({*dropped, *dead})),
            unburied=tuple(sorted(kept)),
        )
        await self._ledger.write(record)
        return record

    def _stored_at(self) -> int:
        """Now, in microseconds, but later than for any block of the partition before, and not the same as for one of another."""
        earliest = max(time.time_ns() // 1000, self._last_stored_at + 1)
        self._last_stored_at = earliest + (self._partition.number - earliest) % WRITERS
        return self._last_stored_at
