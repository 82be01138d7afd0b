"""Orgs as their members see them."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from services.accounts.audit import Change, difference, note
from services.accounts.names import name_of
from services.accounts.orgs.members import lock
from services.accounts.orgs.roles import NUMBERS, standing_of
from services.accounts.quotas import Quotas, require_room
from services.accounts.sign_in.registered import InOrg, find_for_change, orgs_of
from services.accounts.tables import memberships, orgs
from services.rpc.call import Call
from services.rpc.standing import Role

_WHAT = "An org"


@dataclass(frozen=True, slots=True)
class OwnOrgs:
    """CreateOrg, ListOrgs and UpdateOrg."""

    postgres: AsyncEngine
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]
    quotas: Quotas

    async def create_org(self, request: pb.CreateOrgRequest, call: Call) -> pb.CreateOrgResponse:
        """A new org, whose owner is the caller."""
        name = name_of(request.name, what=_WHAT)
        async with transaction(self.postgres) as connection:
            # The account may be about to go.
            await find_for_change(connection, call.account.id)
            of = memberships.c.account_id == call.account.id
            await require_room(connection, memberships, of, self.quotas.account_orgs, "orgs you are in")
            row = (await connection.execute(insert(orgs).values(name=name).returning(orgs))).mappings().one()
            values = {"org_id": row["id"], "account_id": call.account.id, "role": Role.OWNER.value}
            await connection.execute(insert(memberships).values(values))
            made = Change("CreateOrg", "org", str(row["id"]), difference({}, {"name": name}))
            await note(connection, call, made, org_id=row["id"])
        self.forget(str(call.account.id))
        return pb.CreateOrgResponse(org=org_message(InOrg(row["id"], name, Role.OWNER, row["created_at"])))

    async def list_orgs(self, _request: pb.ListOrgsRequest, call: Call) -> pb.ListOrgsResponse:
        """The caller's orgs."""
        async with transaction(self.postgres) as connection:
            found = await orgs_of(connection, call.account.id)
        return pb.ListOrgsResponse(orgs=[org_message(org) for org in found])

    async def update_org(self, request: pb.UpdateOrgRequest, call: Call) -> pb.UpdateOrgResponse:
        """The org with its new name."""
        name = name_of(request.name, what=_WHAT)
        async with transaction(self.postgres) as connection:
            await lock(connection, call.org_id)
            role = await standing_of(connection, call)
            found = (await connection.execute(select(orgs).where(orgs.c.id == call.org_id))).mappings().one()
            if found["name"] != name:
                await connection.execute(update(orgs).where(orgs.c.id == call.org_id).values(name=name))
                changes = difference({"name": found["name"]}, {"name": name})
                await note(connection, call, Change("UpdateOrg", "org", str(call.org_id), changes))
        return pb.UpdateOrgResponse(org=org_message(InOrg(call.org_id, name, role, found["created_at"])))


def org_message(org: InOrg) -> pb.Org:
    """As the contract has it."""
    return pb.Org(id=str(org.id), name=org.name, role=NUMBERS[org.role], created_at=org.created_at)
