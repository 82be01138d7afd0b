"""Keeps what ClickHouse answered for a little while, so that identical questions of many viewers cost one query.

A result is found again by its SQL with every value bound into it, which names the project and the version of its identity, by when
something was last removed from the project, and by the watermark of its data. While everything accepted is stored, the watermark is the
number of the last event accepted: the same number, the same events, so a kept result is as good as a new one. While events are coming in,
it is the moment up to which they are complete, to some seconds; a result kept from a few seconds before then says its own moment in
`meta.complete_until`.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from core.clickhouse import Rows
from core.single_flight import SingleFlight
from core.sql import Sql
from core.stream import Watermark

_BUCKET = timedelta(seconds=5)
_KEPT_FOR_S = 60.0
# A value of a row takes some 50 bytes.
_MOST_VALUES = 2_000_000
_MOST_VALUES_EACH = 200_000

_Key = tuple[bytes, tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Result:
    """What ClickHouse answered, up to when it is complete, and whether it was kept from before."""

    rows: Rows
    complete_until: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    result: Result
    values: int
    until: float


@dataclass(slots=True)
class ResultCache:
    """Results by question and watermark; all of it happens on the event loop, between two awaits."""

    now: Callable[[], float] = time.monotonic
    _kept: OrderedDict[_Key, _Kept] = field(default_factory=OrderedDict[_Key, _Kept])
    _values: int = 0
    _flights: SingleFlight[_Key, Result] = field(default_factory=SingleFlight[_Key, Result])

    async def result(self, query: Sql, watermark: Watermark, ask: Callable[[], Awaitable[Rows]], removal: int = 0) -> Result:
        """What `ask` answers to the query, asked at most once at a time; it is cancelled when nobody waits for it any more.

        `removal` says which was the project's last one.
        """
        key = _key(query, watermark, removal)
        if kept := self._still_kept(key):
            settled = watermark.stored_through is not None
            return Result(kept.rows, watermark.complete_until if settled else kept.complete_until, kept=True)
        return await self._flights.run(key, lambda: self._ask(key, watermark, ask))

    async def _ask(self, key: _Key, watermark: Watermark, ask: Callable[[], Awaitable[Rows]]) -> Result:
        result = Result(await ask(), watermark.complete_until)
        self._keep(key, result)
        return result

    def _still_kept(self, key: _Key) -> Result | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until < self.now():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.result

    def _keep(self, key: _Key, result: Result) -> None:
        values = _values_in(result.rows.rows)
        if values > _MOST_VALUES_EACH:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = _Kept(result, values, self.now() + _KEPT_FOR_S)
        self._values += values
        while self._values > _MOST_VALUES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        self._values -= self._kept.pop(key).values


def _values_in(value: object) -> int:
    return 1 + sum(map(_values_in, cast("Sequence[object]", value))) if isinstance(value, list | tuple) else 1


def _key(query: Sql, watermark: Watermark, removal: int) -> _Key:
    text, values = query.render()
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name, value in values.items():
        bound = value.parameter.encode()
        # With its length: a text may hold whatever would end it, and two questions must never be taken for one.
        digest.update(f"\0{name}\0{len(bound)}\0".encode() + bound)
    return digest.digest(), _mark(watermark), removal


def _mark(watermark: Watermark) -> tuple[str, int]:
    if watermark.stored_through is not None:
        return "event", watermark.stored_through
    return "moment", int(watermark.complete_until.timestamp() // _BUCKET.total_seconds())
