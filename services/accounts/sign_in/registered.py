"""Reads and writes accounts in PostgreSQL, in transactions of those who ask."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pug.accounts.v1 import session_pb2 as pb
from services.accounts.tables import accounts, memberships, orgs
from services.rpc.standing import Role


@dataclass(frozen=True, slots=True)
class Registered:
    """Somebody's account."""

    id: UUID
    email: str
    name: str
    # Its hash; none for who signs in by links or the provider alone.
    password: str | None
    created_at: datetime
    # None while nobody has shown that the address is theirs.
    confirmed_at: datetime | None

    def message(self) -> pb.Account:
        """As the contract has it."""
        return pb.Account(id=str(self.id), email=self.email, name=self.name, created_at=self.created_at)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is about to have an account."""

    email: str
    name: str = ""
    password: str | None = None
    # An IANA name, for their first project.
    time_zone: str = "UTC"
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InOrg:
    """An org, and what somebody is in it."""

    id: int
    name: str
    role: Role
    created_at: datetime


async def find_by_email(connection: AsyncConnection, email: str) -> Registered | None:
    """The account of an address in lower case."""
    row = (await connection.execute(select(accounts).where(accounts.c.email == email))).mappings().one_or_none()
    return registered_of(row) if row else None


async def find_for_change(connection: AsyncConnection, account_id: UUID) -> Registered:
    """An account that exists, locked until the transaction ends."""
    query = select(accounts).where(accounts.c.id == account_id).with_for_update()
    return registered_of((await connection.execute(query)).mappings().one())


async def find(connection: AsyncConnection, account_id: UUID) -> Registered:
    """An account that exists."""
    return registered_of((await connection.execute(select(accounts).where(accounts.c.id == account_id))).mappings().one())


async def register(connection: AsyncConnection, newcomer: Newcomer) -> Registered | None:
    """A new account; None when the address has one, be it since a moment ago."""
    values = {
        "id": uuid.uuid4(),
        "email": newcomer.email,
        "name": newcomer.name,
        "password": newcomer.password,
        "confirmed_at": newcomer.confirmed_at,
    }
    query = insert(accounts).values(values).on_conflict_do_nothing().returning(accounts)
    row = (await connection.execute(query)).mappings().one_or_none()
    return registered_of(row) if row else None


async def change(connection: AsyncConnection, account_id: UUID, **values: str | datetime | None) -> Registered:
    """The account with new values in some of its columns."""
    query = update(accounts).where(accounts.c.id == account_id).values(values).returning(accounts)
    return registered_of((await connection.execute(query)).mappings().one())


async def orgs_of(connection: AsyncConnection, account_id: UUID) -> Sequence[InOrg]:
    """The orgs somebody is in, by name."""
    query = (
        select(orgs, memberships.c.role)
        .join(memberships, memberships.c.org_id == orgs.c.id)
        .where(memberships.c.account_id == account_id)
        .order_by(orgs.c.name, orgs.c.id)
    )
    rows = (await connection.execute(query)).mappings().all()
    return [InOrg(row["id"], row["name"], Role(row["role"]), row["created_at"]) for row in rows]


def registered_of(row: RowMapping) -> Registered:
    """The account in a row that has its columns."""
    return Registered(row["id"], row["email"], row["name"], row["password"], row["created_at"], row["confirmed_at"])
