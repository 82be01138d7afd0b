"""What somebody signed in may know and change of their own account."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import PasswordWrong, SessionNotFound
from core.postgres import transaction
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.orgs.own import org_message
from services.accounts.sign_in.attempts import Attempts
from services.accounts.sign_in.passwords import Passwords
from services.accounts.sign_in.registered import change, find, find_for_change, orgs_of
from services.accounts.sign_in.sessions import Device, Sessions
from services.accounts.sign_in.typed import name_of_account, new_password
from services.rpc.call import Account, Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Me:
    """GetMe, UpdateMe, ListMySessions and EndMySession."""

    postgres: AsyncEngine
    passwords: Passwords
    attempts: Attempts
    sessions: Sessions
    # Drops what is remembered of an account's sessions.
    forget: Callable[[str], None]

    async def get_me(self, _request: pb.GetMeRequest, call: Call) -> pb.GetMeResponse:
        """Who is signed in, and in which orgs."""
        async with transaction(self.postgres) as connection:
            account = await find(connection, call.account.id)
            orgs = await orgs_of(connection, call.account.id)
        return pb.GetMeResponse(account=account.message(), orgs=[org_message(org) for org in orgs])

    async def update_me(self, request: pb.UpdateMeRequest, call: Call) -> pb.UpdateMeResponse:
        """The account with its new name, or its new password, with which all other sessions end."""
        values: dict[str, str] = {}
        if request.HasField("name"):
            values["name"] = name_of_account(request.name)
        known: str | None = None
        if request.HasField("password"):
            chosen = new_password(request.password)
            known = await self._confirmed_password(call.account, request.current_password)
            values["password"] = await self.passwords.hash(chosen)
        async with transaction(self.postgres) as connection:
            account = await find_for_change(connection, call.account.id)
            if "password" in values:
                # Of two who change it at once, the second has given a password that was no longer it.
                _require(account.password == known)
                await self.sessions.end_others(connection, call.account)
            if values:
                account = await change(connection, account.id, **values)
        if "password" in values:
            self.forget(str(account.id))
            log.info("password_changed", account_id=str(account.id))
        return pb.UpdateMeResponse(account=account.message())

    async def list_my_sessions(self, _request: pb.ListMySessionsRequest, call: Call) -> pb.ListMySessionsResponse:
        """Where the account is signed in."""
        devices = await self.sessions.devices(call.account.id)
        return pb.ListMySessionsResponse(sessions=[_device(device, call.account) for device in devices])

    async def end_my_session(self, request: pb.EndMySessionRequest, call: Call) -> pb.EndMySessionResponse:
        """Nothing; a session that has ended already may be ended again."""
        if request.id:
            session_id = _uuid(request.id)
            if session_id is None or not await self.sessions.end(call.account.id, session_id):
                raise SessionNotFound("You have no such session.", field="id", hint="ListMySessions lists them.")
        else:
            async with transaction(self.postgres) as connection:
                # Of two sessions that end each other at once, one is the first.
                await find_for_change(connection, call.account.id)
                await self.sessions.end_others(connection, call.account)
        self.forget(str(call.account.id))
        return pb.EndMySessionResponse()

    async def _confirmed_password(self, account: Account, given: str) -> str | None:
        """The hash of the password so far, if any; the caller has to know it, unless they have just signed in by something better."""
        async with transaction(self.postgres) as connection:
            known = (await find(connection, account.id)).password
            if known is None or await self.sessions.may_choose_password(connection, account.session_id):
                return known
        # A stolen access token must not open a quieter way to guess.
        whose = str(account.id)
        await self.attempts.guess(whose, whose)
        _require(await self.passwords.matches(given, known))
        await self.attempts.succeeded(whose, whose)
        return known


def _require(right: bool) -> None:  # noqa: FBT001 (private)
    if not right:
        raise PasswordWrong(
            "That is not the password so far.",
            field="currentPassword",
            hint="Give it; if it is lost, sign in by a link, and choose another within 15 minutes.",
        )


def _device(device: Device, account: Account) -> pb.SignedInDevice:
    return pb.SignedInDevice(
        id=str(device.id),
        signed_in_at=device.signed_in_at,
        last_seen_at=device.last_seen_at,
        user_agent=device.user_agent,
        current=device.id == account.session_id,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
