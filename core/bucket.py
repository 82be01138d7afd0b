"""A key-value bucket of JetStream, written only by those who say which write they follow."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NoStreamResponseError
from nats.js.kv import KeyValue

from core.errors import BucketUnavailable

T = TypeVar("T")

_RETRY_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a key, and the number of the write that put it there."""

    value: bytes
    revision: int


class Bucket:
    """Opened when it is first needed, and again when the server has lost it: one in memory ends with a server that stands alone."""

    def __init__(self, connection: Client, open_bucket: Callable[[], Awaitable[KeyValue]], *, timeout_s: float = 1.0) -> None:
        """`open_bucket` makes the bucket when there is none; every call takes at most `timeout_s`."""
        self._connection = connection
        self._open_bucket = open_bucket
        self._timeout_s = timeout_s
        self._bucket: KeyValue | None = None
        self._silent_until = 0.0

    async def get(self, key: str) -> Entry | None:
        """What stands under the key, if anything does; raises BucketUnavailable like all that follow."""
        async with self._answering():
            try:
                found = await self._with_bucket(lambda bucket: bucket.get(key))
            except KeyNotFoundError:
                return None
        return Entry(found.value or b"", found.revision or 0)

    async def create(self, key: str, value: bytes, lives_for: timedelta | None = None) -> bool:
        """Write under a key that is free; whether it was."""
        # Whole seconds is what the server counts in, and 0 would be for ever.
        ttl = None if lives_for is None else max(1, math.ceil(lives_for.total_seconds()))
        return await self._written(lambda bucket: bucket.create(key, value, msg_ttl=ttl))

    async def update(self, key: str, value: bytes, revision: int) -> bool:
        """Write under a key as the next after a revision; whether it was."""
        return await self._written(lambda bucket: bucket.update(key, value, last=revision))

    async def _written(self, write: Callable[[KeyValue], Awaitable[int]]) -> bool:
        async with self._answering():
            try:
                await self._with_bucket(write)
            except (KeyWrongLastSequenceError, KeyNotFoundError):
                # The latter when the client looks who was faster, and a replica doesn't know yet.
                return False
        return True

    async def _with_bucket(self, use: Callable[[KeyValue], Awaitable[T]]) -> T:
        bucket = self._bucket
        if bucket is not None:
            try:
                return await use(bucket)
            except (nats.errors.NoRespondersError, NoStreamResponseError):
                self._bucket = None
        self._bucket = bucket = await self._open_bucket()
        return await use(bucket)

    @asynccontextmanager
    async def _answering(self) -> AsyncGenerator[None]:
        if not self._connection.is_connected:
            raise _unavailable("it is not connected")
        if time.monotonic() < self._silent_until:
            # Callers that wait for one another would else each wait anew.
            raise _unavailable("it did not a moment ago")
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            if isinstance(error, TimeoutError):
                self._silent_until = time.monotonic() + _RETRY_AFTER.total_seconds()
            raise _unavailable(str(error) or type(error).__name__) from error


def _unavailable(why: str) -> BucketUnavailable:
    return BucketUnavailable(f"JetStream does not answer: {why}.", hint="Try again in a moment.", retry_after=_RETRY_AFTER)
