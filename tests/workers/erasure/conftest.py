from collections.abc import AsyncGenerator

import pytest_asyncio
from sqlalchemy import text

from app.backends import Backends
from core.postgres import transaction
from workers.partition import STREAM

from .household import Household, new_household


@pytest_asyncio.fixture
async def home(backends: Backends) -> AsyncGenerator[Household]:
    """One of the test's own. Nothing another test left waits to be stored, or to be erased."""
    await backends.jetstream.purge_stream(STREAM)
    async with transaction(backends.postgres) as connection:
        await connection.execute(text("DELETE FROM erasures WHERE state IN ('pending', 'running')"))
    yield await new_household(backends)
