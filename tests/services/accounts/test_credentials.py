import asyncio
from datetime import timedelta

import pytest

from core.errors import StoreUnavailable
from services.accounts import credentials as module
from services.accounts.credentials import Credentials
from services.rpc.call import Credential, Project, Scope

KEY = Credential("1", Project(7, "UTC"), frozenset({Scope.CAPTURE}))


class Postgres:
    """Counts look-ups; knows pk_1; may fail or hang."""

    def __init__(self) -> None:
        self.asked = 0
        self.state = "up"

    async def look_up(self, token: str) -> Credential | None:
        self.asked += 1
        if self.state == "down":
            raise StoreUnavailable("down")
        if self.state == "hangs":
            await asyncio.Event().wait()
        return KEY if token == "pk_1" else None


def credentials(postgres: Postgres) -> Credentials:
    return Credentials(postgres.look_up, answers_within=timedelta(seconds=0.01))


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing remembered is fresh."""
    monkeypatch.setattr(module, "_FRESH", timedelta(0))


@pytest.mark.parametrize("token", ["pk_1", "pk_2"])
async def test_a_look_up_is_remembered_whether_it_found_a_key_or_not(token: str) -> None:
    postgres = Postgres()
    found = credentials(postgres)

    assert await found.find(token) == await found.find(token)
    assert postgres.asked == 1


@pytest.mark.usefixtures("stale")
@pytest.mark.parametrize("state", ["down", "hangs"])
async def test_a_key_found_before_goes_on_working_while_postgres_is_down_or_hangs(state: str) -> None:
    postgres = Postgres()
    found = credentials(postgres)
    await found.find("pk_1")

    postgres.state = state

    assert await found.find("pk_1") == KEY


@pytest.mark.parametrize("state", ["down", "hangs"])
async def test_a_key_not_found_before_is_told_that_the_store_is_unavailable(state: str) -> None:
    postgres = Postgres()
    postgres.state = state

    with pytest.raises(StoreUnavailable):
        await credentials(postgres).find("pk_1")


async def test_a_flood_of_invented_tokens_drives_out_no_key() -> None:
    postgres = Postgres()
    found = credentials(postgres)
    await found.find("pk_1")

    for number in range(12_000):
        await found.find(f"pk_invented_{number}")

    asked = postgres.asked
    assert await found.find("pk_1") == KEY
    assert postgres.asked == asked


async def test_a_forgotten_key_is_looked_up_again() -> None:
    postgres = Postgres()
    found = credentials(postgres)
    await found.find("pk_1")

    found.forget("1")
    await found.find("pk_1")

    assert postgres.asked == 2
