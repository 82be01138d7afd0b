import asyncio
import uuid
from datetime import timedelta

import pytest

from accounts_stand import PASSWORD, Stand, new_email
from core.errors import CredentialInvalid, PasswordInvalid, PasswordWrong, SessionEnded, SessionNotFound, SignInFailed
from pug.accounts.v1 import session_pb2 as pb

ANOTHER = "another horse battery"


async def update(stand: Stand, session: pb.Session, **change: str) -> pb.Account:
    return (await stand.rpc("UpdateMe", pb.UpdateMeRequest(**change), token=session.access_token)).account


async def devices(stand: Stand, session: pb.Session) -> list[pb.SignedInDevice]:
    return list((await stand.rpc("ListMySessions", pb.ListMySessionsRequest(), token=session.access_token)).sessions)


async def end(stand: Stand, session: pb.Session, session_id: str) -> None:
    await stand.rpc("EndMySession", pb.EndMySessionRequest(id=session_id), token=session.access_token)


async def test_what_is_not_given_stays(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email, name="Ada")

    assert (await update(stand, session)).name == "Ada"
    assert (await update(stand, session, name=" Countess ")).name == "Countess"
    assert (await update(stand, session, name="")).name == ""
    assert (await stand.signed_in(email)).access_token


async def test_a_new_password_ends_all_other_sessions(stand: Stand, email: str) -> None:
    elsewhere = await stand.sign_up(email)
    session = await stand.signed_in(email)
    await stand.me(elsewhere)

    await update(stand, session, password=ANOTHER, current_password=PASSWORD)

    with pytest.raises(CredentialInvalid):
        await stand.me(elsewhere)
    with pytest.raises(SessionEnded):
        await stand.refresh(elsewhere)
    with pytest.raises(SignInFailed):
        await stand.signed_in(email)
    assert (await stand.refresh(session)).access_token
    assert (await stand.signed_in(email, ANOTHER)).access_token


@pytest.mark.parametrize("given", ["", ANOTHER])
async def test_a_password_is_not_changed_by_who_does_not_know_it(stand: Stand, email: str, given: str) -> None:
    session = await stand.sign_up(email)

    with pytest.raises(PasswordWrong) as refused:
        await update(stand, session, password=ANOTHER, current_password=given)

    assert refused.value.field == "currentPassword"
    assert (await stand.signed_in(email)).access_token


async def test_a_new_password_is_long_enough(stand: Stand, email: str) -> None:
    session = await stand.sign_up(email)

    with pytest.raises(PasswordInvalid):
        await update(stand, session, password="short", current_password=PASSWORD)


async def test_who_has_no_password_yet_chooses_one(stand: Stand, email: str) -> None:
    session = await stand.complete(await stand.ask_for_link(email))
    stand.ahead += timedelta(minutes=14)

    await update(stand, session, password=PASSWORD)

    assert (await stand.signed_in(email)).access_token


async def test_a_lost_password_is_replaced_soon_after_signing_in_by_a_link_and_not_later(stand: Stand, email: str) -> None:
    owner = await stand.complete(await stand.ask_for_link(email))
    await update(stand, owner, password=PASSWORD)

    session = await stand.complete(await stand.ask_for_link(email))
    await update(stand, session, password=ANOTHER)
    stand.ahead += timedelta(minutes=16)
    session = await stand.refresh(session)

    with pytest.raises(PasswordWrong):
        await update(stand, session, password=PASSWORD)
    assert (await stand.signed_in(email, ANOTHER)).access_token


async def test_of_two_who_change_the_password_at_once_one_wins(stand: Stand, email: str) -> None:
    first, second = await stand.sign_up(email), await stand.signed_in(email)

    outcomes = await asyncio.gather(
        update(stand, first, password=ANOTHER, current_password=PASSWORD),
        update(stand, second, password="third horse battery", current_password=PASSWORD),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Account", "PasswordWrong"]


async def test_sessions_are_listed_latest_first_and_those_that_ended_are_not(stand: Stand, email: str) -> None:
    await stand.sign_up(email)
    ended = await stand.signed_in(email)
    await stand.rpc("SignOut", pb.SignOutRequest(refresh_token=ended.refresh_token))
    stand.ahead += timedelta(minutes=1)
    session = await stand.signed_in(email, user_agent="Mozilla/5.0 \0" + "x" * 400)

    stand.ahead += timedelta(minutes=1)
    session = await stand.refresh(session)
    listed = await devices(stand, session)

    assert [device.current for device in listed] == [True, False]
    assert listed[0].user_agent == ("Mozilla/5.0 " + "x" * 400)[:300]
    assert listed[0].last_seen_at.ToDatetime() - listed[0].signed_in_at.ToDatetime() >= timedelta(minutes=1)


async def test_one_session_or_all_others_are_ended(stand: Stand, email: str) -> None:
    first, second, third = await stand.sign_up(email), await stand.signed_in(email), await stand.signed_in(email)
    seconds_id = next(device.id for device in await devices(stand, second) if device.current)
    await stand.me(second)

    await end(stand, third, seconds_id)
    await end(stand, third, seconds_id)
    with pytest.raises(CredentialInvalid):
        await stand.me(second)
    assert (await stand.me(first)).account.email == email

    await end(stand, third, "")
    with pytest.raises(CredentialInvalid):
        await stand.me(first)
    assert [device.current for device in await devices(stand, third)] == [True]


async def test_sessions_that_end_each_other_at_once_end_but_the_first(stand: Stand, email: str) -> None:
    sessions = [await stand.sign_up(email), *[await stand.signed_in(email) for _ in range(3)]]

    outcomes = await asyncio.gather(*(end(stand, session, "") for session in sessions), return_exceptions=True)

    assert all(outcome is None or isinstance(outcome, CredentialInvalid) for outcome in outcomes)
    # Each call that was let in ended the others, so at most one session is left.
    seen = await asyncio.gather(*map(stand.me, sessions), return_exceptions=True)
    left = [answer for answer in seen if isinstance(answer, pb.GetMeResponse)]
    assert len(left) <= 1


async def test_somebody_else_s_session_is_as_unknown_as_one_that_is_not_there(stand: Stand, email: str) -> None:
    session, other = await stand.sign_up(email), await stand.sign_up(new_email())
    others_id = (await devices(stand, other))[0].id

    for session_id in (others_id, str(uuid.uuid4()), "1", "\0"):
        with pytest.raises(SessionNotFound):
            await end(stand, session, session_id)

    assert (await stand.me(other)).account.email
