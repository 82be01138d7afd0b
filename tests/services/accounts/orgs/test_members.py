import uuid

import pytest
from sqlalchemy import update

from accounts_stand import Someone, Stand
from core.errors import InvalidArgument, LastOwner, MemberNotFound, OrgNotFound, ScopeMissing
from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from services.accounts.tables import memberships

ROLES = ("owner", "admin", "editor", "viewer")


async def test_members_are_listed_to_every_member_by_address(stand: Stand) -> None:
    ada = await stand.founder()
    viewer = await ada.bring_in("viewer")

    members = await viewer.members()

    assert members == {ada.email: "owner", viewer.email: "viewer"}
    assert list(members) == sorted(members)


@pytest.mark.parametrize("role", ROLES)
async def test_an_owner_makes_a_member_anything_and_it_counts_at_once(stand: Stand, role: str) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in("viewer")
    await bob.members()

    member = await ada.set_role(bob, role)

    assert (member.account_id, member.email) == (bob.id, bob.email)
    assert (await ada.members())[bob.email] == role
    if role in {"owner", "admin"}:
        await bob.invitations()
    else:
        with pytest.raises(ScopeMissing):
            await bob.invitations()


async def test_only_an_owner_makes_unmakes_or_removes_an_owner(stand: Stand) -> None:
    ada = await stand.founder()
    admin, viewer, owner = [await ada.bring_in(role) for role in ("admin", "viewer", "owner")]

    for act in (
        admin.set_role(viewer, "owner"),
        admin.set_role(admin, "owner"),
        admin.set_role(ada, "viewer"),
        admin.set_role(ada, "owner"),
        admin.remove(owner),
    ):
        with pytest.raises(ScopeMissing) as refused:
            await act
        assert "owner" in refused.value.message
    assert await ada.members() == {ada.email: "owner", admin.email: "admin", viewer.email: "viewer", owner.email: "owner"}


async def test_an_admin_changes_and_removes_who_is_no_owner(stand: Stand) -> None:
    ada = await stand.founder()
    admin, other, viewer = [await ada.bring_in(role) for role in ("admin", "admin", "viewer")]

    await admin.set_role(viewer, "admin")
    await admin.set_role(other, "editor")
    await admin.remove(other)
    await admin.set_role(admin, "viewer")

    assert await ada.members() == {ada.email: "owner", admin.email: "viewer", viewer.email: "admin"}


@pytest.mark.parametrize("role", ["editor", "viewer"])
async def test_who_is_no_admin_changes_nobody_and_may_leave(stand: Stand, role: str) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in(role)

    for act in (bob.set_role(bob, "admin"), bob.remove(ada), bob.invite("eve@example.com")):
        with pytest.raises(ScopeMissing):
            await act
    await bob.leave()

    assert await ada.members() == {ada.email: "owner"}


async def test_the_last_owner_stays_one(stand: Stand) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in("admin")

    for act in (ada.leave(), ada.set_role(ada, "admin")):
        with pytest.raises(LastOwner) as refused:
            await act
        assert (refused.value.code.value, refused.value.reason, bool(refused.value.hint)) == ("failed_precondition", "LAST_OWNER", True)
    await ada.set_role(bob, "owner")
    await ada.leave()

    assert await bob.members() == {bob.email: "owner"}
    with pytest.raises(LastOwner):
        await bob.leave()


async def test_who_is_out_sees_nothing_of_the_org_from_the_next_call_on(stand: Stand) -> None:
    ada = await stand.founder()
    bob, eve = await ada.bring_in("admin"), await ada.bring_in("owner")
    await bob.members()
    await eve.members()

    await ada.remove(bob)
    await eve.leave()

    for someone in (bob, eve):
        with pytest.raises(OrgNotFound):
            await someone.members()
        assert list((await stand.me(someone.session)).orgs) == []


async def test_nobody_removes_themselves(stand: Stand) -> None:
    ada = await stand.founder()
    await ada.bring_in("owner")

    with pytest.raises(InvalidArgument) as refused:
        await ada.remove(ada)

    assert (refused.value.field, "LeaveOrg" in refused.value.hint) == ("accountId", True)


@pytest.mark.parametrize("role", [pb.ROLE_UNSPECIFIED, 9])
async def test_a_role_that_is_none_is_refused(stand: Stand, role: int) -> None:
    ada = await stand.founder()
    request = pb.SetMemberRoleRequest(account_id=ada.id)
    request.role = role  # pyright: ignore[reportAttributeAccessIssue] (proto3 takes numbers it doesn't know)

    with pytest.raises(InvalidArgument) as refused:
        await ada.do("SetMemberRole", request)

    assert refused.value.field == "role"


async def test_a_member_of_another_org_is_as_unknown_as_one_who_is_not_there(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    errors: set[tuple[str, str, str]] = set()

    for account_id in (other.id, str(uuid.uuid4()), "", "1", "\0"):
        for name, request in (
            ("SetMemberRole", pb.SetMemberRoleRequest(account_id=account_id, role=pb.ROLE_VIEWER)),
            ("RemoveMember", pb.RemoveMemberRequest(account_id=account_id)),
        ):
            with pytest.raises(MemberNotFound) as refused:
                await ada.do(name, request)
            errors.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(errors) == 1
    assert await other.members() == {other.email: "owner"}


async def test_an_org_of_others_is_as_unknown_as_one_that_is_not_there(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    errors: set[tuple[str, str, str]] = set()

    for org in (other.org, str(2**40), "x"):
        with pytest.raises(OrgNotFound) as refused:
            await Someone(stand, ada.session, org).members()
        errors.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(errors) == 1


async def test_who_was_demoted_by_another_process_a_moment_ago_makes_no_owners_any_more(stand: Stand) -> None:
    ada = await stand.founder()
    bob, viewer = await ada.bring_in("owner"), await ada.bring_in("viewer")
    await bob.members()
    # As another process does it: nothing here is told.
    async with transaction(stand.postgres) as connection:
        await connection.execute(update(memberships).where(memberships.c.account_id == bob.id).values(role="admin"))

    for act in (bob.set_role(viewer, "owner"), bob.set_role(ada, "viewer"), bob.invite("eve@example.com", "owner")):
        with pytest.raises(ScopeMissing):
            await act
    await bob.set_role(viewer, "editor")

    assert await ada.members() == {ada.email: "owner", bob.email: "admin", viewer.email: "editor"}
