"""Accounts as they are served, over the real PostgreSQL: calls come through the gate."""

import itertools
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, cast

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from core.instruments import Instruments
from pug.accounts.v1 import accounts_pb2, audit_pb2, org_pb2, project_pb2
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.credentials import Credentials, by_prefix
from services.accounts.orgs.parts import org_parts
from services.accounts.repository import AccountsRepository
from services.accounts.service import AccountsService
from services.accounts.sign_in.oidc.provider import Provider
from services.accounts.sign_in.parts import Policy, SignIn, sign_in_parts
from services.accounts.sign_in.passwords import Passwords
from services.accounts.sign_in.refusals import Refusals
from services.rpc.call import Sender
from services.rpc.gate import Gate
from services.rpc.service import snake_case
from services.rpc.standing import SignedIn

# Weak on purpose, to be quick.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
ACCOUNTS = accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"]
_FIRST_PEER = IPv4Address("10.1.0.1")
_numbers = itertools.count()


def new_email() -> str:
    return f"ada-{uuid.uuid4().hex}@example.com"


@dataclass
class Mailbox:
    """Where mails go instead of out."""

    mails: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    async def send(self, to: str, subject: str, text: str) -> None:
        self.mails.append((to, subject, text))

    def token(self, to: str) -> str:
        """Of the latest link to an address."""
        return self._latest(to, r"https://pug\.example/sign-in#token=(ml_[0-9a-f]{40})\n")

    def invitation(self, to: str) -> str:
        """The token of the latest invitation of an address."""
        return self._latest(to, r"https://pug\.example/invitation#token=(iv_[0-9a-f]{40})\n")

    def _latest(self, to: str, link: str) -> str:
        text = next(text for address, _, text in reversed(self.mails) if address == to)
        found = re.search(link, text)
        assert found
        return found[1]


@dataclass
class Stand:
    """Accounts as they are served: calls come through the gate."""

    postgres: AsyncEngine
    sign_in: SignIn
    service: AccountsService
    credentials: Credentials
    gate: Gate
    mailbox: Mailbox
    ahead: timedelta = timedelta()
    # Of this stand alone, so that its calls are nobody else's.
    peer: str = field(default_factory=lambda: str(_FIRST_PEER + next(_numbers)))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def rpc(self, name: str, request: object, *, token: str = "", peer: str = "", **headers: str) -> Any:  # noqa: ANN401 (each answers something else)
        """What an RPC answers, with an access token or without."""
        given = {header.replace("_", "-"): value for header, value in headers.items()}
        sender = Sender(peer or self.peer, given | ({"authorization": f"Bearer {token}"} if token else {}))
        call = await self.gate.admit(f"/{ACCOUNTS.full_name}/{name}", sender, "request", None)
        try:
            return await getattr(self.service, snake_case(name))(request, call)
        finally:
            self.gate.dismiss(call)

    async def sign_up(self, email: str, password: str = PASSWORD, **more: str) -> pb.Session:
        return (await self.rpc("SignUp", pb.SignUpRequest(email=email, password=password, **more))).session

    async def signed_in(self, email: str, password: str = PASSWORD, **more: str) -> pb.Session:
        return (await self.rpc("SignIn", pb.SignInRequest(email=email, password=password), **more)).session

    async def refresh(self, session: pb.Session) -> pb.Session:
        return (await self.rpc("RefreshSession", pb.RefreshSessionRequest(refresh_token=session.refresh_token))).session

    async def me(self, session: pb.Session) -> pb.GetMeResponse:
        return await self.rpc("GetMe", pb.GetMeRequest(), token=session.access_token)

    async def ask_for_link(self, email: str) -> str:
        """The token of a link that was asked for."""
        await self.rpc("RequestMagicLink", pb.RequestMagicLinkRequest(email=email))
        await self.sign_in.errands.finish()
        return self.mailbox.token(email)

    async def complete(self, token: str, time_zone: str = "") -> pb.Session:
        return (await self.rpc("CompleteMagicLink", pb.CompleteMagicLinkRequest(token=token, time_zone=time_zone))).session

    async def again(self, someone: "Someone") -> "Someone":
        """The same, signed in anew."""
        return replace(someone, session=await self.signed_in(someone.email))

    async def founder(self) -> "Someone":
        """Somebody new, who owns an org with a project."""
        session = await self.sign_up(new_email())
        return Someone(self, session, (await self.me(session)).orgs[0].id)

    async def accept(self, token: str) -> pb.AcceptInvitationResponse:
        return await self.rpc("AcceptInvitation", org_pb2.AcceptInvitationRequest(token=token))


