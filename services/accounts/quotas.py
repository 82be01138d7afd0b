"""Bounds how much of everything there may be: whatever somebody makes is read when they are looked up, or listed at once."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import QuotaReached


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many there may be. Who makes several at once may get a few more."""

    # That an account is in.
    account_orgs: int = 50
    org_projects: int = 100
    # With those who are invited.
    org_members: int = 1_000
    # With those that work no longer, which are listed, too.
    project_keys: int = 1_000
    # Of dashboards, and of saved insights.
    project_boards: int = 1_000


async def require_room(connection: AsyncConnection, table: Table, of: ColumnElement[bool], most: int, what: str) -> None:
    """Refuse one more in a table; `of` says whose are counted, `what` what they are for people, such as `projects of an org`."""
    held = (await connection.execute(select(func.count()).select_from(table).where(of))).scalar_one()
    if held >= most:
        raise QuotaReached(f"There are {held:,} {what}, as many as there may be.", hint="Use one there is, or ask the operator for more.")
