from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from story import Store, next_project

from app.backends import open_clickhouse
from app.migrate import migrate_clickhouse
from core.clickhouse import ClickHouse


@pytest_asyncio.fixture(scope="session")
async def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClickHouse]:
    """The engine under test, migrated: one for the whole run, because a process can open one chDB folder."""
    folder: Path = tmp_path_factory.mktemp("engines")
    engine = open_clickhouse(f"chdb://{folder}/clickhouse", connections=4, memory_bytes=4 * 2**30)
    await migrate_clickhouse(engine)
    yield engine
    await engine.close()


@pytest.fixture
def store(clickhouse: ClickHouse) -> Store:
    """A project of the test's own."""
    return Store(clickhouse, next_project())
