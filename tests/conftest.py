import os
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from app.backends import Backends, open_nats, open_postgres, open_store
from app.embedded.folder import DataFolder, open_folder
from app.migrate import migrate, migrate_clickhouse
from core.clickhouse import ClickHouse
from core.settings import Settings
from story import Store, next_project


@pytest.fixture(scope="session")
def engine_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Embedded engines in a folder of this run; or the servers at PUG_TEST_CLICKHOUSE_URL, PUG_TEST_NATS_URL, PUG_TEST_POSTGRES_URL."""
    urls = {name: os.environ.get(f"PUG_TEST_{name}", "") for name in ("CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL")}
    return Settings.model_validate({"data_dir": tmp_path_factory.mktemp("engines"), "stream_max_bytes": 2**26, **urls})


@pytest_asyncio.fixture(scope="session")
async def folder(engine_settings: Settings) -> AsyncGenerator[DataFolder]:
    """The data folder of the embedded engines under test."""
    async with open_folder(engine_settings.data_dir) as folder:
        yield folder


@pytest_asyncio.fixture(scope="session")
async def clickhouse(engine_settings: Settings, folder: DataFolder) -> AsyncGenerator[ClickHouse]:
    """ClickHouse, migrated: one for the whole run, because a process can open one chDB folder."""
    async with open_store(engine_settings, folder) as engine:
        await migrate_clickhouse(engine)
        yield engine


@pytest_asyncio.fixture(scope="session")
async def backends(engine_settings: Settings, folder: DataFolder, clickhouse: ClickHouse) -> AsyncGenerator[Backends]:
    """All engines, migrated; one set for the whole run."""
    async with open_nats(engine_settings, folder) as nats, open_postgres(engine_settings, folder) as postgres:
        engines = Backends(clickhouse, nats, nats.jetstream(), postgres, folder)
        await migrate(engines, engine_settings)
        yield engines


@pytest.fixture
def store(clickhouse: ClickHouse) -> Store:
    """A project of the test's own."""
    return Store(clickhouse, next_project())
