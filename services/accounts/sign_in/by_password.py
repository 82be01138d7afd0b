"""Signing up and in with a password."""

from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import EmailTaken, SignInFailed
from core.postgres import transaction
from core.time_zones import require_time_zone
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.attempts import Attempts
from services.accounts.sign_in.errands import Errands
from services.accounts.sign_in.links import Links
from services.accounts.sign_in.newcomers import Newcomers
from services.accounts.sign_in.passwords import Passwords
from services.accounts.sign_in.registered import Newcomer, Registered, change, find_by_email, find_for_change
from services.accounts.sign_in.sessions import Sessions
from services.accounts.sign_in.typed import email_address, name_of_account, new_password, normal_password
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ByPassword:
    """SignUp and SignIn."""

    postgres: AsyncEngine
    passwords: Passwords
    attempts: Attempts
    newcomers: Newcomers
    sessions: Sessions
    links: Links
    errands: Errands
    # Whether an account is made only once its address has been confirmed.
    confirms: bool

    async def sign_up(self, request: pb.SignUpRequest, call: Call) -> pb.SignUpResponse:
        """A session; none where the address is confirmed first, and then nothing tells whether it is known already."""
        email, password = email_address(request.email), new_password(request.password)
        name, time_zone = name_of_account(request.name), require_time_zone(request.time_zone or "UTC", "timeZone")
        await self.attempts.mail(email, call.credential.key_id)
        newcomer = Newcomer(email, name, await self.passwords.hash(password), time_zone)
        if self.confirms:
            self.errands.run("confirm_address", self.links.send_to_confirm(newcomer))
            return pb.SignUpResponse()
        async with transaction(self.postgres) as connection:
            made = await self.newcomers.make(connection, newcomer)
            if made is None:
                raise EmailTaken("There is an account with this address.", field="email", hint="Sign in, or ask for a link to sign in by.")
            return pb.SignUpResponse(session=await self.sessions.begin(connection, made, call, "password"))

    async def sign_in(self, request: pb.SignInRequest, call: Call) -> pb.SignInResponse:
        """A session, or the same refusal after the same time for all that can be wrong."""
        email, peer = email_address(request.email), call.credential.key_id
        await self.attempts.guess(email, peer)
        async with transaction(self.postgres) as connection:
            known = await find_by_email(connection, email)
        matched = await self.passwords.matches(request.password, known.password if known else None)
        if not matched or not known or not known.password:
            raise SignInFailed("Address and password do not go together.", hint="Check both, or ask for a link to sign in by.")
        session = await self._session(known, request.password, call)
        if session is None:
            # The password has changed meanwhile. That ended all sessions, and one by the old password must not begin after it.
            return await self.sign_in(request, call)
        await self.attempts.succeeded(email, peer)
        log.info("signed_in", account_id=str(known.id), by="password")
        return pb.SignInResponse(session=session)

    async def _session(self, known: Registered, password: str, call: Call) -> pb.Session | None:
        """A session for who gave the right password; None when it is the right one no longer."""
        assert known.password
        outdated = self.passwords.is_outdated(known.password)
        renewed = await self.passwords.hash(normal_password(password)) if outdated else known.password
        async with transaction(self.postgres) as connection:
            if (await find_for_change(connection, known.id)).password != known.password:
                return None
            return await self.sessions.begin(connection, await change(connection, known.id, password=renewed), call, "password")
