import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backends import Backends, open_clickhouse, open_nats, open_postgres, open_store
from app.embedded.folder import DataFolder, open_folder
from app.migrate import migrate, migrate_clickhouse
from core.clickhouse import ClickHouse
from core.settings import Settings
from pug_process import end_what_was_left
from story import Store, next_project

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background has Ctrl-C ignored, by whatever the tests start, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

FRONT = Path(__file__).parents[1] / "tools/engines/clickhouse_front.py"


def pytest_sessionfinish() -> None:
    """Also where a test failed, or all were told to stop."""
    end_what_was_left()


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


@pytest.fixture(scope="session")
def front_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """ClickHouse's HTTP interface, over a chDB of its own in another process."""
    process = subprocess.Popen(
        [sys.executable, str(FRONT), str(tmp_path_factory.mktemp("front"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.communicate(timeout=30)


@pytest_asyncio.fixture(scope="session")
async def clickhouse_over_http(front_url: str) -> AsyncGenerator[ClickHouse]:
    """ClickHouse through the driver's HTTP client: our front, or the server that PUG_TEST_CLICKHOUSE_URL names."""
    engine = open_clickhouse(os.environ.get("PUG_TEST_CLICKHOUSE_URL", front_url), connections=4, memory_bytes=2**30)
    await migrate_clickhouse(engine)
    yield engine
    await engine.close()


@pytest.fixture(params=["embedded", "http"])
def engine(request: pytest.FixtureRequest) -> ClickHouse:
    """The same engine by both ways there are to it."""
    return request.getfixturevalue("clickhouse" if request.param == "embedded" else "clickhouse_over_http")


@pytest.fixture
def store(clickhouse: ClickHouse) -> Store:
    """A project of the test's own."""
    return Store(clickhouse, next_project())
