"""Finds the key behind a token, quickly: every RPC asks."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from core.errors import StoreUnavailable
from services.rpc.call import Credential

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FRESH = timedelta(seconds=5)
_HELD = 10_000


@dataclass(frozen=True, slots=True)
class _Found:
    credential: Credential | None
    at: float


class Credentials:
    """Remembers look-ups for five seconds: a key revoked in another process works that much longer, one revoked here ends at once.

    While PostgreSQL is away, keys that were found before go on working, so that capture does not stop with it.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[Credential | None]]) -> None:
        self._look_up = look_up
        self._found: OrderedDict[str, _Found] = OrderedDict()

    async def find(self, token: str) -> Credential | None:
        """The working key with this token."""
        held = self._found.get(token)
        if held and time.monotonic() - held.at < _FRESH.total_seconds():
            return held.credential
        try:
            credential = await self._look_up(token)
        except StoreUnavailable:
            if held and held.credential:
                log.warning("credential_not_refreshed", key_id=held.credential.key_id)
                return held.credential
            raise
        self._found[token] = _Found(credential, time.monotonic())
        self._found.move_to_end(token)
        while len(self._found) > _HELD:
            self._found.popitem(last=False)
        return credential

    def forget(self, key_id: str) -> None:
        """Look the key up again at its next use."""
        for token, held in list(self._found.items()):
            if held.credential and held.credential.key_id == key_id:
                del self._found[token]
