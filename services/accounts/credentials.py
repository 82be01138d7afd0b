"""Finds the key behind a token, quickly: every RPC asks."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from core.errors import StoreUnavailable
from services.accounts.repository import hashed
from services.rpc.call import Credential

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FRESH = timedelta(seconds=5)
_ANSWERS_WITHIN = timedelta(seconds=2)
_HELD = 10_000
_MISSES_HELD = 1_000

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Found:
    credential: Credential
    at: float


class Credentials:
    """Remembers look-ups for five seconds: a key revoked in another process works that much longer, one revoked here ends at once.

    While PostgreSQL is away, or hangs, keys that were found before go on working, so that capture does not stop with it.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[Credential | None]], answers_within: timedelta = _ANSWERS_WITHIN) -> None:
        """`look_up` may raise StoreUnavailable, which taking longer than `answers_within` is too."""
        self._look_up = look_up
        self._answers_within = answers_within
        # By the token's hash: a secret need not stay in memory.
        self._found: OrderedDict[bytes, _Found] = OrderedDict()
        # Apart from the keys, so that a flood of invented tokens drives none of those out.
        self._missed: OrderedDict[bytes, float] = OrderedDict()

    async def find(self, token: str) -> Credential | None:
        """The working key with this token."""
        key = hashed(token)
        held = self._found.get(key)
        if held and _is_fresh(held.at):
            return held.credential
        if key in self._missed and _is_fresh(self._missed[key]):
            return None
        try:
            credential = await self._asked(token)
        except StoreUnavailable:
            if held:
                log.warning("credential_not_refreshed", key_id=held.credential.key_id)
                # Not every call waits anew for a PostgreSQL that hangs; but a key revoked meanwhile stays forgotten.
                if self._found.get(key) is held:
                    self._remember(key, held.credential)
                return held.credential
            raise
        self._remember(key, credential)
        return credential

    def forget(self, key_id: str) -> None:
        """Look the key up again at its next use."""
        for key, held in list(self._found.items()):
            if held.credential.key_id == key_id:
                del self._found[key]

    async def _asked(self, token: str) -> Credential | None:
        try:
            async with asyncio.timeout(self._answers_within.total_seconds()):
                return await self._look_up(token)
        except TimeoutError as error:
            raise StoreUnavailable("PostgreSQL does not answer in time.", hint="Try again in a moment.") from error

    def _remember(self, key: bytes, credential: Credential | None) -> None:
        if credential is None:
            self._found.pop(key, None)
            _put(self._missed, key, time.monotonic(), _MISSES_HELD)
        else:
            self._missed.pop(key, None)
            _put(self._found, key, _Found(credential, time.monotonic()), _HELD)


def _is_fresh(at: float) -> bool:
    return time.monotonic() - at < _FRESH.total_seconds()


def _put(held: OrderedDict[bytes, _Value], key: bytes, value: _Value, most: int) -> None:
    held[key] = value
    held.move_to_end(key)
    while len(held) > most:
        held.popitem(last=False)
