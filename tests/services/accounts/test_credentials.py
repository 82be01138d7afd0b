import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import StoreUnavailable
from services.accounts import credentials as module
from services.accounts.credentials import Credentials, Holder, by_prefix
from services.rpc.call import Account, Credential, Project, Scope
from services.rpc.standing import Membership, Role, SignedIn

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ADA = SignedIn(
    Account(uuid.uuid4(), "ada@example.com", uuid.uuid4()),
    (Membership(70, Role.VIEWER, (Project(7, "UTC"),)),),
    NOON + timedelta(minutes=15),
)
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


async def test_tokens_are_looked_up_where_those_of_their_prefix_are() -> None:
    async def keys(token: str) -> Holder | None:
        return KEY if token == "pk_1" else None

    async def sessions(token: str) -> Holder | None:
        return ADA if token == "at_1" else None

    look_up = by_prefix({"pk_": keys, "at_": sessions})

    assert [await look_up(token) for token in ("pk_1", "at_1", "pk_2", "sh_1", "")] == [KEY, ADA, None, None, None]


class Change:
    """Of what PostgreSQL says about a token; counts how often it is asked."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.asked = 0

    async def look_up(self, _token: str) -> Holder | None:
        self.asked += 1
        return self.holder


@pytest.mark.parametrize("holder", [KEY, ADA])
@pytest.mark.parametrize(("kind", "number"), [("project", 7), ("project", 8), ("org", 70), ("org", 80)])
async def test_what_opens_a_changed_project_or_org_is_looked_up_again_and_nothing_else(holder: Holder, kind: str, number: int) -> None:
    postgres = Change(holder)
    found = Credentials(postgres.look_up, now=lambda: NOON)
    await found.find("token")

    (found.forget_project if kind == "project" else found.forget_org)(number)
    await found.find("token")

    concerned = (kind, number) == ("project", 7) or ((kind, number) == ("org", 70) and holder is ADA)
    assert postgres.asked == (2 if concerned else 1)


async def test_all_sessions_of_an_account_are_forgotten_by_its_id() -> None:
    postgres = Change(ADA)
    found = Credentials(postgres.look_up, now=lambda: NOON)
    await found.find("at_1")
    await found.find("at_2")

    found.forget(str(ADA.account.id))
    await found.find("at_1")
    await found.find("at_2")

    assert postgres.asked == 4


async def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    read, go_on = asyncio.Event(), asyncio.Event()
    asked = 0

    async def slow(_token: str) -> Holder | None:
        nonlocal asked
        asked += 1
        read.set()
        await go_on.wait()
        return KEY

    found = Credentials(slow)
    first = asyncio.create_task(found.find("pk_1"))
    await read.wait()
    found.forget("1")
    go_on.set()
    await first

    await found.find("pk_1")

    assert asked == 2


async def test_what_is_remembered_works_no_longer_than_until_it_expires_even_while_postgres_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, state = NOON, "up"

    async def look_up(_token: str) -> Holder | None:
        if state == "down":
            raise StoreUnavailable("down")
        return ADA

    found = Credentials(look_up, now=lambda: now)
    assert await found.find("at_1") == ADA

    state = "down"
    monkeypatch.setattr(module, "_FRESH", timedelta(0))
    assert await found.find("at_1") == ADA
    now += timedelta(minutes=15)
    assert await found.find("at_1") is None
