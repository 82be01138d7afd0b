"""The record of the block that a worker is storing."""

import pytest
from nats.js.errors import KeyWrongLastSequenceError

from app.backends import Backends
from workers.block import BlockRecord
from workers.ledger import LEDGER, Ledger
from workers.partition import Partition

ONLY = Partition(0, 1)


async def ledger(backends: Backends) -> Ledger:
    return Ledger(await backends.jetstream.key_value(LEDGER), ONLY.worker)


async def test_a_worker_that_was_overtaken_stores_nothing_more(backends: Backends) -> None:
    overtaken, newer = await ledger(backends), await ledger(backends)
    await overtaken.take_over()
    await newer.take_over()

    with pytest.raises(KeyWrongLastSequenceError):
        await overtaken.write(BlockRecord(1, 1, 1, 1))
    await newer.write(BlockRecord(1, 1, 1, 2))


async def test_a_worker_goes_on_after_its_record_was_removed_by_hand(backends: Backends) -> None:
    removed, after = await ledger(backends), await ledger(backends)
    await removed.take_over()
    await removed.write(BlockRecord(1, 1, 1, 1))
    await (await backends.jetstream.key_value(LEDGER)).delete(ONLY.worker)

    assert await after.take_over() is None
    await after.write(BlockRecord(1, 1, 1, 2))
    with pytest.raises(KeyWrongLastSequenceError):
        await removed.write(BlockRecord(1, 1, 1, 3))
