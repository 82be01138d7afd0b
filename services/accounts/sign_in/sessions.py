"""Begins, continues and ends sessions in PostgreSQL.

A session is one sign-in. Its tokens are replaced at each refresh, so that a refresh token works once. One that is used again was stolen: by
whoever used it first, or by whoever used it last. Nobody can tell, so the session ends. There is no time in which using it twice would be
forgiven: clients refresh once at a time.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import transaction
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.registered import Registered, registered_of
from services.accounts.tables import accounts, memberships, projects, session_tokens, sessions
from services.accounts.tokens import hashed, new_token
from services.rpc.call import Account, Call, Project
from services.rpc.standing import Membership, Role, SignedIn

_ACCESS = timedelta(minutes=15)
_REFRESH = timedelta(days=90)
_JUST_NOW = timedelta(minutes=15)
_USER_AGENT_LENGTH = 300
_MOST = 100

By = Literal["password", "link", "oidc"]


@dataclass(frozen=True, slots=True)
class Device:
    """A session that has not ended."""

    id: UUID
    signed_in_at: datetime
    last_seen_at: datetime
    user_agent: str


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of a refresh token: a new session, or none; and of a stolen one whose session has ended by that."""

    session: pb.Session | None = None
    ended: UUID | None = None


class Sessions:
    """Sessions and their tokens."""

    def __init__(self, postgres: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._postgres = postgres
        self._now = now

    async def begin(self, connection: AsyncConnection, account: Registered, call: Call, by: By) -> pb.Session:
        """A new session of an account, for whoever calls and has shown who they are by a password, a link or the provider."""
        session_id = uuid.uuid4()
        # PostgreSQL takes no zero bytes.
        user_agent = call.sender.headers.get("user-agent", "").replace("\0", "")[:_USER_AGENT_LENGTH]
        values = {"id": session_id, "account_id": account.id, "user_agent": user_agent, "signed_in_by": by, "signed_in_at": self._now()}
        await connection.execute(insert(sessions).values(values))
        await self._end_oldest(connection, account.id)
        return await self._issue(connection, session_id, account)

    async def find(self, token: str) -> SignedIn | None:
        """Who holds this access token, if it works, and what they are where."""
        query = (
            select(
                sessions.c.id.label("session_id"),
                session_tokens.c.access_expires_at,
                accounts.c.id.label("account_id"),
                accounts.c.email,
                memberships.c.org_id,
                memberships.c.role,
                projects.c.id.label("project_id"),
                projects.c.time_zone,
                projects.c.retention_months,
            )
            .join(sessions, sessions.c.id == session_tokens.c.session_id)
            .join(accounts, accounts.c.id == sessions.c.account_id)
            .outerjoin(memberships, memberships.c.account_id == accounts.c.id)
            .outerjoin(projects, projects.c.org_id == memberships.c.org_id)
            .where(session_tokens.c.access_hash == hashed(token), session_tokens.c.access_expires_at > self._now())
            .where(sessions.c.ended_at.is_(None))
            .order_by(memberships.c.org_id, projects.c.id)
        )
        async with transaction(self._postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return _signed_in(rows) if rows else None

    async def refresh(self, token: str) -> Refreshed:
        """A session for a refresh token, once. Two who come with the same one at once are one after the other here."""
        query = (
            select(
                session_tokens.c.used_at,
                session_tokens.c.refresh_expires_at,
                sessions.c.id.label("session_id"),
                sessions.c.ended_at,
                *_ACCOUNT,
            )
            .join(sessions, sessions.c.id == session_tokens.c.session_id)
            .join(accounts, accounts.c.id == sessions.c.account_id)
            .where(session_tokens.c.refresh_hash == hashed(token))
            .with_for_update(of=session_tokens)
        )
        now = self._now()
        async with transaction(self._postgres) as connection:
            found = (await connection.execute(query)).mappings().one_or_none()
            if found is None or found["ended_at"] is not None or found["refresh_expires_at"] <= now:
                return Refreshed()
            if found["used_at"] is not None:
                await self._end(connection, found["session_id"])
                return Refreshed(ended=found["id"])
            used = update(session_tokens).where(session_tokens.c.refresh_hash == hashed(token)).values(used_at=now)
            await connection.execute(used)
            return Refreshed(await self._issue(connection, found["session_id"], registered_of(found)))

    async def sign_out(self, token: str) -> UUID | None:
        """End the session of a refresh token, whether it works or not; returns whose it was."""
        query = (
            update(sessions)
            .where(sessions.c.id == session_tokens.c.session_id, session_tokens.c.refresh_hash == hashed(token))
            .values(ended_at=func.coalesce(sessions.c.ended_at, self._now()))
            .returning(sessions.c.account_id)
        )
        async with transaction(self._postgres) as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def devices(self, account_id: UUID) -> Sequence[Device]:
        """The sessions of an account that could still be refreshed, latest sign-in first."""
        query = (
            select(
                sessions.c.id, sessions.c.signed_in_at, sessions.c.user_agent, func.max(session_tokens.c.issued_at).label("last_seen_at")
            )
            .join(session_tokens, session_tokens.c.session_id == sessions.c.id)
            .where(sessions.c.account_id == account_id, sessions.c.ended_at.is_(None))
            .group_by(sessions.c.id)
            .having(func.max(session_tokens.c.refresh_expires_at) > self._now())
            .order_by(sessions.c.signed_in_at.desc(), sessions.c.id)
        )
        async with transaction(self._postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Device(row["id"], row["signed_in_at"], row["last_seen_at"], row["user_agent"]) for row in rows]

    async def may_choose_password(self, connection: AsyncConnection, session_id: UUID) -> bool:
        """Whether a session has just begun by what is better than the password: somebody who lost theirs may choose another."""
        query = select(sessions.c.id).where(
            sessions.c.id == session_id, sessions.c.signed_in_by != "password", sessions.c.signed_in_at > self._now() - _JUST_NOW
        )
        return (await connection.execute(query)).first() is not None

    async def end(self, account_id: UUID, session_id: UUID) -> bool:
        """End a session of an account; returns whether it is one of theirs."""
        async with transaction(self._postgres) as connection:
            query = select(sessions.c.id).where(sessions.c.id == session_id, sessions.c.account_id == account_id)
            if (await connection.execute(query)).first() is None:
                return False
            await self._end(connection, session_id)
            return True

    async def end_others(self, connection: AsyncConnection, account: Account) -> None:
        """End all sessions of an account but the one it calls from."""
        query = (
            update(sessions)
            .where(sessions.c.account_id == account.id, sessions.c.id != account.session_id, sessions.c.ended_at.is_(None))
            .values(ended_at=self._now())
        )
        await connection.execute(query)

    async def prune(self) -> None:
        """Delete what works no longer and would not tell of a theft either."""
        expired = session_tokens.c.refresh_expires_at <= self._now()
        left = select(session_tokens.c.session_id).where(session_tokens.c.session_id == sessions.c.id).exists()
        async with transaction(self._postgres) as connection:
            await connection.execute(delete(session_tokens).where(expired))
            await connection.execute(delete(sessions).where(~left))

    async def _end_oldest(self, connection: AsyncConnection, account_id: UUID) -> None:
        """End those beyond what somebody has devices for: each could be refreshed for months, and all are listed together."""
        newest = (
            select(sessions.c.id)
            .where(sessions.c.account_id == account_id, sessions.c.ended_at.is_(None))
            .order_by(sessions.c.signed_in_at.desc(), sessions.c.id)
        )
        beyond = update(sessions).where(sessions.c.id.in_(newest.offset(_MOST))).values(ended_at=self._now())
        await connection.execute(beyond)

    async def _issue(self, connection: AsyncConnection, session_id: UUID, account: Registered) -> pb.Session:
        now, access, refresh = self._now(), new_token("at"), new_token("rt")
        values = {
            "refresh_hash": hashed(refresh),
            "session_id": session_id,
            "access_hash": hashed(access),
            "issued_at": now,
            "access_expires_at": now + _ACCESS,
            "refresh_expires_at": now + _REFRESH,
        }
        await connection.execute(insert(session_tokens).values(values))
        return pb.Session(
            access_token=access,
            access_expires_at=now + _ACCESS,
            refresh_token=refresh,
            refresh_expires_at=now + _REFRESH,
            account=account.message(),
        )

    async def _end(self, connection: AsyncConnection, session_id: UUID) -> None:
        ending = func.coalesce(sessions.c.ended_at, self._now())
        await connection.execute(update(sessions).where(sessions.c.id == session_id).values(ended_at=ending))


_ACCOUNT = tuple(accounts.c[name] for name in ("id", "email", "name", "password", "created_at", "confirmed_at"))


def _signed_in(rows: Sequence[RowMapping]) -> SignedIn:
    first = rows[0]
    account = Account(first["account_id"], first["email"], first["session_id"])
    by_org = groupby((row for row in rows if row["org_id"] is not None), key=lambda row: (row["org_id"], row["role"]))
    in_orgs = tuple(
        Membership(
            org_id,
            Role(role),
            tuple(Project(row["project_id"], row["time_zone"], row["retention_months"]) for row in of_org if row["project_id"] is not None),
        )
        for (org_id, role), of_org in by_org
    )
    return SignedIn(account, in_orgs, first["access_expires_at"])
