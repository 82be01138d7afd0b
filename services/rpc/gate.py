"""Lets a call in: finds the credential, checks that it holds the scope the RPC declares, and that its holder has not had enough."""

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import ServiceDescriptor

from core.errors import CredentialInvalid, CredentialMissing, PugError, ScopeMissing
from pug.common.v1 import access_pb2
from services.rpc.call import Call, Credential, Scope, Sender
from services.rpc.standing import SignedIn, credential_for
from services.rpc.strangers import Strangers
from services.rpc.turnstile import Limits, Turnstile

# By its name in the contract.
_SCOPES: dict[int, Scope] = {number: Scope(name.removeprefix("SCOPE_").lower()) for name, number in access_pb2.Scope.items() if number}
_HELD_BY = {
    Scope.CAPTURE: "a write key (pk_…)",
    Scope.READ: "a secret key (sk_…) with scope read, or sign in as a member",
    Scope.EDIT: "a secret key (sk_…) with scope edit, or sign in as an editor",
    Scope.ADMIN: "a secret key (sk_…) with scope admin, or sign in as an admin",
    Scope.ACCOUNT: "the access token of somebody who has signed in",
    Scope.ORG_READ: "the access token of a member of the org",
    Scope.ORG_ADMIN: "the access token of an admin of the org",
    Scope.ORG_OWNER: "the access token of an owner of the org",
    Scope.SHARE: "the token of a shared dashboard (sh_…)",
}
_LONGEST_TOKEN = 100
_KEYS = ("pk_", "sk_")
_SESSION = "at_"
_SHARE = "sh_"
_PEER_CALLS_PER_SECOND = 10
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """Admits calls, and dismisses them when they have ended. It refuses to be built for an RPC that declares no scope."""

    def __init__(
        self,
        find_credential: Callable[[str], Awaitable[Credential | SignedIn | None]],
        services: Iterable[ServiceDescriptor],
        turnstile: Turnstile | None = None,
        strangers: Strangers | None = None,
        on_admitted: Callable[[Credential], None] = lambda _credential: None,
    ) -> None:
        """`find_credential` looks a token up; None when there is no such token, or it no longer works."""
        self._find_credential = find_credential
        self._needed = needed_scopes(services)
        self._turnstile = turnstile or Turnstile(Limits(), time.monotonic)
        self._strangers = strangers or Strangers(lambda sender: sender.peer, _PEER_CALLS_PER_SECOND, time.monotonic)
        self._on_admitted = on_admitted

    async def admit(self, method: str, sender: Sender, request_id: str, timeout_s: float | None) -> Call:
        """The call behind a method path such as `/pug.capture.v1.CaptureService/Capture`; whoever gets one has to `dismiss` it."""
        needed = self._needed[method]
        # Whoever may call anyway is not asked who they are: a token that works no longer must not keep anybody from signing in.
        credential = self._strangers.admit(sender) if needed is Scope.PUBLIC else await self._held(method, needed, sender)
        # Last, and without awaiting anything after it: who enters is sure to be dismissed.
        peer = self._strangers.household(sender)
        visit = self._turnstile.enter(credential.key_id, peer)
        self._on_admitted(credential)
        return Call(credential, request_id, timeout_s, sender, visit.charge, peer)

    def dismiss(self, call: Call) -> None:
        """The call has ended, however it did."""
        self._turnstile.leave(call.credential.key_id, call.peer)

    async def _held(self, method: str, needed: Scope, sender: Sender) -> Credential:
        token = _token(sender)
        found = await self._find_credential(token) if _may_be_known(token) else None
        if found is None:
            raise _unknown(token)
        credential = credential_for(found, needed, sender.headers) if isinstance(found, SignedIn) else found
        if needed not in credential.scopes:
            raise ScopeMissing(
                f"{_called(token)} may not call {method.rpartition('/')[2]}.", field="authorization", hint=f"Use {_HELD_BY[needed]}."
            )
        return credential


def _token(sender: Sender) -> str:
    scheme, _, token = sender.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise CredentialMissing(
            "The request carries no credential.", field="authorization", hint="Send the header 'Authorization: Bearer <key>'."
        )
    return token


def _called(token: str) -> str:
    return "This key" if token.startswith(_KEYS) else "Your role" if token.startswith(_SESSION) else "This share token"


def _may_be_known(token: str) -> bool:
    """Whether a token is worth looking up: what cannot be one must cost neither a query nor memory."""
    return len(token) <= _LONGEST_TOKEN and token.startswith((*_KEYS, _SESSION, _SHARE))


def _unknown(token: str) -> PugError:
    if token.startswith(_SESSION):
        message, hint = "The access token is unknown, or works no longer.", "Get a new one with RefreshSession, or sign in again."
    elif token.startswith(_SHARE):
        return not_shared()
    else:
        message, hint = "The key is unknown or revoked.", "Check the key, or make a new one with `pug keys create`."
    return CredentialInvalid(message, field="authorization", hint=hint)


def not_shared() -> CredentialInvalid:
    """What a link is answered that is unknown, or works no longer: the two look the same, wherever it is noticed."""
    return CredentialInvalid(
        "The dashboard is not shared, or by another link.", field="authorization", hint="Ask whoever shared it for the link of today."
    )


def needed_scopes(services: Iterable[ServiceDescriptor]) -> dict[str, Scope]:
    """The scope every RPC declares, by its method path."""
    needed: dict[str, Scope] = {}
    for service in services:
        for method in service.methods:
            declared = int(method.GetOptions().Extensions[cast("Any", access_pb2.scope)])  # the stub gives the option no type
            if declared not in _SCOPES:
                msg = f"{method.full_name} declares no scope: add `option (pug.common.v1.scope)` to it"
                raise RuntimeError(msg)
            needed[f"/{service.full_name}/{method.name}"] = _SCOPES[declared]
    return needed


def request_id_of(headers: Mapping[str, str]) -> str:
    """The caller's own request id when it is a plain one, otherwise a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
