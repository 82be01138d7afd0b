import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import create_async_engine

from app.backends import Backends
from core.errors import StoreUnavailable
from services.accounts.key_uses import KeyUses
from services.accounts.keys import new_key
from services.accounts.repository import AccountsRepository
from services.accounts.tables import api_keys
from services.accounts.tokens import hashed
from services.rpc.call import Account, Credential, Project, Scope

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


async def key_of(backends: Backends) -> Credential:
    accounts = AccountsRepository(backends.postgres)
    key = new_key("secret", "", (Scope.READ,))
    await accounts.create_project("Uses", "Uses", "UTC", [key])
    credential = await accounts.find_credential(key.token)
    assert credential
    return credential


async def last_used(backends: Backends, credential: Credential) -> datetime | None:
    async with backends.postgres.connect() as connection:
        query = select(api_keys.c.last_used_at).where(api_keys.c.id == uuid.UUID(credential.key_id))
        return (await connection.execute(query)).scalar_one()


async def test_a_key_says_when_it_was_last_used_to_the_minute_whichever_process_it_was_used_in(backends: Backends) -> None:
    key, now = await key_of(backends), NOON
    here, there = KeyUses(backends.postgres, lambda: now), KeyUses(backends.postgres, lambda: now)

    here.note(key)
    assert await last_used(backends, key) is None
    await here.write()
    assert await last_used(backends, key) == NOON

    now += MINUTE / 2
    there.note(key)
    await there.write()
    assert await last_used(backends, key) == NOON

    now += MINUTE / 2
    here.note(key)
    await here.write()
    assert await last_used(backends, key) == NOON + MINUTE

    now += MINUTE
    await here.write()
    assert await last_used(backends, key) == NOON + MINUTE


async def test_only_keys_are_noted() -> None:
    # Nothing to write, so nobody to ask.
    uses = KeyUses(create_async_engine(NOWHERE), lambda: NOON)

    uses.note(Credential("peer:10.0.0.1", None, frozenset({Scope.PUBLIC})))
    uses.note(Credential("a", Project(1, "UTC"), frozenset({Scope.READ}), Account(uuid.uuid4(), "", uuid.uuid4())))
    uses.note(Credential("d", Project(1, "UTC"), frozenset({Scope.SHARE}), dashboard_id=uuid.uuid4()))

    await uses.write()


async def test_what_could_not_be_written_is_written_the_next_time(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await key_of(backends)
    uses = KeyUses(backends.postgres, lambda: NOON)
    uses.note(key)
    with monkeypatch.context() as away:
        away.setattr(uses, "_postgres", create_async_engine(NOWHERE))
        with pytest.raises(StoreUnavailable):
            await uses.write()

    await uses.write()

    assert await last_used(backends, key) == NOON


async def test_an_expired_key_opens_nothing(backends: Backends) -> None:
    accounts = AccountsRepository(backends.postgres)
    key = new_key("secret", "", (Scope.READ,))
    await accounts.create_project("Ends", "Ends", "UTC", [key])

    async def expiring(at: datetime) -> Credential | None:
        async with backends.postgres.begin() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.token_hash == hashed(key.token)).values(expires_at=at))
        return await accounts.find_credential(key.token)

    soon = datetime.now(UTC) + timedelta(hours=1)
    found = await expiring(soon)
    assert found
    assert found.expires_at == soon
    assert await expiring(datetime.now(UTC) - timedelta(seconds=1)) is None
