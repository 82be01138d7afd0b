import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from accounts_stand import PASSWORD, Stand, new_email, open_stand
from app.backends import Backends
from core.errors import CredentialInvalid, LinkInvalid, SignInFailed, SignUpClosed, TooManyAttempts, UnknownTimeZone
from core.postgres import transaction
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.parts import Policy
from services.accounts.sign_in.registered import Newcomer
from services.accounts.tables import accounts, magic_links, memberships
from services.rpc.call import Call, Credential, Scope

CLOSED = Policy("closed", confirms=True, mail_proves=True, public_url="https://pug.example")
CALL = Call(Credential("peer:10.0.0.1", None, frozenset({Scope.PUBLIC})), "request")
PRINTED = Policy("open", confirms=False, mail_proves=False, public_url="https://pug.example")


async def test_a_link_makes_an_account_for_an_address_without_one_and_signs_in_to_one_that_is_there(stand: Stand, email: str) -> None:
    made = await stand.complete(await stand.ask_for_link(email), "Europe/Berlin")
    again = await stand.complete(await stand.ask_for_link(email), "Asia/Tokyo")

    assert made.account == again.account
    assert [org.name for org in (await stand.me(again)).orgs] == [f"{email.partition('@')[0]}'s team"]


async def test_a_link_works_once_for_one_of_those_who_come_with_it_at_once(stand: Stand, email: str) -> None:
    token = await stand.ask_for_link(email)

    outcomes = await asyncio.gather(*(stand.complete(token) for _ in range(4)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkInvalid", "LinkInvalid", "LinkInvalid", "Session"]


async def test_a_newer_link_replaces_the_one_before(stand: Stand, email: str) -> None:
    first, second = await stand.ask_for_link(email), await stand.ask_for_link(email)

    with pytest.raises(LinkInvalid):
        await stand.complete(first)
    assert (await stand.complete(second)).access_token


async def test_a_link_works_for_15_minutes(stand: Stand, email: str) -> None:
    token = await stand.ask_for_link(email)

    stand.ahead += timedelta(minutes=15)

    with pytest.raises(LinkInvalid) as refused:
        await stand.complete(token)
    assert (refused.value.code.value, refused.value.field) == ("invalid_argument", "token")


async def test_a_bad_time_zone_does_not_use_the_link_up(stand: Stand, email: str) -> None:
    token = await stand.ask_for_link(email)

    with pytest.raises(UnknownTimeZone):
        await stand.complete(token, "Europe/Bielefeld")

    assert (await stand.complete(token)).access_token


async def test_the_answer_is_the_same_for_known_and_unknown_addresses_and_comes_before_either_is_looked_up(
    backends: Backends, stand: Stand, email: str
) -> None:
    await stand.sign_up(email)
    closed, stranger = open_stand(backends.postgres, CLOSED), new_email()

    answers = [await closed.rpc("RequestMagicLink", pb.RequestMagicLinkRequest(email=address)) for address in (email, stranger)]
    looked_up = closed.mailbox.mails
    await closed.sign_in.errands.finish()

    assert answers == [pb.RequestMagicLinkResponse()] * 2
    assert looked_up == closed.mailbox.mails
    assert [to for to, _, _ in closed.mailbox.mails] == [email]


async def test_nobody_s_mailbox_is_filled(stand: Stand, email: str) -> None:
    for _ in range(5):
        await stand.ask_for_link(email)

    with pytest.raises(TooManyAttempts):
        await stand.ask_for_link(email)
    assert await stand.ask_for_link(new_email())


async def test_where_nobody_may_sign_up_any_more_a_link_of_before_makes_no_account(backends: Backends, stand: Stand, email: str) -> None:
    token = await stand.ask_for_link(email)

    with pytest.raises(SignUpClosed):
        await open_stand(backends.postgres, CLOSED).complete(token)

    async with backends.postgres.connect() as connection:
        assert (await connection.execute(select(accounts.c.id).where(accounts.c.email == email))).all() == []


async def test_who_shows_that_an_address_is_theirs_takes_the_account_from_who_made_it_without(stand: Stand, email: str) -> None:
    squatter = await stand.sign_up(email)
    await stand.me(squatter)

    owner = await stand.complete(await stand.ask_for_link(email))

    assert owner.account.id == squatter.account.id
    assert (await stand.me(owner)).account.email == email
    with pytest.raises(CredentialInvalid):
        await stand.me(squatter)
    with pytest.raises(SignInFailed):
        await stand.signed_in(email)


async def test_of_those_who_show_at_once_that_an_address_is_theirs_nobody_ends_another_s_session(stand: Stand, email: str) -> None:
    squatter = await stand.sign_up(email)
    token = await stand.ask_for_link(email)
    confirmed = Newcomer(email, confirmed_at=stand.now())

    async def by_other_proof() -> pb.Session:
        async with transaction(stand.postgres) as connection:
            account = await stand.sign_in.newcomers.recognise(connection, confirmed)
            return await stand.sign_in.sessions.begin(connection, account, CALL, "oidc")

    owners = await asyncio.gather(stand.complete(token), *(by_other_proof() for _ in range(3)))

    assert [(await stand.me(session)).account.id for session in owners] == [squatter.account.id] * 4
    with pytest.raises(CredentialInvalid):
        await stand.me(squatter)


async def test_a_link_and_a_password_that_make_an_account_at_once_make_one(stand: Stand, email: str) -> None:
    token = await stand.ask_for_link(email)

    await asyncio.gather(stand.complete(token), stand.sign_up(email), return_exceptions=True)

    async with stand.postgres.connect() as connection:
        owned = select(accounts.c.id, memberships.c.org_id).join(memberships).where(accounts.c.email == email)
        assert len((await connection.execute(owned)).all()) == 1


async def test_a_password_stays_when_an_address_was_shown_to_be_theirs_before(stand: Stand, email: str) -> None:
    owner = await stand.complete(await stand.ask_for_link(email))
    await stand.rpc("UpdateMe", pb.UpdateMeRequest(password=PASSWORD), token=owner.access_token)

    await stand.complete(await stand.ask_for_link(email))

    assert (await stand.signed_in(email)).account.id == owner.account.id


async def test_a_printed_link_shows_nothing_of_the_address_and_leaves_the_password(backends: Backends, email: str) -> None:
    stand = open_stand(backends.postgres, PRINTED)
    await stand.sign_up(email)

    await stand.complete(await stand.ask_for_link(email))

    assert (await stand.signed_in(email)).access_token


async def test_links_that_expired_are_deleted(stand: Stand, email: str) -> None:
    await stand.ask_for_link(email)

    stand.ahead += timedelta(minutes=16)
    for prune in stand.sign_in.prunes:
        await prune()

    async with stand.postgres.connect() as connection:
        query = select(func.count()).select_from(magic_links).where(magic_links.c.email == email)
        assert (await connection.execute(query)).scalar_one() == 0
