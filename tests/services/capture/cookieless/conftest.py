"""Cookieless visitors on a real NATS."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from nats.js.api import StorageType, StreamConfig
from nats.js.kv import KeyValue

from app.backends import Backends
from core.bucket import Bucket
from services.capture.cookieless.degradations import Degradations
from visiting import MakeBucket


@pytest.fixture
def degradations() -> Degradations:
    return Degradations()


@pytest_asyncio.fixture
async def make_bucket(backends: Backends) -> AsyncGenerator[MakeBucket]:
    """Makes as many clients of one bucket as the test has processes; the bucket is empty at first, and comes back when it is deleted."""
    config = StreamConfig(
        name="KV_TESTED",
        subjects=["$KV.TESTED.>"],
        storage=StorageType.MEMORY,
        max_msgs_per_subject=1,
        allow_direct=True,
        allow_msg_ttl=True,
    )

    async def opened() -> KeyValue:
        await backends.jetstream.add_stream(config)
        return await backends.jetstream.key_value("TESTED")

    await opened()
    yield lambda: Bucket(backends.nats, opened)
    await backends.jetstream.delete_stream("KV_TESTED")


@pytest.fixture
def nowhere(backends: Backends) -> Bucket:
    """A bucket that cannot be reached."""

    async def opened() -> KeyValue:
        raise TimeoutError

    return Bucket(backends.nats, opened)
