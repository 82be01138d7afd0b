"""What somebody signed in may do in a call: it follows from what they are in the org the call is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import MissingField, OrgNotFound, ProjectNotFound
from services.rpc.call import Account, Credential, Project, Scope

PROJECT_HEADER = "x-pug-project"
ORG_HEADER = "x-pug-org"


class Role(StrEnum):
    """What a member is in an org, as stored."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"


# No member may capture: events come from keys.
_VIEWER = frozenset({Scope.ACCOUNT, Scope.ORG_READ, Scope.READ})
_EDITOR = _VIEWER | {Scope.EDIT}
_ADMIN = _EDITOR | {Scope.ADMIN, Scope.ORG_ADMIN}
_OWNER = _ADMIN | {Scope.ORG_OWNER}
SCOPES: Mapping[Role, frozenset[Scope]] = {Role.VIEWER: _VIEWER, Role.EDITOR: _EDITOR, Role.ADMIN: _ADMIN, Role.OWNER: _OWNER}

_OF_A_PROJECT = frozenset({Scope.READ, Scope.EDIT, Scope.ADMIN})
_OF_AN_ORG = frozenset({Scope.ORG_READ, Scope.ORG_ADMIN, Scope.ORG_OWNER})


@dataclass(frozen=True, slots=True)
class Membership:
    """An org somebody is in, with its projects."""

    org_id: int
    role: Role
    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An access token that works."""

    account: Account
    memberships: tuple[Membership, ...]
    expires_at: datetime

    @property
    def key_id(self) -> str:
        """By this what they take is counted, in all their sessions together."""
        return str(self.account.id)


def credential_for(signed_in: SignedIn, needed: Scope, headers: Mapping[str, str]) -> Credential:
    """What they hold in a call that needs a scope, about the project or org its headers name.

    Raises ProjectNotFound or OrgNotFound, the same for what isn't there and what isn't theirs; MissingField where several could be meant.
    """
    if needed in _OF_A_PROJECT:
        membership, project = _project(_orgs(signed_in, headers), headers.get(PROJECT_HEADER, ""))
        return _credential(signed_in, SCOPES[membership.role], project, membership.org_id)
    if needed in _OF_AN_ORG:
        membership = _org(_orgs(signed_in, headers), headers.get(PROJECT_HEADER, ""))
        return _credential(signed_in, SCOPES[membership.role], None, membership.org_id)
    return _credential(signed_in, frozenset({Scope.ACCOUNT}))


def _credential(signed_in: SignedIn, scopes: frozenset[Scope], project: Project | None = None, org_id: int | None = None) -> Credential:
    return Credential(signed_in.key_id, project, scopes, signed_in.account, org_id, expires_at=signed_in.expires_at)


def _orgs(signed_in: SignedIn, headers: Mapping[str, str]) -> tuple[Membership, ...]:
    """The one the call names, or all of theirs."""
    named = headers.get(ORG_HEADER, "")
    if not named:
        return signed_in.memberships
    found = tuple(membership for membership in signed_in.memberships if str(membership.org_id) == named)
    if not found:
        raise OrgNotFound("There is no such org.", field=ORG_HEADER, hint="ListOrgs lists yours.")
    return found


def _project(memberships: tuple[Membership, ...], named: str) -> tuple[Membership, Project]:
    found = [(membership, project) for membership in memberships for project in membership.projects if named in {"", str(project.id)}]
    if len(found) > 1:
        raise MissingField(
            "You have several projects, and the call says none.",
            field=PROJECT_HEADER,
            hint=f"Send the header {PROJECT_HEADER} with a project's id: ListOrgs lists your orgs, ListProjects the projects of one.",
        )
    if not found:
        raise ProjectNotFound("There is no such project.", field=PROJECT_HEADER, hint="ListProjects lists those of an org of yours.")
    return found[0]


def _org(memberships: tuple[Membership, ...], project: str) -> Membership:
    if project:
        return _project(memberships, project)[0]
    if len(memberships) > 1:
        raise MissingField(
            "You are in several orgs, and the call says none.",
            field=ORG_HEADER,
            hint=f"Send the header {ORG_HEADER} with an org's id, or {PROJECT_HEADER} with a project's: ListOrgs lists your orgs.",
        )
    if not memberships:
        raise OrgNotFound("You are in no org.", field=ORG_HEADER, hint="Make one with CreateOrg, or ask to be invited.")
    return memberships[0]
