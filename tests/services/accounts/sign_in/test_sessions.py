import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from accounts_stand import Stand, new_email
from core.errors import CredentialInvalid, MissingField, SessionEnded
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.tables import session_tokens, sessions

DAY = timedelta(days=1)


async def test_a_refresh_token_buys_a_new_session_and_the_old_access_token_works_until_it_expires(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    following = await stand.refresh(session)

    assert {following.access_token, following.refresh_token}.isdisjoint({session.access_token, session.refresh_token})
    assert (await stand.me(following)).account.email == email
    assert (await stand.me(session)).account.email == email


async def test_a_refresh_token_used_again_ends_everything_that_came_of_the_sign_in_and_nothing_else(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)
    elsewhere = await stand.signed_in(email)
    following = await stand.refresh(session)
    await stand.me(following)

    with pytest.raises(SessionEnded):
        await stand.refresh(session)

    with pytest.raises(SessionEnded):
        await stand.refresh(following)
    for ended in (session, following):
        with pytest.raises(CredentialInvalid):
            await stand.me(ended)
    assert (await stand.me(elsewhere)).account.email == email


async def test_of_two_who_refresh_at_once_one_wins_and_the_session_ends(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    outcomes = await asyncio.gather(stand.refresh(session), stand.refresh(session), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Session", "SessionEnded"]
    won = next(outcome for outcome in outcomes if isinstance(outcome, pb.Session))
    with pytest.raises(CredentialInvalid):
        await stand.me(won)
    with pytest.raises(SessionEnded):
        await stand.refresh(won)


async def test_an_access_token_works_for_15_minutes_and_a_session_while_it_is_refreshed_every_90_days(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    stand.ahead += timedelta(minutes=15, seconds=1)
    # Both when it is remembered and when it is looked up.
    with pytest.raises(CredentialInvalid):
        await stand.me(session)
    for _ in range(3):
        stand.ahead += 89 * DAY
        session = await stand.refresh(session)
    stand.ahead += 90 * DAY

    with pytest.raises(SessionEnded):
        await stand.refresh(session)


async def test_an_access_token_that_expires_while_it_is_remembered_works_no_longer(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)
    await stand.me(session)

    stand.ahead += timedelta(minutes=15, seconds=1)

    with pytest.raises(CredentialInvalid):
        await stand.me(session)


async def test_signing_out_ends_the_session_at_once_and_may_be_done_again(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)
    following = await stand.refresh(session)
    await stand.me(following)

    # By a used token, too.
    for token in (session.refresh_token, following.refresh_token, "rt_unknown"):
        assert await stand.rpc("SignOut", pb.SignOutRequest(refresh_token=token)) == pb.SignOutResponse()

    with pytest.raises(CredentialInvalid):
        await stand.me(following)
    with pytest.raises(SessionEnded):
        await stand.refresh(following)


async def test_who_names_no_session_is_not_told_that_it_has_ended(stand: Stand) -> None:
    with pytest.raises(MissingField) as refused:
        await stand.rpc("SignOut", pb.SignOutRequest())

    assert refused.value.field == "refreshToken"


@pytest.mark.parametrize("token", ["", "rt_unknown", "\0", "ü"])
async def test_a_refresh_token_nobody_has_is_a_session_that_has_ended(stand: Stand, token: str) -> None:
    with pytest.raises(SessionEnded):
        await stand.refresh(pb.Session(refresh_token=token))


async def test_of_tokens_only_hashes_are_kept(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    async with stand.postgres.connect() as connection:
        stored = str((await connection.execute(select(session_tokens))).all())

    assert session.access_token.removeprefix("at_") not in stored
    assert session.refresh_token.removeprefix("rt_") not in stored


async def test_what_expired_is_deleted_and_a_used_token_is_kept_until_then(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)
    stand.ahead += 50 * DAY
    following = await stand.refresh(session)
    other = await stand.sign_up(new_email())

    async def left(account_id: str) -> tuple[int, int]:
        query = (
            select(func.count(sessions.c.id.distinct()), func.count(session_tokens.c.refresh_hash))
            .select_from(sessions.outerjoin(session_tokens))
            .where(sessions.c.account_id == account_id)
        )
        async with stand.postgres.connect() as connection:
            found = (await connection.execute(query)).one()
        return found[0], found[1]

    await stand.sign_in.sessions.prune()
    before = await left(following.account.id)
    stand.ahead += 50 * DAY
    await stand.sign_in.sessions.prune()
    between = await left(following.account.id)
    stand.ahead += 50 * DAY
    await stand.sign_in.sessions.prune()

    assert (before, between, await left(following.account.id), await left(other.account.id)) == ((1, 2), (1, 1), (0, 0), (0, 0))
