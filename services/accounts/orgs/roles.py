"""Roles in the contract and in tables, and who may give which."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import InvalidArgument, OrgNotFound, ScopeMissing
from pug.accounts.v1 import org_pb2 as pb
from services.accounts.tables import memberships
from services.rpc.call import Call, Scope
from services.rpc.standing import ORG_HEADER, SCOPES, Role

NUMBERS: Mapping[Role, pb.Role] = {
    Role.OWNER: pb.ROLE_OWNER,
    Role.ADMIN: pb.ROLE_ADMIN,
    Role.EDITOR: pb.ROLE_EDITOR,
    Role.VIEWER: pb.ROLE_VIEWER,
}
_ROLES: Mapping[int, Role] = {number: role for role, number in NUMBERS.items()}


def role_of(number: int) -> Role:
    """The role a request names."""
    if number not in _ROLES:
        raise InvalidArgument("That is no role.", field="role", hint="Use ROLE_OWNER, ROLE_ADMIN, ROLE_EDITOR or ROLE_VIEWER.")
    return _ROLES[number]


async def require_may_touch(connection: AsyncConnection, call: Call, *roles: Role) -> None:
    """Only owners make, change or remove owners, and only admins others."""
    needed = Scope.ORG_OWNER if Role.OWNER in roles else Scope.ORG_ADMIN
    if needed not in SCOPES[await standing_of(connection, call)]:
        who = "an owner may do that to an owner, or make one" if needed is Scope.ORG_OWNER else "an admin may do that"
        raise ScopeMissing(f"Only {who}.", field="authorization", hint="Ask an owner of the org.")


async def standing_of(connection: AsyncConnection, call: Call) -> Role:
    """What the caller is in the org as of now: the gate's word may be five seconds old, and who was put out lets nobody in any more."""
    query = select(memberships.c.role).where(memberships.c.org_id == call.org_id, memberships.c.account_id == call.account.id)
    role = (await connection.execute(query)).scalar_one_or_none()
    if role is None:
        raise OrgNotFound("There is no such org.", field=ORG_HEADER, hint="ListOrgs lists yours.")
    return Role(role)