@dataclass(frozen=True)
class Someone:
    """Somebody signed in, who is about to do something in one org."""

    stand: Stand
    session: pb.Session
    org: str

    @property
    def id(self) -> str:
        return self.session.account.id

    @property
    def email(self) -> str:
        return self.session.account.email

    async def do(self, name: str, request: object, **headers: str) -> Any:  # noqa: ANN401 (each answers something else)
        return await self.stand.rpc(name, request, token=self.session.access_token, **({"x_pug_org": self.org} | headers))

    async def invite(self, email: str, role: str = "") -> org_pb2.Invitation:
        return (await self.do("InviteMember", org_pb2.InviteMemberRequest(email=email, role=role_number(role)))).invitation

    async def invitations(self) -> list[org_pb2.Invitation]:
        return list((await self.do("ListInvitations", org_pb2.ListInvitationsRequest())).invitations)

    async def bring_in(self, role: str, who: "Someone | None" = None) -> "Someone":
        """Somebody, who is nobody else's colleague unless named, comes into the org."""
        email = who.email if who else new_email()
        await self.invite(email, role)
        return Someone(self.stand, (await self.stand.accept(self.stand.mailbox.invitation(email))).session, self.org)

    async def members(self) -> dict[str, str]:
        """The role of each member, by address."""
        listed = (await self.do("ListMembers", org_pb2.ListMembersRequest())).members
        return {member.email: role_name(member.role) for member in listed}

    async def set_role(self, whom: "Someone", role: str) -> org_pb2.Member:
        return (await self.do("SetMemberRole", org_pb2.SetMemberRoleRequest(account_id=whom.id, role=role_number(role)))).member

    async def remove(self, whom: "Someone") -> None:
        await self.do("RemoveMember", org_pb2.RemoveMemberRequest(account_id=whom.id))

    async def leave(self) -> None:
        await self.do("LeaveOrg", org_pb2.LeaveOrgRequest())

    async def create_project(self, name: str, time_zone: str = "") -> project_pb2.CreateProjectResponse:
        return await self.do("CreateProject", project_pb2.CreateProjectRequest(name=name, time_zone=time_zone))

    async def projects(self) -> list[project_pb2.Project]:
        return list((await self.do("ListProjects", project_pb2.ListProjectsRequest())).projects)

    async def update_project(self, project: str = "", **change: Any) -> project_pb2.Project:  # noqa: ANN401 (texts and a number)
        """The org's only project, unless one is named."""
        return (await self.do("UpdateProject", project_pb2.UpdateProjectRequest(**change), x_pug_project=project)).project

    async def delete_project(self, project: str, name: str) -> project_pb2.ProjectDeletion:
        return (await self.do("DeleteProject", project_pb2.DeleteProjectRequest(id=project, name=name))).deletion

    async def create_key(self, label: str = "", *scopes: str, project: str = "", **more: Any) -> accounts_pb2.CreateApiKeyResponse:  # noqa: ANN401 (a timestamp)
        """A secret key with scopes such as `read`, or a write key."""
        kind = accounts_pb2.ApiKey.KIND_SECRET if scopes else accounts_pb2.ApiKey.KIND_WRITE
        numbers = [f"SCOPE_{scope.upper()}" for scope in scopes]
        request = accounts_pb2.CreateApiKeyRequest(kind=kind, label=label, scopes=numbers, **more)
        return await self.do("CreateApiKey", request, x_pug_project=project)

    async def keys(self, project: str = "") -> list[accounts_pb2.ApiKey]:
        return list((await self.do("ListApiKeys", accounts_pb2.ListApiKeysRequest(), x_pug_project=project)).api_keys)

    async def revoke_key(self, key_id: str, project: str = "") -> accounts_pb2.ApiKey:
        return (await self.do("RevokeApiKey", accounts_pb2.RevokeApiKeyRequest(id=key_id), x_pug_project=project)).api_key

    async def log(self, **which: Any) -> audit_pb2.ListAuditEntriesResponse:  # noqa: ANN401 (texts and a number)
        return await self.do("ListAuditEntries", audit_pb2.ListAuditEntriesRequest(**which))


def role_number(name: str) -> org_pb2.Role:
    """Of `owner`; not said for an empty name."""
    return cast("org_pb2.Role", org_pb2.Role.Value(f"ROLE_{name.upper()}") if name else 0)


def role_name(number: int) -> str:
    return org_pb2.Role.Name(number).removeprefix("ROLE_").lower()


def open_stand(
    postgres: AsyncEngine, policy: Policy | None = None, passwords: Passwords | None = None, provider: Provider | None = None
) -> Stand:
    """Open to everybody, without confirming addresses, unless the policy says otherwise; mail proves an address."""
    mailbox, repository = Mailbox(), AccountsRepository(postgres)
    stand: Stand

    async def find_session(token: str) -> SignedIn | None:
        return await sign_in.sessions.find(token)

    def now() -> datetime:
        return stand.now()

    keys = dict.fromkeys(("pk_", "sk_"), repository.find_credential)
    credentials = Credentials(by_prefix({**keys, "at_": find_session}), now=now)
    policy = policy or Policy("open", confirms=False, mail_proves=True, public_url="https://pug.example/")
    sign_in = sign_in_parts(
        postgres, policy, mailbox, provider, forget=credentials.forget, now=now, passwords=passwords or Passwords(CHEAP)
    )
    in_orgs = org_parts(postgres, policy, mailbox, sign_in, credentials=credentials, now=now)
    service = AccountsService(sign_in, in_orgs, Refusals(Instruments.none()))
    stand = Stand(postgres, sign_in, service, credentials, Gate(credentials.find, [ACCOUNTS]), mailbox)
    return stand
