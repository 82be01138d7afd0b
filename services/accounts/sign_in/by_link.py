"""Signing in, and up, by a link in a mail."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import LinkInvalid
from core.postgres import transaction
from core.time_zones import require_time_zone
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.attempts import Attempts
from services.accounts.sign_in.errands import Errands
from services.accounts.sign_in.links import Links
from services.accounts.sign_in.newcomers import Newcomers
from services.accounts.sign_in.sessions import Sessions
from services.accounts.sign_in.typed import email_address
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ByLink:
    """RequestMagicLink and CompleteMagicLink."""

    postgres: AsyncEngine
    attempts: Attempts
    newcomers: Newcomers
    sessions: Sessions
    links: Links
    errands: Errands
    # Whether links reach nobody but the owner of their address.
    proves: bool
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]
    now: Callable[[], datetime]

    async def request_magic_link(self, request: pb.RequestMagicLinkRequest, call: Call) -> pb.RequestMagicLinkResponse:
        """Nothing, before anything is looked up: neither the answer nor its time tells whether the address is known."""
        email = email_address(request.email)
        await self.attempts.mail(email, call.credential.key_id)
        self.errands.run("send_link", self.links.send(email))
        return pb.RequestMagicLinkResponse()

    async def complete_magic_link(self, request: pb.CompleteMagicLinkRequest, call: Call) -> pb.CompleteMagicLinkResponse:
        """A session of the account the link was sent to, made if there was none."""
        if request.time_zone:
            require_time_zone(request.time_zone, "timeZone")
        async with transaction(self.postgres) as connection:
            newcomer = await self.links.take(connection, request.token)
            if newcomer is None:
                raise LinkInvalid("The link has been used, replaced, or is too old.", field="token", hint="Ask for a new one.")
            shown = replace(
                newcomer,
                time_zone=request.time_zone or newcomer.time_zone or "UTC",
                confirmed_at=self.now() if self.proves else None,
            )
            account = await self.newcomers.recognise(connection, shown)
            session = await self.sessions.begin(connection, account, call, "link")
        self.forget(str(account.id))
        log.info("signed_in", account_id=str(account.id), by="link")
        return pb.CompleteMagicLinkResponse(session=session)
