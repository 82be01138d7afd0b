import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backends import open_clickhouse
from app.migrate import migrate_clickhouse
from core.clickhouse import ClickHouse

FRONT = Path(__file__).with_name("clickhouse_front.py")


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
