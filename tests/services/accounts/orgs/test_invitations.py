import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from accounts_stand import PASSWORD, Someone, Stand, new_email, open_stand, role_name
from app.backends import Backends
from core.errors import (
    AlreadyMember,
    CredentialInvalid,
    EmailInvalid,
    InvalidArgument,
    InvitationExpired,
    InvitationNotFound,
    ScopeMissing,
    SignInFailed,
    SignUpClosed,
    TooManyInvitations,
)
from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from pug.accounts.v1 import session_pb2
from services.accounts.sign_in.parts import Policy
from services.accounts.tables import invitations, memberships
from services.accounts.tokens import hashed

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


async def revoke(someone: Someone, invitation_id: str) -> None:
    await someone.do("RevokeInvitation", pb.RevokeInvitationRequest(id=invitation_id))


async def test_an_invited_address_without_account_gets_one_is_signed_in_and_is_in_this_org_alone(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    invitation = await ada.invite(f" {email.upper()} ", "editor")

    accepted = await stand.accept(stand.mailbox.invitation(email))

    assert (invitation.email, role_name(invitation.role), invitation.invited_by) == (email, "editor", ada.email)
    assert (accepted.session.account.email, accepted.org.id, role_name(accepted.org.role)) == (email, ada.org, "editor")
    assert [org.id for org in (await stand.me(accepted.session)).orgs] == [ada.org]
    assert await ada.members() == {ada.email: "owner", email: "editor"}
    assert await ada.invitations() == []


async def test_an_invited_address_with_an_account_keeps_its_own_org_and_password(stand: Stand) -> None:
    ada, bob = await stand.founder(), await stand.founder()
    # By which it has been shown that the address is theirs.
    bobs = await stand.complete(await stand.ask_for_link(bob.email))
    await stand.rpc("UpdateMe", session_pb2.UpdateMeRequest(password=PASSWORD), token=bobs.access_token)

    accepted = await ada.bring_in("viewer", bob)

    assert {org.id for org in (await stand.me(bobs)).orgs} == {ada.org, bob.org}
    assert accepted.id == bob.id
    assert (await stand.signed_in(bob.email)).access_token


async def test_a_password_that_somebody_else_may_have_chosen_ends_with_the_first_link_to_the_address(stand: Stand) -> None:
    ada, squatter = await stand.founder(), await stand.founder()

    accepted = await ada.bring_in("viewer", squatter)

    with pytest.raises(CredentialInvalid):
        await stand.me(squatter.session)
    with pytest.raises(SignInFailed):
        await stand.signed_in(squatter.email)
    assert (await stand.me(accepted.session)).account.email == squatter.email


async def test_who_invites_without_a_role_invites_a_viewer(stand: Stand, email: str) -> None:
    ada = await stand.founder()

    assert role_name((await ada.invite(email)).role) == "viewer"


async def test_the_mail_says_who_invites_where_and_for_how_long(stand: Stand, email: str) -> None:
    ada = await stand.founder()

    await ada.invite(email)

    (to, subject, text) = stand.mailbox.mails[-1]
    name = (await stand.me(ada.session)).orgs[0].name
    assert (to, name in subject, name in text, ada.email in text, "7 days" in text) == (email, True, True, True, True)


async def test_a_link_works_once_and_only_its_hash_is_kept(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    await ada.invite(email)
    token = stand.mailbox.invitation(email)
    async with stand.postgres.connect() as connection:
        kept = (await connection.execute(select(invitations.c.token_hash).where(invitations.c.email == email))).scalar_one()
    await stand.accept(token)

    with pytest.raises(InvitationNotFound) as refused:
        await stand.accept(token)

    assert kept == hashed(token)
    assert refused.value.field == "token"


async def test_of_those_who_accept_one_invitation_at_once_one_comes_in(stand: Stand) -> None:
    ada = await stand.founder()
    for email in (new_email() for _ in range(5)):
        await ada.invite(email, "editor")
        token = stand.mailbox.invitation(email)

        outcomes = await asyncio.gather(*(stand.accept(token) for _ in range(4)), return_exceptions=True)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AcceptInvitationResponse", *["InvitationNotFound"] * 3]
        assert (await ada.members())[email] == "editor"


async def test_one_address_accepts_invitations_to_two_orgs_at_once(stand: Stand) -> None:
    ada, bob = await stand.founder(), await stand.founder()
    for email in (new_email() for _ in range(5)):
        tokens: list[str] = []
        for owner in (ada, bob):
            await owner.invite(email)
            tokens.append(stand.mailbox.invitation(email))

        first, second = await asyncio.gather(*(stand.accept(token) for token in tokens))

        assert first.session.account.id == second.session.account.id
        assert {org.id for org in (await stand.me(second.session)).orgs} == {ada.org, bob.org}


async def test_an_invitation_that_is_accepted_revoked_and_renewed_at_once_ends_in_one_of_these_ways(stand: Stand) -> None:
    ada = await stand.founder()
    for email in (new_email() for _ in range(8)):
        invitation = await ada.invite(email)

        outcomes = await asyncio.gather(
            stand.accept(stand.mailbox.invitation(email)), revoke(ada, invitation.id), ada.invite(email), return_exceptions=True
        )

        accepted, revoked, renewed = [not isinstance(outcome, BaseException) for outcome in outcomes]
        assert all(
            isinstance(outcome, (InvitationNotFound, AlreadyMember)) for outcome in outcomes if isinstance(outcome, BaseException)
        ), outcomes
        assert (email in await ada.members()) == accepted
        assert not (accepted and revoked)
        waiting = email in [each.email for each in await ada.invitations()]
        assert waiting <= renewed


async def test_inviting_again_sends_a_new_link_for_7_days_anew_and_the_one_before_is_dead(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    first = await ada.invite(email, "viewer")
    old = stand.mailbox.invitation(email)
    stand.ahead += 3 * DAY
    ada = await stand.again(ada)

    second = await ada.invite(email, "editor")

    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert second.expires_at.ToDatetime() - first.expires_at.ToDatetime() >= 3 * DAY
    assert [(each.email, role_name(each.role)) for each in await ada.invitations()] == [(email, "editor")]
    with pytest.raises(InvitationNotFound):
        await stand.accept(old)
    assert role_name((await stand.accept(stand.mailbox.invitation(email))).org.role) == "editor"


async def test_an_invitation_expires_after_7_days_stays_listed_and_can_be_renewed(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    invitation = await ada.invite(email)
    assert 7 * DAY - SECOND * 60 < invitation.expires_at.ToDatetime() - invitation.created_at.ToDatetime() <= 7 * DAY
    stand.ahead += 7 * DAY
    ada = await stand.again(ada)

    with pytest.raises(InvitationExpired) as refused:
        await stand.accept(stand.mailbox.invitation(email))

    assert (refused.value.code.value, refused.value.reason) == ("failed_precondition", "INVITATION_EXPIRED")
    assert [each.id for each in await ada.invitations()] == [invitation.id]
    assert email not in await ada.members()
    await ada.invite(email)
    assert (await stand.accept(stand.mailbox.invitation(email))).org.id == ada.org


async def test_an_address_is_invited_at_most_10_times_a_day(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    for _ in range(10):
        await ada.invite(email)
    link = stand.mailbox.invitation(email)

    with pytest.raises(TooManyInvitations) as refused:
        await ada.invite(email)

    assert (refused.value.code.value, refused.value.field) == ("resource_exhausted", "email")
    assert refused.value.retry_after
    assert DAY - SECOND * 60 < refused.value.retry_after <= DAY
    assert stand.mailbox.invitation(email) == link
    await ada.invite(new_email())
    stand.ahead += refused.value.retry_after + SECOND
    await (await stand.again(ada)).invite(email)


async def test_taking_invitations_back_lets_nobody_mail_an_address_without_end(stand: Stand, email: str) -> None:
    ada, bob = await stand.founder(), await stand.founder()
    for _ in range(20):
        await revoke(ada, (await ada.invite(email)).id)

    with pytest.raises(TooManyInvitations) as refused:
        await ada.invite(email)
    with pytest.raises(TooManyInvitations):
        await bob.invite(email)

    assert refused.value.field == "email"
    assert refused.value.retry_after
    assert await ada.invitations() == []


async def test_of_many_who_invite_one_address_at_once_10_do(stand: Stand, email: str) -> None:
    ada = await stand.founder()

    outcomes = await asyncio.gather(*(ada.invite(email) for _ in range(13)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Invitation"] * 10 + ["TooManyInvitations"] * 3
    assert [each.email for each in await ada.invitations()] == [email]


async def test_who_is_in_the_org_is_not_invited_and_comes_by_an_older_link_as_what_they_are(stand: Stand) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in("editor")
    with pytest.raises(AlreadyMember) as refused:
        await ada.invite(bob.email, "owner")
    assert (refused.value.code.value, refused.value.field) == ("already_exists", "email")
    await ada.remove(bob)
    await ada.invite(bob.email, "owner")
    link = stand.mailbox.invitation(bob.email)
    # Meanwhile the operator has let them in.
    async with transaction(stand.postgres) as connection:
        await connection.execute(insert(memberships).values(org_id=int(ada.org), account_id=bob.id, role="viewer"))

    accepted = await stand.accept(link)

    assert role_name(accepted.org.role) == "viewer"
    assert (await ada.members())[bob.email] == "viewer"
    assert await ada.invitations() == []


async def test_a_revoked_invitation_is_gone_and_its_link_is_dead(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    invitation = await ada.invite(email)

    await revoke(ada, invitation.id)

    assert await ada.invitations() == []
    with pytest.raises(InvitationNotFound):
        await stand.accept(stand.mailbox.invitation(email))
    with pytest.raises(InvitationNotFound):
        await revoke(ada, invitation.id)


async def test_only_an_owner_has_to_do_with_invitations_of_owners(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    admin = await ada.bring_in("admin")
    invitation = await ada.invite(email, "owner")

    for act in (admin.invite(new_email(), "owner"), admin.invite(email, "viewer"), revoke(admin, invitation.id)):
        with pytest.raises(ScopeMissing):
            await act

    assert role_name((await stand.accept(stand.mailbox.invitation(email))).org.role) == "owner"


async def test_an_invitation_of_another_org_is_as_unknown_as_one_that_is_not_there(stand: Stand, email: str) -> None:
    ada, other = await stand.founder(), await stand.founder()
    others = await other.invite(email)
    errors: set[tuple[str, str, str]] = set()

    for invitation_id in (others.id, str(uuid.uuid4()), "", "1", "\0"):
        with pytest.raises(InvitationNotFound) as refused:
            await revoke(ada, invitation_id)
        errors.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(errors) == 1
    assert [each.id for each in await other.invitations()] == [others.id]


@pytest.mark.parametrize("token", ["", "iv_" + "0" * 40, "\0", "x" * 10_000])
async def test_a_link_that_never_was_is_unknown(stand: Stand, token: str) -> None:
    with pytest.raises(InvitationNotFound):
        await stand.accept(token)


@pytest.mark.parametrize(
    "address", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.com\nBcc: eve@example.com", "ädä@example.com"]
)
async def test_what_is_no_address_is_not_invited(stand: Stand, address: str) -> None:
    ada = await stand.founder()

    with pytest.raises(EmailInvalid) as refused:
        await ada.invite(address)

    assert refused.value.field == "email"


async def test_what_is_no_role_is_not_given(stand: Stand, email: str) -> None:
    request = pb.InviteMemberRequest(email=email)
    request.role = 9  # pyright: ignore[reportAttributeAccessIssue] (proto3 takes numbers it doesn't know)

    with pytest.raises(InvalidArgument) as refused:
        await (await stand.founder()).do("InviteMember", request)

    assert refused.value.field == "role"


@pytest.mark.parametrize(("sign_up", "comes"), [("open", True), ("invited", True), ("closed", False)])
async def test_whether_the_invited_get_accounts_is_the_operators_to_say_and_a_refused_link_still_works(
    backends: Backends,
    email: str,
    sign_up: str,
    comes: bool,  # noqa: FBT001
) -> None:
    stand = open_stand(backends.postgres)
    ada = await stand.founder()
    await ada.invite(email)
    token = stand.mailbox.invitation(email)
    ruled = open_stand(backends.postgres, Policy(sign_up, confirms=False, mail_proves=True, public_url="https://pug.example"))  # pyright: ignore[reportArgumentType] (one of them)

    if comes:
        assert (await ruled.accept(token)).org.id == ada.org
    else:
        with pytest.raises(SignUpClosed):
            await ruled.accept(token)
        assert (await stand.accept(token)).org.id == ada.org


async def test_who_leaves_leaves_their_invitations_behind(stand: Stand, email: str) -> None:
    ada = await stand.founder()
    admin = await ada.bring_in("admin")
    await admin.invite(email)
    await admin.leave()

    assert [each.invited_by for each in await ada.invitations()] == [admin.email]
    assert (await stand.accept(stand.mailbox.invitation(email))).org.id == ada.org


async def test_the_invitations_of_who_is_removed_or_may_invite_no_more_end(stand: Stand) -> None:
    ada = await stand.founder()
    removed, demoted, still = [await ada.bring_in("admin") for _ in range(3)]
    emails = [new_email() for _ in range(3)]
    for admin, email in zip((removed, demoted, still), emails, strict=True):
        await admin.invite(email, "admin")

    await ada.do("RemoveMember", pb.RemoveMemberRequest(account_id=removed.id))
    await ada.set_role(demoted, "editor")

    assert [each.email for each in await ada.invitations()] == [emails[2]]
    for email in emails[:2]:
        with pytest.raises(InvitationNotFound):
            await stand.accept(stand.mailbox.invitation(email))
    assert (await stand.accept(stand.mailbox.invitation(emails[2]))).org.id == ada.org


async def test_an_owner_who_is_an_admin_now_invites_no_owner(stand: Stand) -> None:
    ada = await stand.founder()
    owner, first, second = await ada.bring_in("owner"), new_email(), new_email()
    await owner.invite(first, "owner")
    await owner.invite(second, "admin")

    await ada.set_role(owner, "admin")

    assert [each.email for each in await ada.invitations()] == [second]
