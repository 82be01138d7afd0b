"""Finds who is behind a token, quickly: every RPC asks."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from core.errors import StoreUnavailable
from services.accounts.tokens import hashed
from services.rpc.call import Credential
from services.rpc.standing import SignedIn

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FRESH = timedelta(seconds=5)
_ANSWERS_WITHIN = timedelta(seconds=2)
_HELD = 10_000
_MISSES_HELD = 1_000

_Value = TypeVar("_Value")

Holder = Credential | SignedIn
LookUp = Callable[[str], Awaitable[Holder | None]]


def by_prefix(look_ups: Mapping[str, LookUp]) -> LookUp:
    """Looks a token up where those of its prefix are, such as `at_`."""

    async def look_up(token: str) -> Holder | None:
        found = look_ups.get(token[:3])
        return await found(token) if found else None

    return look_up


@dataclass(frozen=True, slots=True)
class _Found:
    holder: Holder
    at: float


class Credentials:
    """Remembers look-ups for five seconds: what changes in another process goes unnoticed for that long, here it is forgotten at once.

    While PostgreSQL is away, or hangs, tokens found before go on working until they expire, so that capture does not stop with it.
    """

    def __init__(
        self,
        look_up: LookUp,
        answers_within: timedelta = _ANSWERS_WITHIN,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`look_up` may raise StoreUnavailable, which taking longer than `answers_within` is too."""
        self._look_up = look_up
        self._answers_within = answers_within
        self._now = now
        # By the token's hash: a secret need not stay in memory.
        self._found: OrderedDict[bytes, _Found] = OrderedDict()
        # Apart from the tokens, so that a flood of invented ones drives none of those out.
        self._missed: OrderedDict[bytes, float] = OrderedDict()
        self._forgotten = 0

    async def find(self, token: str) -> Holder | None:
        """Who holds this token, if it works."""
        key = hashed(token)
        held = self._found.get(key)
        if held and _is_fresh(held.at):
            return self._unexpired(held.holder)
        if key in self._missed and _is_fresh(self._missed[key]):
            return None
        forgotten = self._forgotten
        try:
            holder = await self._asked(token)
        except StoreUnavailable:
            if held:
                log.warning("credential_not_refreshed", key_id=held.holder.key_id)
                # Not every call waits anew for a PostgreSQL that hangs; but a key revoked meanwhile stays forgotten.
                if self._found.get(key) is held:
                    self._remember(key, held.holder)
                return self._unexpired(held.holder)
            raise
        # What was read before something was forgotten may be what was to be forgotten.
        if forgotten == self._forgotten:
            self._remember(key, holder)
        return holder

    def forget(self, key_id: str) -> None:
        """Look a key, a share token or the sessions of an account up again at their next use; `key_id` is the one of their credentials."""
        self._forget(lambda holder: holder.key_id == key_id)

    def forget_project(self, project_id: int) -> None:
        """Look up again whatever opens the project: something about it has changed."""
        self._forget(lambda holder: project_id in _projects(holder))

    def forget_org(self, org_id: int) -> None:
        """Look up again the sessions of the org's members: its projects have changed."""
        self._forget(lambda holder: isinstance(holder, SignedIn) and any(each.org_id == org_id for each in holder.memberships))

    def _forget(self, is_meant: Callable[[Holder], bool]) -> None:
        self._forgotten += 1
        for key, held in list(self._found.items()):
            if is_meant(held.holder):
                del self._found[key]

    def _unexpired(self, holder: Holder) -> Holder | None:
        return holder if holder.expires_at is None or self._now() < holder.expires_at else None

    async def _asked(self, token: str) -> Holder | None:
        try:
            async with asyncio.timeout(self._answers_within.total_seconds()):
                return await self._look_up(token)
        except TimeoutError as error:
            raise StoreUnavailable("PostgreSQL does not answer in time.", hint="Try again in a moment.") from error

    def _remember(self, key: bytes, holder: Holder | None) -> None:
        if holder is None:
            self._found.pop(key, None)
            _put(self._missed, key, time.monotonic(), _MISSES_HELD)
        else:
            self._missed.pop(key, None)
            _put(self._found, key, _Found(holder, time.monotonic()), _HELD)


def _projects(holder: Holder) -> set[int]:
    if isinstance(holder, SignedIn):
        return {project.id for membership in holder.memberships for project in membership.projects}
    return {holder.project.id} if holder.project else set()


def _is_fresh(at: float) -> bool:
    return time.monotonic() - at < _FRESH.total_seconds()


def _put(held: OrderedDict[bytes, _Value], key: bytes, value: _Value, most: int) -> None:
    held[key] = value
    held.move_to_end(key)
    while len(held) > most:
        held.popitem(last=False)
