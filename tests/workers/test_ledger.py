"""The record of the block that a worker is storing."""

import pytest
import pytest_asyncio
from nats.js.errors import KeyWrongLastSequenceError

from app.backends import Backends
from workers.block import BlockRecord
from workers.ledger import LEDGER, Ledger, block_in_hand
from workers.partition import Partition

ONLY = Partition(0, 1)


async def ledger(backends: Backends) -> Ledger:
    return Ledger(await backends.jetstream.key_value(LEDGER), ONLY.worker)


@pytest_asyncio.fixture(params=["no record", "a removed record", "a record"])
async def backends_with(request: pytest.FixtureRequest, backends: Backends) -> Backends:
    """The engines, with what the worker before may have left in the ledger."""
    # Unlike the bucket's own purge it leaves no marker.
    await backends.jetstream.purge_stream(f"KV_{LEDGER}", subject=f"$KV.{LEDGER}.{ONLY.worker}")
    if request.param != "no record":
        before = await ledger(backends)
        await before.take_over()
        await before.write(BlockRecord(1, 1, 1, 1))
    if request.param == "a removed record":
        await (await backends.jetstream.key_value(LEDGER)).delete(ONLY.worker)
    return backends


async def test_a_worker_that_was_overtaken_stores_nothing_more(backends_with: Backends) -> None:
    backends = backends_with
    overtaken, newer = await ledger(backends), await ledger(backends)
    await overtaken.take_over()
    await newer.take_over()

    with pytest.raises(KeyWrongLastSequenceError):
        await overtaken.write(BlockRecord(1, 1, 1, 1))
    await newer.write(BlockRecord(1, 1, 1, 2))


async def test_a_worker_that_took_over_and_has_no_block_yet_changes_nothing_of_the_last(backends_with: Backends) -> None:
    bucket = await backends_with.jetstream.key_value(LEDGER)
    last = await block_in_hand(bucket, ONLY.worker)

    assert await (await ledger(backends_with)).take_over() == last
    assert await block_in_hand(bucket, ONLY.worker) == last
    assert await (await ledger(backends_with)).take_over() == last


async def test_a_worker_goes_on_after_its_record_was_removed_by_hand(backends: Backends) -> None:
    removed, after = await ledger(backends), await ledger(backends)
    await removed.take_over()
    await removed.write(BlockRecord(1, 1, 1, 1))
    await (await backends.jetstream.key_value(LEDGER)).delete(ONLY.worker)

    assert await after.take_over() is None
    await after.write(BlockRecord(1, 1, 1, 2))
    with pytest.raises(KeyWrongLastSequenceError):
        await removed.write(BlockRecord(1, 1, 1, 3))
