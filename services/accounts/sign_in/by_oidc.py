"""Signing in, and up, with the server's OpenID Connect provider."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import OidcDisabled, OidcFailed
from core.postgres import transaction
from core.time_zones import require_time_zone
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.newcomers import Newcomers
from services.accounts.sign_in.oidc.claims import Identity
from services.accounts.sign_in.oidc.provider import Provider
from services.accounts.sign_in.oidc.states import States
from services.accounts.sign_in.registered import Newcomer
from services.accounts.sign_in.sessions import Sessions
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ByOidc:
    """StartOidc and CompleteOidc."""

    postgres: AsyncEngine
    newcomers: Newcomers
    sessions: Sessions
    states: States
    # None where no provider is set.
    provider: Provider | None
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]
    now: Callable[[], datetime]

    async def start_oidc(self, _request: pb.StartOidcRequest, _call: Call) -> pb.StartOidcResponse:
        """Where to send the browser, and what it has to keep."""
        provider = self._provider()
        state, begun = await self.states.begin()
        return pb.StartOidcResponse(authorization_url=await provider.authorization_url(state, begun), state=state)

    async def complete_oidc(self, request: pb.CompleteOidcRequest, call: Call) -> pb.CompleteOidcResponse:
        """A session of the account with the address the provider vouches for, made if there was none."""
        provider = self._provider()
        time_zone = require_time_zone(request.time_zone or "UTC", "timeZone")
        begun = await self.states.take(request.state)
        if begun is None:
            raise OidcFailed("This sign-in did not begin here, has been completed, or took too long.", field="state", hint="Begin again.")
        identity: Identity = await provider.identity(request.code, begun)
        newcomer = Newcomer(identity.email, identity.name, time_zone=time_zone, confirmed_at=self.now())
        async with transaction(self.postgres) as connection:
            account = await self.newcomers.recognise(connection, newcomer)
            session = await self.sessions.begin(connection, account, call, "oidc")
        self.forget(str(account.id))
        log.info("signed_in", account_id=str(account.id), by="oidc")
        return pb.CompleteOidcResponse(session=session)

    def _provider(self) -> Provider:
        if self.provider is None:
            raise OidcDisabled("This server has no OpenID Connect provider.", hint="Sign in another way; an operator sets PUG_OIDC_ISSUER.")
        return self.provider
