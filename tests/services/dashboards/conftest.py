import pytest_asyncio

from app.backends import Backends
from team import Team, new_team


@pytest_asyncio.fixture
async def team(backends: Backends) -> Team:
    """One of the test's own."""
    return await new_team(backends)
