"""Who is in an org, and as what. Whoever changes that holds the org's row, so that of two owners who go at once one stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import InvalidArgument, LastOwner, MemberNotFound
from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from services.accounts.audit import Change, difference, kept, note
from services.accounts.orgs.roles import NUMBERS, require_may_touch, role_of
from services.accounts.tables import accounts, invitations, memberships, orgs
from services.rpc.call import Call
from services.rpc.standing import Role


@dataclass(frozen=True, slots=True)
class _Member:
    account_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime

    def message(self, role: Role | None = None) -> pb.Member:
        return pb.Member(
            account_id=str(self.account_id), email=self.email, name=self.name, role=NUMBERS[role or self.role], joined_at=self.joined_at
        )


@dataclass(frozen=True, slots=True)
class Members:
    """ListMembers, SetMemberRole, RemoveMember and LeaveOrg."""

    postgres: AsyncEngine
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]

    async def list_members(self, _request: pb.ListMembersRequest, call: Call) -> pb.ListMembersResponse:
        """All members, by address."""
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(_of(call.org_id).order_by(accounts.c.email))).mappings().all()
        return pb.ListMembersResponse(members=[_member(row).message() for row in rows])

    async def set_member_role(self, request: pb.SetMemberRoleRequest, call: Call) -> pb.SetMemberRoleResponse:
        """The member with the new role; the same one again changes nothing."""
        role = role_of(request.role)
        async with transaction(self.postgres) as connection:
            member = await _locked(connection, call, request.account_id)
            await require_may_touch(connection, call, member.role, role)
            if role is not member.role:
                if member.role is Role.OWNER:
                    await _require_another_owner(connection, call.org_id)
                await connection.execute(update(memberships).where(*_is(call.org_id, member.account_id)).values(role=role.value))
                ended = await _end_invitations(connection, call.org_id, member.account_id, role)
                changes = {**kept(email=member.email), **difference({"role": member.role.value}, {"role": role.value}), **ended}
                await note(connection, call, Change("SetMemberRole", "member", str(member.account_id), changes))
        self.forget(str(member.account_id))
        return pb.SetMemberRoleResponse(member=member.message(role))

    async def remove_member(self, request: pb.RemoveMemberRequest, call: Call) -> pb.RemoveMemberResponse:
        """Nothing; the member is none any more."""
        async with transaction(self.postgres) as connection:
            member = await _locked(connection, call, request.account_id)
            if member.account_id == call.account.id:
                raise InvalidArgument("That is you.", field="accountId", hint="Call LeaveOrg to leave.")
            await require_may_touch(connection, call, member.role)
            ended = await _end_invitations(connection, call.org_id, member.account_id, None)
            await _remove(connection, call, member, "RemoveMember", ended)
        self.forget(str(member.account_id))
        return pb.RemoveMemberResponse()

    async def leave_org(self, _request: pb.LeaveOrgRequest, call: Call) -> pb.LeaveOrgResponse:
        """Nothing; the caller is no member any more."""
        async with transaction(self.postgres) as connection:
            await _remove(connection, call, await _locked(connection, call, str(call.account.id)), "LeaveOrg", {})
        self.forget(str(call.account.id))
        return pb.LeaveOrgResponse()


async def lock(connection: AsyncConnection, org_id: int) -> None:
    """Until the transaction ends nobody else changes who is in the org, nor what its projects are called."""
    # FOR NO KEY UPDATE: rows that refer to the org, such as the log's, don't wait for it, so nobody who holds another lock does.
    await connection.execute(select(orgs.c.id).where(orgs.c.id == org_id).with_for_update(key_share=True))


async def _locked(connection: AsyncConnection, call: Call, account_id: str) -> _Member:
    """A member, in an org that is locked."""
    await lock(connection, call.org_id)
    try:
        query = _of(call.org_id).where(accounts.c.id == UUID(account_id))
    except ValueError:
        raise _nobody() from None
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise _nobody()
    return _member(row)


async def _remove(connection: AsyncConnection, call: Call, member: _Member, action: str, also: Mapping[str, Any]) -> None:
    if member.role is Role.OWNER:
        await _require_another_owner(connection, call.org_id)
    await connection.execute(delete(memberships).where(*_is(call.org_id, member.account_id)))
    changes = {**difference({"email": member.email, "role": member.role.value}, {}), **also}
    await note(connection, call, Change(action, "member", str(member.account_id), changes))


async def _end_invitations(connection: AsyncConnection, org_id: int, account_id: UUID, role: Role | None) -> dict[str, Any]:
    """End the invitations that somebody sent and, being what others made them, could not send any more; returns whom they were for."""
    query = delete(invitations).where(invitations.c.org_id == org_id, invitations.c.invited_by == account_id)
    match role:
        case Role.OWNER:
            return {}
        case Role.ADMIN:
            query = query.where(invitations.c.role == Role.OWNER.value)
        case _:
            pass
    emails = (await connection.execute(query.returning(invitations.c.email))).scalars().all()
    return difference({"invited": sorted(emails)}, {}) if emails else {}


async def _require_another_owner(connection: AsyncConnection, org_id: int) -> None:
    query = select(func.count()).where(memberships.c.org_id == org_id, memberships.c.role == Role.OWNER.value)
    if (await connection.execute(query)).scalar_one() == 1:
        raise LastOwner("An org always has an owner, and this is the last one.", hint="Make another member an owner first.")


def _of(org_id: int) -> Select[Any, Any, Any, Any, Any]:
    return (
        select(accounts.c.id, accounts.c.email, accounts.c.name, memberships.c.role, memberships.c.joined_at)
        .join(memberships, memberships.c.account_id == accounts.c.id)
        .where(memberships.c.org_id == org_id)
    )


def _is(org_id: int, account_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return memberships.c.org_id == org_id, memberships.c.account_id == account_id


def _member(row: RowMapping) -> _Member:
    return _Member(row["id"], row["email"], row["name"], Role(row["role"]), row["joined_at"])


def _nobody() -> MemberNotFound:
    return MemberNotFound("The org has no such member.", field="accountId", hint="ListMembers lists them.")
