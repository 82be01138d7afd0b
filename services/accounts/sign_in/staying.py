"""Staying signed in, and signing out."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from core.errors import MissingField, SessionEnded
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.sessions import Sessions
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Staying:
    """RefreshSession and SignOut."""

    sessions: Sessions
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]

    async def refresh_session(self, request: pb.RefreshSessionRequest, _call: Call) -> pb.RefreshSessionResponse:
        """The next session; a token that comes again ends all that came of the same sign-in."""
        refreshed = await self.sessions.refresh(request.refresh_token)
        if refreshed.ended:
            self.forget(str(refreshed.ended))
            log.warning("refresh_token_used_twice", account_id=str(refreshed.ended))
        if refreshed.session is None:
            raise SessionEnded("The session has ended.", field="refreshToken", hint="Sign in again; refresh once at a time.")
        return pb.RefreshSessionResponse(session=refreshed.session)

    async def sign_out(self, request: pb.SignOutRequest, _call: Call) -> pb.SignOutResponse:
        """Nothing; a token that is unknown has nothing left to end, but without one somebody would believe to be signed out."""
        if not request.refresh_token:
            raise MissingField(
                "Say which session ends.", field="refreshToken", hint="Send its refresh token; EndMySession ends others by their ids."
            )
        if account_id := await self.sessions.sign_out(request.refresh_token):
            self.forget(str(account_id))
        return pb.SignOutResponse()
