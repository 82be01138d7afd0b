"""Keeps the sessions of cookieless visitors, for all processes together."""

import asyncio
from collections.abc import Collection
from weakref import WeakValueDictionary

import msgspec

from core.bucket import Bucket
from core.errors import BucketUnavailable
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.identity import Visitor, session_of
from services.capture.cookieless.stitching import Day, from_bytes, session_at, stitch, to_bytes

_ATTEMPTS = 8
_PAUSE_S = 0.005
_WHOLE_DAY = "day"


class Sessions:
    """One key a visitor, read once and written at most once a request.

    A write says which it follows. So of two processes that begin a session at the same time, the second adopts what the first began.
    """

    def __init__(self, bucket: Bucket, degradations: Degradations) -> None:
        """The bucket has to keep a visitor for two days: that long events of their day are accepted."""
        self._bucket = bucket
        self._degradations = degradations
        # Requests of one visitor to this process wait for each other rather than fail by turns.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, salt: bytes, visitor: Visitor, moments: Collection[int]) -> dict[int, str]:
        """The session id for each moment of a visitor's day."""
        lock = self._locks.setdefault(visitor.key, asyncio.Lock())
        async with lock:
            day = await self._stitched(visitor, moments)
        if day is None:
            return dict.fromkeys(moments, session_of(salt, visitor, _WHOLE_DAY))
        return {ms: session_of(salt, visitor, str(session.number)) for ms in moments if (session := session_at(day, ms))}

    async def _stitched(self, visitor: Visitor, moments: Collection[int]) -> Day | None:
        """The visitor's day with the moments in it; None when it can't be kept."""
        try:
            for attempt in range(_ATTEMPTS):
                if (day := await self._try(visitor.key, moments)) is not None:
                    self._degradations.over(Degradation.SESSIONS_UNAVAILABLE)
                    return day
                # Another process was faster; a replica may learn of it a moment later.
                await asyncio.sleep(_PAUSE_S * attempt)
        except (BucketUnavailable, msgspec.DecodeError) as error:
            self._degradations.happened(Degradation.SESSIONS_UNAVAILABLE, str(error))
            return None
        self._degradations.happened(Degradation.SESSIONS_UNAVAILABLE, "other processes keep writing")
        return None

    async def _try(self, key: str, moments: Collection[int]) -> Day | None:
        found = await self._bucket.get(key)
        before = from_bytes(found.value) if found else ()
        after = stitch(before, moments)
        if after == before:
            return after
        value = to_bytes(after)
        written = await (self._bucket.update(key, value, found.revision) if found else self._bucket.create(key, value))
        return after if written else None
