"""Accounts as they are served, over the real PostgreSQL: calls come through the gate."""

import itertools
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from pug.accounts.v1 import accounts_pb2
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.credentials import Credentials, by_prefix
from services.accounts.orgs.parts import org_parts
from services.accounts.repository import AccountsRepository
from services.accounts.service import AccountsService
from services.accounts.sign_in.oidc.provider import Provider
from services.accounts.sign_in.parts import Policy, SignIn, sign_in_parts
from services.accounts.sign_in.passwords import Passwords
from services.rpc.call import Sender
from services.rpc.gate import Gate
from services.rpc.service import snake_case
from services.rpc.standing import SignedIn

# Weak on purpose, to be quick.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
ACCOUNTS = accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"]
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
        text = next(text for address, _, text in reversed(self.mails) if address == to)
        found = re.search(r"https://pug\.example/sign-in#token=(ml_[0-9a-f]{40})\n", text)
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
    peer: str = field(default_factory=lambda: f"10.{next(_numbers) % 250}.0.1")

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
    service = AccountsService(sign_in, in_orgs)
    stand = Stand(postgres, sign_in, service, credentials, Gate(credentials.find, [ACCOUNTS]), mailbox)
    return stand
