"""Lets somebody in whom the operator names, whatever PUG_SIGN_UP says."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import ProjectNotFound
from core.postgres import transaction
from services.accounts.audit import Change, difference, kept, note_operators
from services.accounts.orgs.members import lock
from services.accounts.sign_in.links import Links
from services.accounts.sign_in.newcomers import Newcomers
from services.accounts.sign_in.registered import Newcomer, Registered, find_by_email, orgs_of, register
from services.accounts.tables import memberships, projects
from services.rpc.standing import Role


@dataclass(frozen=True, slots=True)
class LetIn:
    """Who came in, where, and how they get there."""

    account_id: str
    # Empty for who has an account and is in no org.
    org_id: str
    role: str
    # Works once, for 15 minutes.
    token: str


async def let_in(postgres: AsyncEngine, links: Links, who: Newcomer, project_id: int | None, role: Role) -> LetIn:
    """An account, made if there is none, in the org of a project or in one of its own, and a link to sign in to it.

    Raises ProjectNotFound.
    """
    async with transaction(postgres) as connection:
        if project_id is None:
            account = await Newcomers("open", lambda: datetime.now(UTC)).recognise(connection, who)
            orgs = await orgs_of(connection, account.id)
        else:
            org_id = await _org_of(connection, project_id)
            account = await _member(connection, who, org_id, role)
            orgs = [org for org in await orgs_of(connection, account.id) if org.id == org_id]
        token = await links.keep(connection, Newcomer(who.email, time_zone=""))
    return LetIn(str(account.id), str(orgs[0].id) if orgs else "", orgs[0].role if orgs else "", token)


async def _org_of(connection: AsyncConnection, project_id: int) -> int:
    org_id = (await connection.execute(select(projects.c.org_id).where(projects.c.id == project_id))).scalar_one_or_none()
    if org_id is None:
        raise ProjectNotFound("There is no such project.", field="project", hint="Leave it out, and they get an org of their own.")
    return org_id


async def _member(connection: AsyncConnection, who: Newcomer, org_id: int, role: Role) -> Registered:
    await lock(connection, org_id)
    account = await find_by_email(connection, who.email) or await register(connection, who) or await find_by_email(connection, who.email)
    assert account
    known = select(memberships.c.role).where(memberships.c.org_id == org_id, memberships.c.account_id == account.id)
    before = (await connection.execute(known)).scalar_one_or_none()
    if before == role.value:
        return account
    query = upsert(memberships).values(org_id=org_id, account_id=account.id, role=role.value)
    await connection.execute(query.on_conflict_do_update(index_elements=["org_id", "account_id"], set_={"role": role.value}))
    changes = {**kept(email=account.email), **difference({"role": before}, {"role": role.value})}
    await note_operators(connection, org_id, None, Change("pug accounts create", "member", str(account.id), changes))
    return account
