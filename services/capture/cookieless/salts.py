"""The salt of each day: the same for all processes, and gone when its day leaves the accepted window (docs/decisions/0012)."""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from core.bucket import Bucket
from core.errors import BucketUnavailable
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.identity import SALT_BYTES, last_instant

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ATTEMPTS = 5
_PAUSE_S = 0.01
_CONFIRMED_FOR_S = 60.0


class SaltUnreadable(Exception):
    """There is no salt to be had now."""


class SaltBroken(Exception):
    """What stands in the bucket is no salt."""


@dataclass(frozen=True, slots=True)
class _Known:
    salt: bytes
    confirmed_at: float


class Salts:
    """Made by whichever process needs one first; each process keeps those of today and yesterday in memory.

    Once a minute a salt in memory is compared with the bucket, and put back where the bucket lost it: NATS may restart as long as one
    process knows. Where the bucket holds another one, that one wins, so that all processes soon agree again.
    """

    def __init__(self, bucket: Bucket, degradations: Degradations, *, confirmed_for_s: float = _CONFIRMED_FOR_S) -> None:
        """The bucket must be one that is kept in memory only and forgets a key when its time is over."""
        self._bucket = bucket
        self._degradations = degradations
        self._confirmed_for_s = confirmed_for_s
        self._known: dict[date, _Known] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def days(self) -> set[date]:
        """The days whose salts are in memory."""
        return set(self._known)

    async def of(self, day: date, now: datetime) -> bytes:
        """The salt of a day that is accepted now; raises SaltUnreadable or SaltBroken."""
        self._forget_before(now)
        if (known := self._fresh(day)) is not None:
            return known
        async with self._one_at_a_time:
            # Another call may have confirmed it meanwhile.
            if (known := self._fresh(day)) is not None:
                return known
            return await self._confirm(day, now)

    def _forget_before(self, now: datetime) -> None:
        for day in [day for day in self._known if now >= last_instant(day)]:
            del self._known[day]

    def _fresh(self, day: date) -> bytes | None:
        known = self._known.get(day)
        return known.salt if known and time.monotonic() - known.confirmed_at < self._confirmed_for_s else None

    async def _confirm(self, day: date, now: datetime) -> bytes:
        known = self._known.get(day)
        try:
            salt = await self._from_bucket(day, last_instant(day) - now, known.salt if known else None)
        except (SaltUnreadable, SaltBroken) as error:
            if known is None:
                raise
            self._degradations.happened(Degradation.SALT_FROM_MEMORY, str(error))
            salt = known.salt
        else:
            self._degradations.over(Degradation.SALT_FROM_MEMORY, Degradation.SALT_UNAVAILABLE, Degradation.SALT_CORRUPT)
            if known and known.salt != salt:
                self._degradations.happened(Degradation.SALT_REPLACED, "the bucket holds another salt")
        self._remember(day, last_instant(day) - now, salt)
        return salt

    def _remember(self, day: date, lives_for: timedelta, salt: bytes) -> None:
        if day not in self._known:
            # Also when no request comes any more.
            asyncio.get_running_loop().call_later(max(0.0, lives_for.total_seconds()), self._known.pop, day, None)
        self._known[day] = _Known(salt, time.monotonic())

    async def _from_bucket(self, day: date, lives_for: timedelta, known: bytes | None) -> bytes:
        """The salt all processes use, which is ours when there was none."""
        key = day.isoformat()
        try:
            for attempt in range(_ATTEMPTS):
                if (found := await self._bucket.get(key)) is not None:
                    return _checked(found.value)
                ours = known or os.urandom(SALT_BYTES)
                if await self._bucket.create(key, ours, lives_for):
                    log.info("cookieless_salt_made" if known is None else "cookieless_salt_put_back", day=key)
                    return ours
                # Somebody was faster; a replica may learn of it a moment later.
                await asyncio.sleep(_PAUSE_S * attempt)
        except BucketUnavailable as error:
            raise SaltUnreadable(error.message) from error
        raise SaltUnreadable("the bucket refuses to give and to take the salt")


def _checked(salt: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise SaltBroken(f"the stored salt has {len(salt)} bytes instead of {SALT_BYTES}")
    return salt
