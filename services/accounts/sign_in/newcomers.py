"""Makes accounts for those who may have one, each with an org, a project and a key to begin with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import SignUpClosed
from services.accounts.keys import insert_key, new_key
from services.accounts.sign_in.registered import Newcomer, Registered, change, find_by_email, find_for_change, register
from services.accounts.tables import accounts, invitations, memberships, orgs, projects, sessions
from services.rpc.call import Scope
from services.rpc.standing import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SignUp = Literal["open", "invited", "closed"]

_PROJECT = "My project"
# With what is added, an org's name has at most 150 characters.
_WHOSE_LENGTH = 140


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Lets in whom the operator lets in: anybody, those who are invited to an org, or nobody; the first account always."""

    sign_up: SignUp
    now: Callable[[], datetime]

    async def may_come(self, connection: AsyncConnection, email: str) -> bool:
        """Whether an address without account may have one. Once asked, others wait until the transaction ends, so that the first is one."""
        if self.sign_up == "open":
            return True
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("first account", 0))))
        if (await connection.execute(select(accounts.c.id).limit(1))).first() is None:
            return True
        if self.sign_up == "closed":
            return False
        invited = select(invitations.c.id).where(invitations.c.email == email, invitations.c.expires_at > self.now()).limit(1)
        return (await connection.execute(invited)).first() is not None

    async def make(self, connection: AsyncConnection, newcomer: Newcomer) -> Registered | None:
        """A new account, owner of a new org; None when the address has one. Raises SignUpClosed."""
        if not await self.may_come(connection, newcomer.email):
            raise SignUpClosed("This server makes no account for this address.", hint="Ask a member of your org to invite it.")
        made = await register(connection, newcomer)
        if made is None:
            return None
        await _settle(connection, made, newcomer.time_zone)
        log.info("signed_up", account_id=str(made.id))
        return made

    async def recognise(self, connection: AsyncConnection, newcomer: Newcomer) -> Registered:
        """The account of an address, made if there is none. Raises SignUpClosed.

        With `confirmed_at` it has been shown just now that the address is theirs.
        """
        found = await find_by_email(connection, newcomer.email) or await self.make(connection, newcomer)
        # Somebody else was faster; their transaction has ended.
        found = found or await find_by_email(connection, newcomer.email)
        assert found
        return await confirm(connection, found, newcomer.confirmed_at) if newcomer.confirmed_at else found


async def confirm(connection: AsyncConnection, account: Registered, at: datetime) -> Registered:
    """The account, now that its address was shown to be theirs.

    If nobody had shown that before, the account may be the work of somebody else, who knows its password: that is taken away, and all
    sessions end.
    """
    # Locked, so that of two who show it at once the second doesn't end the first one's session.
    known = await find_for_change(connection, account.id)
    if known.confirmed_at is not None:
        return known
    confirmed = await change(connection, known.id, password=None, confirmed_at=at)
    await connection.execute(update(sessions).where(sessions.c.account_id == known.id, sessions.c.ended_at.is_(None)).values(ended_at=at))
    return confirmed


async def _settle(connection: AsyncConnection, owner: Registered, time_zone: str) -> None:
    whose = (owner.name or owner.email.partition("@")[0])[:_WHOSE_LENGTH]
    org_id = (await connection.execute(insert(orgs).values(name=f"{whose}'s team").returning(orgs.c.id))).scalar_one()
    await connection.execute(insert(memberships).values(org_id=org_id, account_id=owner.id, role=Role.OWNER.value))
    project = insert(projects).values(org_id=org_id, name=_PROJECT, time_zone=time_zone).returning(projects.c.id)
    project_id = (await connection.execute(project)).scalar_one()
    await insert_key(connection, project_id, new_key("write", "first", (Scope.CAPTURE,)))
