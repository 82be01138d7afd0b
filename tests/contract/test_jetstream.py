"""What we rely on of JetStream."""

import asyncio
import os
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import pytest_asyncio
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, KeyWrongLastSequenceError

from app.backends import Backends
from app.migrate import open_bucket
from core.bucket import Bucket
from core.errors import StreamFull, StreamUnavailable
from core.settings import Settings
from core.stream import RowPublisher, state_of
from visiting import is_gone

LIMIT = 64 * 1024
SUBJECT = "contract.rows"


@pytest.fixture
def jetstream(backends: Backends) -> JetStreamContext:
    return backends.jetstream


@pytest_asyncio.fixture
async def stream(jetstream: JetStreamContext) -> AsyncGenerator[str]:
    """A stream as EVENTS is, but small."""
    config = StreamConfig(
        name="CONTRACT",
        subjects=["contract.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=LIMIT,
        duplicate_window=120,
    )
    await jetstream.add_stream(config)
    yield "CONTRACT"
    await jetstream.delete_stream("CONTRACT")


async def test_a_full_stream_refuses_and_keeps_what_it_has(jetstream: JetStreamContext, stream: str) -> None:
    accepted = await publish_until_refused(jetstream)

    state = (await jetstream.stream_info(stream)).state
    assert 10 < accepted < 16
    assert (state.messages, state.first_seq) == (accepted, 1)


async def test_of_a_batch_a_full_stream_refuses_nothing_is_accepted_and_it_says_so(backends: Backends, stream: str) -> None:
    await publish_until_refused(backends.jetstream)
    before = (await backends.jetstream.stream_info(stream)).state

    with pytest.raises(StreamFull) as refused:
        await RowPublisher(backends.nats, backends.jetstream, SUBJECT).publish(b"x" * 4096)

    assert refused.value.retry_after
    assert (await backends.jetstream.stream_info(stream)).state.last_seq == before.last_seq


async def publish_until_refused(jetstream: JetStreamContext) -> int:
    for accepted in range(100):
        try:
            await jetstream.publish(SUBJECT, os.urandom(4096))
        except APIError as error:
            assert error.description == "maximum bytes exceeded"  # noqa: PT017 (the error is the end of the loop)
            return accepted
    pytest.fail("never refused")


async def test_what_is_acknowledged_leaves_the_stream_and_makes_room(jetstream: JetStreamContext, stream: str) -> None:
    for number in range(3):
        await jetstream.publish(SUBJECT, str(number).encode())
    reading = await jetstream.pull_subscribe(SUBJECT, durable="reader", stream=stream)
    first, second, third = await reading.fetch(3, timeout=5)

    await first.ack_sync()
    await third.ack_sync()

    state = (await jetstream.stream_info(stream)).state
    assert (second.data, state.messages, state.first_seq) == (b"1", 1, 2)


async def test_what_is_not_acknowledged_comes_again(jetstream: JetStreamContext, stream: str) -> None:
    await jetstream.publish(SUBJECT, b"row")
    reading = await jetstream.pull_subscribe(SUBJECT, durable="reader", stream=stream, config=ConsumerConfig(ack_wait=0.2))

    (first,) = await reading.fetch(1, timeout=5)
    await asyncio.sleep(0.3)
    (again,) = await reading.fetch(1, timeout=5)

    assert (first.data, again.data, again.metadata.num_delivered) == (b"row", b"row", 2)
    await again.ack_sync()


async def test_a_message_id_that_comes_again_is_acknowledged_and_not_stored(jetstream: JetStreamContext, stream: str) -> None:
    first = await jetstream.publish(SUBJECT, b"row", headers={"Nats-Msg-Id": "one"})
    again = await jetstream.publish(SUBJECT, b"row", headers={"Nats-Msg-Id": "one"})

    assert (first.duplicate, again.duplicate, again.seq) == (None, True, first.seq)
    assert (await jetstream.stream_info(stream)).state.messages == 1


async def test_a_message_may_have_eight_megabytes(jetstream: JetStreamContext, backends: Backends) -> None:
    await jetstream.publish("dead.contract", bytes(8 * 2**20 - 1024))

    assert backends.nats.max_payload >= 8 * 2**20
    await jetstream.purge_stream("DEAD")


async def test_of_two_who_change_a_key_one_is_refused(jetstream: JetStreamContext) -> None:
    blocks = await jetstream.key_value("BLOCKS")
    revision = await blocks.put("contract", b"0")

    await blocks.update("contract", b"1", last=revision)
    with pytest.raises(KeyWrongLastSequenceError):
        await blocks.update("contract", b"2", last=revision)

    assert (await blocks.get("contract")).value == b"1"
    await blocks.delete("contract")


async def test_a_value_in_memory_is_gone_after_its_time_and_was_never_on_the_disk(backends: Backends, engine_settings: Settings) -> None:
    salts = Bucket(backends.nats, lambda: open_bucket(backends.jetstream, engine_settings, "COOKIELESS_SALTS"))
    secret = os.urandom(32)

    created = await salts.create("contract", secret, timedelta(seconds=0.1))
    taken = await salts.create("contract", bytes(32))

    stored = await salts.get("contract")
    assert (created, taken, stored and stored.value) == (True, False, secret)
    # A stream in a file of this server shows that the folder is the right one.
    await backends.jetstream.publish("dead.contract", b"found on the disk")
    kept = [path.read_bytes() for path in (backends.folder.path / "nats").rglob("*") if path.is_file()]
    assert any(b"found on the disk" in content for content in kept) == bool(kept)
    assert not any(secret in content for content in kept)
    await backends.jetstream.purge_stream("DEAD")
    assert await is_gone(salts, "contract")


async def test_a_stream_that_is_not_there_is_not_an_empty_one(backends: Backends) -> None:
    with pytest.raises(StreamUnavailable, match="NOWHERE"):
        await state_of(backends.nats, "NOWHERE")
