"""Waits for the moment at which no block is half stored: every event is in ClickHouse, or in the stream, or recognised as being in both."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from nats.js.client import JetStreamContext
from nats.js.errors import KeyNotFoundError, NotFoundError

from core.errors import StoreUnavailable
from core.stream import partitions_of
from workers.block import BlockRecord
from workers.partition import STREAM, Partition
from workers.pause import Pause

LEDGER = "BLOCKS"
_WITHIN_S = 120.0
_ACKNOWLEDGED_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.05
_TRY_AGAIN_S = 0.5


@asynccontextmanager
async def settled(jetstream: JetStreamContext, pause: Pause) -> AsyncGenerator[None]:
    """While nothing is stored and no block is in doubt.

    After a crash a block in doubt is stored again under its token, by which ClickHouse knows what it has of it. A copy of ClickHouse knows
    no tokens, so such a block has to be settled first.
    """
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until:
        async with pause.held():
            if await _nothing_in_doubt(jetstream):
                yield
                return
        # Its worker has to get on.
        await asyncio.sleep(_TRY_AGAIN_S)
    raise StoreUnavailable(
        "A block of events is stored by halves, and no worker settles it.",
        hint="Start Pug, and see what `pug doctor` and `pug status` say.",
    )


async def _nothing_in_doubt(jetstream: JetStreamContext) -> bool:
    # Whoever settled a block does not wait for JetStream to let its messages go.
    until = time.monotonic() + _ACKNOWLEDGED_WITHIN_S
    while await _any_in_doubt(jetstream):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True


async def _any_in_doubt(jetstream: JetStreamContext) -> bool:
    partitions = partitions_of((await jetstream.stream_info(STREAM)).config)
    ledger = await jetstream.key_value(LEDGER)
    for partition in (Partition(number, partitions) for number in range(partitions)):
        try:
            entry = await ledger.get(partition.worker)
        except KeyNotFoundError:
            continue
        if await _waits(jetstream, partition, BlockRecord.from_bytes(entry.value or b"")):
            return True
    return False


async def _waits(jetstream: JetStreamContext, partition: Partition, record: BlockRecord) -> bool:
    """Whether any message of the block is still in the stream, but for those that stay there because they can't be buried."""
    for subject in partition.subjects:
        sequence = record.first_seq
        while sequence <= record.last_seq:
            try:
                found = await jetstream.get_msg(STREAM, sequence, subject=subject, next=True)
            except NotFoundError:
                break
            if found.seq is None or found.seq > record.last_seq:
                break
            if found.seq not in record.unburied:
                return True
            sequence = found.seq + 1
    return False
