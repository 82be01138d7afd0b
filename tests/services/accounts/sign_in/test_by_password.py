import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from accounts_stand import CHEAP, PASSWORD, Stand, new_email, open_stand
from app.backends import Backends
from core.errors import EmailTaken, InvalidArgument, SignInFailed, SignUpClosed, TooManyAttempts, TooManyRequests
from pug.accounts.v1 import org_pb2
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.newcomers import Newcomers, SignUp
from services.accounts.sign_in.parts import Policy
from services.accounts.sign_in.passwords import Passwords
from services.accounts.sign_in.registered import Newcomer, Registered
from services.accounts.sign_in.sessions import By, Sessions
from services.accounts.tables import accounts, api_keys, attempts, invitations, memberships, orgs, projects
from services.rpc.call import Call, Credential, Scope

CONFIRMING = Policy("open", confirms=True, mail_proves=True, public_url="https://pug.example")


async def stored_password(stand: Stand, email: str) -> str | None:
    async with stand.postgres.connect() as connection:
        return (await connection.execute(select(accounts.c.password).where(accounts.c.email == email))).scalar_one()


async def test_who_signs_up_owns_an_org_with_a_project_in_their_zone_and_a_write_key_that_works(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email.upper(), name="Ada", time_zone="Europe/Berlin")

    me = await stand.me(session)
    assert (me.account.email, me.account.name, me.account.id) == (email, "Ada", session.account.id)
    assert [(org.name, org.role) for org in me.orgs] == [("Ada's team", org_pb2.ROLE_OWNER)]
    query = select(projects.c.id, projects.c.name, projects.c.time_zone, api_keys.c.token).join(api_keys)
    async with stand.postgres.connect() as connection:
        project, name, zone, key = (await connection.execute(query.where(projects.c.org_id == int(me.orgs[0].id)))).one()
    assert (name, zone) == ("My project", "Europe/Berlin")
    credential = await stand.credentials.find(key)
    assert isinstance(credential, Credential)
    assert credential.project
    assert (credential.project.id, credential.scopes) == (project, {Scope.CAPTURE})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": "ada@example.com\nBcc: all@example.com"}, "email"),
        ({"email": "\u212aada@example.com"}, "email"),
        ({"email": f"ada@{'a' * 250}.com"}, "email"),
        ({"password": "nine char"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": "x" * 151}, "name"),
        ({"name": "A\0da"}, "name"),
        ({"time_zone": "Europe/Bielefeld"}, "timeZone"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(stand: Stand, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await stand.sign_up(**({"email": new_email(), "password": PASSWORD} | wrong))

    assert refused.value.field == field


async def test_of_two_who_sign_up_with_one_address_at_once_one_wins(stand: Stand, email: str) -> None:
    outcomes = await asyncio.gather(*(stand.sign_up(email) for _ in range(4)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EmailTaken", "EmailTaken", "EmailTaken", "Session"]
    async with stand.postgres.connect() as connection:
        owned = select(func.count()).select_from(memberships.join(accounts)).where(accounts.c.email == email)
        assert (await connection.execute(owned)).scalar_one() == 1


async def test_where_addresses_are_confirmed_the_account_is_made_by_the_link(backends: Backends, email: str) -> None:
    stand = open_stand(backends.postgres, CONFIRMING)
    answer = await stand.rpc("SignUp", pb.SignUpRequest(email=email, password=PASSWORD, name="Ada", time_zone="Asia/Tokyo"))
    await stand.sign_in.errands.finish()
    with pytest.raises(SignInFailed):
        await stand.signed_in(email)

    session = await stand.complete(stand.mailbox.token(email))

    assert not answer.HasField("session")
    assert session.account.name == "Ada"
    assert (await stand.signed_in(email)).account.id == session.account.id
    me = await stand.me(session)
    async with stand.postgres.connect() as connection:
        query = select(projects.c.time_zone).where(projects.c.org_id == int(me.orgs[0].id))
        assert (await connection.execute(query)).scalar_one() == "Asia/Tokyo"


async def test_where_addresses_are_confirmed_nothing_tells_that_one_is_known(backends: Backends, email: str) -> None:
    stand = open_stand(backends.postgres, CONFIRMING)
    known = await open_stand(backends.postgres).sign_up(email)

    answer = await stand.rpc("SignUp", pb.SignUpRequest(email=email, password="somebody else's"))
    await stand.sign_in.errands.finish()

    assert answer == pb.SignUpResponse()
    assert (await stand.complete(stand.mailbox.token(email))).account.id == known.account.id
    assert [subject for _, subject, _ in stand.mailbox.mails] == ["You have a Pug account already"]
    with pytest.raises(SignInFailed):
        await stand.signed_in(email, "somebody else's")


async def test_a_known_address_is_said_to_be_taken_where_addresses_are_not_confirmed(stand: Stand, email: str) -> None:
    await stand.sign_up(email)

    with pytest.raises(EmailTaken) as refused:
        await stand.sign_up(email)

    assert (refused.value.code.value, refused.value.field) == ("already_exists", "email")


@pytest.mark.parametrize("sign_up", ["invited", "closed"])
async def test_the_first_account_may_always_be_made_and_no_second(stand: Stand, sign_up: SignUp) -> None:
    newcomers = Newcomers(sign_up, stand.now)
    async with stand.postgres.connect() as connection:
        await connection.execute(delete(accounts))

        first = await newcomers.make(connection, Newcomer(new_email()))
        with pytest.raises(SignUpClosed):
            await newcomers.make(connection, Newcomer(new_email()))

        # Everybody else's accounts are there again.
        await connection.rollback()
    assert first


async def test_who_is_invited_may_sign_up_where_only_they_may(backends: Backends, stand: Stand, email: str) -> None:
    session = await stand.sign_up(new_email())
    org = int((await stand.me(session)).orgs[0].id)
    invitation = {"org_id": org, "role": "viewer", "expires_at": stand.now() + timedelta(days=1)}
    async with backends.postgres.begin() as connection:
        values = {"id": func.gen_random_uuid(), "email": email, "token_hash": email.encode(), **invitation}
        await connection.execute(insert(invitations).values(values))
    strict = open_stand(backends.postgres, Policy("invited", confirms=False, mail_proves=True, public_url=""))

    assert (await strict.sign_up(email)).access_token
    with pytest.raises(SignUpClosed):
        await strict.sign_up(new_email())


async def test_a_wrong_password_an_unknown_address_and_no_password_look_the_same(stand: Stand, email: str) -> None:
    with_link = new_email()
    await stand.sign_up(email)
    await stand.complete(await stand.ask_for_link(with_link))

    refusals: list[SignInFailed] = []
    for address in (email, new_email(), with_link):
        with pytest.raises(SignInFailed) as refused:
            await stand.signed_in(address, "wrong horse battery")
        refusals.append(refused.value)

    assert len({(refusal.message, refusal.hint, refusal.field, refusal.reason) for refusal in refusals}) == 1


async def test_as_much_is_hashed_for_nobody_as_for_somebody(stand: Stand, email: str) -> None:
    hashed: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 (the library's name)
            hashed.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    watched = open_stand(stand.postgres, passwords=Passwords(Watched(time_cost=1, memory_cost=8, parallelism=1)))
    await watched.sign_up(email)

    for address in (email, new_email()):
        with pytest.raises(SignInFailed):
            await watched.signed_in(address, "wrong horse battery")

    assert hashed == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


async def test_a_password_is_the_same_however_its_letters_are_composed(stand: Stand, email: str) -> None:
    await stand.sign_up(email, "mu\u0308de Pferde")

    assert (await stand.signed_in(email, "m\u00fcde Pferde")).access_token


async def test_guesses_run_out_for_strangers_and_not_for_who_has_signed_in_from_there(stand: Stand, email: str) -> None:
    await stand.sign_up(email)
    await stand.signed_in(email, peer="10.0.0.9")

    for _ in range(10):
        with pytest.raises(SignInFailed):
            await stand.signed_in(email, "wrong horse battery")
    with pytest.raises(TooManyAttempts) as refused:
        await stand.signed_in(email)

    assert refused.value.retry_after
    assert refused.value.retry_after <= timedelta(seconds=30)
    assert (await stand.signed_in(email, peer="10.0.0.9")).access_token


async def test_guesses_are_counted_together_whichever_process_is_asked(stand: Stand, email: str) -> None:
    await stand.sign_up(email)
    processes = [open_stand(stand.postgres) for _ in range(2)]

    async def guess() -> int:
        results = await asyncio.gather(
            *(process.signed_in(email, "wrong horse battery") for process in processes for _ in range(8)), return_exceptions=True
        )
        return sum(isinstance(result, SignInFailed) for result in results)

    tried = await guess()
    processes[0].ahead = processes[1].ahead = timedelta(seconds=31)
    later = await guess()
    processes[0].ahead = timedelta(hours=1)
    await processes[0].sign_in.by_password.attempts.prune()

    assert (tried, later) == (10, 1)
    async with stand.postgres.connect() as connection:
        old = select(attempts).where(attempts.c.paid_until <= processes[0].now())
        assert (await connection.execute(old)).all() == []


async def test_one_peer_may_not_guess_at_many_accounts(stand: Stand) -> None:
    for _ in range(30):
        with pytest.raises(SignInFailed):
            await stand.signed_in(new_email())

    with pytest.raises(TooManyAttempts):
        await stand.signed_in(new_email())


async def test_a_password_is_hashed_anew_when_parameters_have_changed(stand: Stand, email: str) -> None:
    await stand.sign_up(email)
    stronger = open_stand(stand.postgres, passwords=Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))

    await stronger.signed_in(email)

    assert "m=16,t=2" in str(await stored_password(stand, email))
    assert (await stand.signed_in(email)).access_token


async def test_no_session_begins_by_a_password_that_was_changed_meanwhile(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    class Slow(Passwords):
        """Changes the password between its check and the session."""

        async def matches(self, password: str, known: str | None) -> bool:
            matched = await super().matches(password, known)
            if matched and password == PASSWORD:
                update = pb.UpdateMeRequest(password="another horse battery", current_password=PASSWORD)
                await stand.rpc("UpdateMe", update, token=session.access_token)
            return matched

    slow = open_stand(stand.postgres, passwords=Slow(CHEAP))

    with pytest.raises(SignInFailed):
        await slow.signed_in(email)
    listed = await stand.rpc("ListMySessions", pb.ListMySessionsRequest(), token=session.access_token)
    assert [device.current for device in listed.sessions] == [True]


async def test_more_than_can_be_hashed_are_told_to_come_back() -> None:
    busy = Passwords(CHEAP, waiting=2)

    outcomes = await asyncio.gather(*(busy.hash(PASSWORD) for _ in range(6)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyRequests)]
    assert len(refused) == 4
    assert all(refusal.retry_after for refusal in refused)
    assert await busy.hash(PASSWORD)


async def test_a_failed_start_leaves_nothing_behind(stand: Stand, email: str) -> None:
    class Broken(Exception):
        """Comes after everything was made."""

    class Failing(Sessions):
        async def begin(self, connection: AsyncConnection, account: Registered, call: Call, by: By) -> pb.Session:
            await super().begin(connection, account, call, by)
            raise Broken

    stand.service.sign_up = replace(stand.sign_in.by_password, sessions=Failing(stand.postgres, stand.now)).sign_up

    with pytest.raises(Broken):
        await stand.sign_up(email, name=email)

    async with stand.postgres.connect() as connection:
        assert (await connection.execute(select(accounts.c.id).where(accounts.c.email == email))).all() == []
        assert (await connection.execute(select(orgs.c.id).where(orgs.c.name == f"{email}'s team"))).all() == []
