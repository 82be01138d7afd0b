"""Roles in the contract and in tables, and who may give which."""

from collections.abc import Mapping

from core.errors import InvalidArgument, ScopeMissing
from pug.accounts.v1 import org_pb2 as pb
from services.rpc.call import Call, Scope
from services.rpc.standing import Role

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


def require_may_touch(call: Call, *roles: Role) -> None:
    """Only owners make, change or remove owners."""
    if Role.OWNER in roles and Scope.ORG_OWNER not in call.credential.scopes:
        raise ScopeMissing("Only an owner may do that to an owner, or make one.", field="authorization", hint="Ask an owner of the org.")
