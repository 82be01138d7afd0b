"""Asks addresses into an org. Whoever has the link has read the address's mail, and joins as that address."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import AlreadyMember, InvitationExpired, InvitationNotFound, SignUpClosed, TooManyInvitations
from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from pug.accounts.v1 import session_pb2
from services.accounts.audit import Change, difference, kept, note
from services.accounts.mail import Mailer
from services.accounts.orgs.members import lock
from services.accounts.orgs.own import org_message
from services.accounts.orgs.roles import NUMBERS, require_may_touch, role_of
from services.accounts.orgs.sendings import Sendings
from services.accounts.quotas import Quotas, require_room
from services.accounts.sign_in.letters import Letters
from services.accounts.sign_in.newcomers import Newcomers, confirm
from services.accounts.sign_in.registered import Newcomer, Registered, find_by_email, orgs_of, register
from services.accounts.sign_in.sessions import Sessions
from services.accounts.sign_in.typed import email_address
from services.accounts.tables import accounts, invitations, memberships, orgs
from services.accounts.tokens import hashed, new_token
from services.rpc.call import Call
from services.rpc.standing import Role

_WORKS = timedelta(days=7)
_DAY = timedelta(days=1)
_SENT_A_DAY = 10


@dataclass(frozen=True, slots=True)
class Invitations:
    """InviteMember, ListInvitations, RevokeInvitation and AcceptInvitation."""

    postgres: AsyncEngine
    mailer: Mailer
    sendings: Sendings
    letters: Letters
    newcomers: Newcomers
    sessions: Sessions
    # Whether mail reaches nobody but the owner of its address.
    proves: bool
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]
    now: Callable[[], datetime]
    quotas: Quotas

    async def invite_member(self, request: pb.InviteMemberRequest, call: Call) -> pb.InviteMemberResponse:
        """The invitation, whose link is on its way; links of before work no longer."""
        email = email_address(request.email)
        role = role_of(request.role or pb.ROLE_VIEWER)
        token = new_token("iv")
        async with transaction(self.postgres) as connection:
            await lock(connection, call.org_id)
            await require_may_touch(connection, call, role)
            await _require_no_member(connection, call.org_id, email)
            await self._require_room(connection, call.org_id)
            found = await self._keep(connection, call, email, role, token)
            org = (await connection.execute(select(orgs.c.name).where(orgs.c.id == call.org_id))).scalar_one()
            self.sendings.send(email, str(call.account.id))
        letter = self.letters.invitation(org, call.account.email, token)
        await self.mailer.send(email, letter.subject, letter.text)
        return pb.InviteMemberResponse(invitation=_message(found, call.account.email))

    async def list_invitations(self, _request: pb.ListInvitationsRequest, call: Call) -> pb.ListInvitationsResponse:
        """Who is invited and has not come yet, latest first."""
        query = (
            select(invitations, accounts.c.email.label("by"))
            .outerjoin(accounts, accounts.c.id == invitations.c.invited_by)
            .where(invitations.c.org_id == call.org_id)
            .order_by(invitations.c.created_at.desc(), invitations.c.id)
        )
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return pb.ListInvitationsResponse(invitations=[_message(row, row["by"] or "") for row in rows])

    async def revoke_invitation(self, request: pb.RevokeInvitationRequest, call: Call) -> pb.RevokeInvitationResponse:
        """Nothing; the link works no longer."""
        async with transaction(self.postgres) as connection:
            found = await _of_org(connection, call.org_id, request.id)
            await require_may_touch(connection, call, Role(found["role"]))
            await connection.execute(delete(invitations).where(invitations.c.id == found["id"]))
            changes = difference({"email": found["email"], "role": found["role"]}, {})
            await note(connection, call, Change("RevokeInvitation", "invitation", str(found["id"]), changes))
        return pb.RevokeInvitationResponse()

    async def accept_invitation(self, request: pb.AcceptInvitationRequest, call: Call) -> session_pb2.AcceptInvitationResponse:
        """A session of the invited address, which is a member now; who was one already stays what they are."""
        async with transaction(self.postgres) as connection:
            query = select(invitations).where(invitations.c.token_hash == hashed(request.token))
            found = (await connection.execute(query)).mappings().one_or_none()
            if found is None:
                raise _none("token")
            if found["expires_at"] <= self.now():
                raise InvitationExpired("The link is too old.", field="token", hint="Ask who invited you to invite you again.")
            await lock(connection, found["org_id"])
            account = await self._invited(connection, found["email"])
            # Of two who come with it at once, one finds it.
            taken = delete(invitations).where(invitations.c.token_hash == hashed(request.token)).returning(invitations.c.id)
            if (await connection.execute(taken)).one_or_none() is None:
                raise _none("token")
            values = {"org_id": found["org_id"], "account_id": account.id, "role": found["role"]}
            joined = insert(memberships).values(values).on_conflict_do_nothing().returning(memberships.c.account_id)
            if (await connection.execute(joined)).one_or_none():
                changes = difference({}, {"email": account.email, "role": found["role"]})
                change = Change("AcceptInvitation", "member", str(account.id), changes)
                await note(connection, call, change, org_id=found["org_id"], actor=account.email)
            org = next(org for org in await orgs_of(connection, account.id) if org.id == found["org_id"])
            session = await self.sessions.begin(connection, account, call, "link")
        self.forget(str(account.id))
        return session_pb2.AcceptInvitationResponse(session=session, org=org_message(org))

    async def _require_room(self, connection: AsyncConnection, org_id: int) -> None:
        most = self.quotas.org_members
        await require_room(connection, memberships, memberships.c.org_id == org_id, most, "members of the org")
        await require_room(connection, invitations, invitations.c.org_id == org_id, most, "invitations that wait")

    async def _keep(self, connection: AsyncConnection, call: Call, email: str, role: Role, token: str) -> RowMapping:
        """The invitation of an address, made or renewed."""
        now = self.now()
        query = select(invitations).where(invitations.c.org_id == call.org_id, invitations.c.email == email)
        before = (await connection.execute(query)).mappings().one_or_none()
        if before:
            await require_may_touch(connection, call, Role(before["role"]))
        today = before is not None and now - before["sent_since"] < _DAY
        if before and today and before["sent"] >= _SENT_A_DAY:
            raise TooManyInvitations(
                f"This address was invited {_SENT_A_DAY} times within a day.",
                field="email",
                hint="Wait, or ask whether the mail was taken for spam.",
                retry_after=before["sent_since"] + _DAY - now,
            )
        values = {
            "role": role.value,
            "invited_by": call.account.id,
            "token_hash": hashed(token),
            "expires_at": now + _WORKS,
            "sent": before["sent"] + 1 if before and today else 1,
            "sent_since": before["sent_since"] if before and today else now,
        }
        made = insert(invitations).values(id=uuid.uuid4(), org_id=call.org_id, email=email, created_at=now, **values)
        written = made.on_conflict_do_update(constraint="invitations_email_in_org", set_=values).returning(invitations)
        invitation = (await connection.execute(written)).mappings().one()
        changes = {**kept(email=email), **difference({"role": before and before["role"]}, {"role": role.value})}
        await note(connection, call, Change("InviteMember", "invitation", str(invitation["id"]), changes))
        return invitation

    async def _invited(self, connection: AsyncConnection, email: str) -> Registered:
        """The account of an invited address, made if there is none, without an org of its own."""
        account = await find_by_email(connection, email)
        if account is None:
            if not await self.newcomers.may_come(connection, email):
                raise SignUpClosed("This server makes no new accounts.", hint="Ask its operator for one, then follow the link again.")
            account = await register(connection, Newcomer(email)) or await find_by_email(connection, email)
            assert account
        return await confirm(connection, account, self.now()) if self.proves else account


async def _require_no_member(connection: AsyncConnection, org_id: int, email: str) -> None:
    query = (
        select(accounts.c.id)
        .join(memberships, memberships.c.account_id == accounts.c.id)
        .where(memberships.c.org_id == org_id, accounts.c.email == email)
    )
    if (await connection.execute(query)).first():
        raise AlreadyMember("This address is in the org already.", field="email", hint="SetMemberRole changes what they may do.")


async def _of_org(connection: AsyncConnection, org_id: int, invitation_id: str) -> RowMapping:
    try:
        query = select(invitations).where(invitations.c.org_id == org_id, invitations.c.id == UUID(invitation_id)).with_for_update()
    except ValueError:
        raise _none("id") from None
    found = (await connection.execute(query)).mappings().one_or_none()
    if found is None:
        raise _none("id")
    return found


def _none(field: str) -> InvitationNotFound:
    hint = "ListInvitations lists them." if field == "id" else "It was used, replaced or taken back: ask who invited you."
    return InvitationNotFound("There is no such invitation.", field=field, hint=hint)


def _message(row: RowMapping, by: str) -> pb.Invitation:
    return pb.Invitation(
        id=str(row["id"]),
        email=row["email"],
        role=NUMBERS[Role(row["role"])],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        invited_by=by,
    )
