import os
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from app.backends import Backends
from app.migrate import open_bucket
from core.settings import Settings


@pytest_asyncio.fixture
async def engines(backends: Backends, engine_settings: Settings) -> AsyncGenerator[Backends]:
    """The embedded engines, with an empty stream of events and no block in the ledger."""
    if any(os.environ.get(f"PUG_TEST_{name}") for name in ("CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL")):
        pytest.skip("backs up embedded engines")
    ledger = await open_bucket(backends.jetstream, engine_settings, "BLOCKS")
    await backends.jetstream.purge_stream("EVENTS")
    await ledger.purge("events-writer")
    yield backends
    await backends.jetstream.purge_stream("EVENTS")
    await ledger.purge("events-writer")
