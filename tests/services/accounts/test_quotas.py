"""How much of everything there may be."""

from dataclasses import replace

import pytest

from accounts_stand import CHEAP, Stand, new_email, open_stand
from app.backends import Backends
from core.errors import CredentialInvalid, QuotaReached
from pug.accounts.v1 import org_pb2
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.quotas import Quotas
from services.accounts.sign_in import sessions
from services.accounts.sign_in.parts import Policy
from services.accounts.sign_in.passwords import Passwords

NARROW = Policy("open", confirms=False, mail_proves=True, public_url="", quotas=Quotas(2, 2, 2, 3, 2))


@pytest.fixture
def narrow(backends: Backends) -> Stand:
    return open_stand(backends.postgres, NARROW, Passwords(CHEAP))


async def test_an_account_is_in_so_many_orgs_that_it_made(narrow: Stand) -> None:
    ada = await narrow.founder()
    await ada.do("CreateOrg", org_pb2.CreateOrgRequest(name="Zoo"))

    with pytest.raises(QuotaReached):
        await ada.do("CreateOrg", org_pb2.CreateOrgRequest(name="Park"))


async def test_an_org_has_so_many_projects_and_people(narrow: Stand) -> None:
    ada = await narrow.founder()
    await ada.create_project("Web")
    await ada.invite(new_email())
    await ada.invite(new_email())

    with pytest.raises(QuotaReached):
        await ada.create_project("App")
    with pytest.raises(QuotaReached):
        await ada.invite(new_email())


async def test_a_project_has_so_many_keys_those_that_were_revoked_included(narrow: Stand) -> None:
    ada = await narrow.founder()
    await ada.create_key("one")
    await ada.revoke_key((await ada.create_key("two")).api_key.id)

    with pytest.raises(QuotaReached):
        await ada.create_key("three")
    assert len(await ada.keys()) == 3


async def test_of_very_many_sessions_the_oldest_end(narrow: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST", 2)
    email = new_email()
    oldest = await narrow.sign_up(email)
    others = [await narrow.signed_in(email) for _ in range(2)]

    with pytest.raises(CredentialInvalid):
        await narrow.me(oldest)

    listed = await narrow.rpc("ListMySessions", pb.ListMySessionsRequest(), token=others[0].access_token)
    assert len(listed.sessions) == 2


async def test_by_default_there_is_room(backends: Backends) -> None:
    wide = open_stand(backends.postgres, replace(NARROW, quotas=Quotas()), Passwords(CHEAP))
    ada = await wide.founder()

    for name in ("Web", "App", "Shop"):
        await ada.create_project(name)

    assert len(await ada.projects()) == 4
