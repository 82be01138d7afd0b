"""Keeps what ClickHouse answered for a little while, so that identical questions of many viewers cost one query.

A result is found again by its SQL with every value bound into it, which names the project and the version of its identity, and by when
something was last removed from the project. It is used while it is as good as a new one: everything accepted is stored, and the last event
accepted is the one it knows already. It is also used while it is a little older than a new one would be, and then says its own moment in
`meta.complete_until`: five seconds while events are being stored, and, whatever comes in, twenty times as long as ClickHouse took, if it
was slow and read many rows.
"""

import hashlib
import sys
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

# How much older than a new one a result may be while events are being stored.
_BUCKET = timedelta(seconds=5)
# So a board of slow questions takes a twentieth of the machine, however many look at it; what is quick is asked anew at once.
_TIMES_WHAT_IT_TOOK, _SLOW_S = 20, 0.25
# What reads no more than so many rows is slow only because the machine has other work, and costs little when it is asked anew.
_FEW_ROWS = 100_000
_KEPT_FOR_S = 60.0
# Of memory, in all and for one answer.
_MOST_BYTES = 100 * 2**20
_MOST_BYTES_EACH = 10 * 2**20

_Flight = tuple[bytes, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Result:
    """What ClickHouse answered, up to when it is complete, and whether it was kept from before."""

    rows: Rows
    complete_until: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    result: Result
    stored_through: int | None
    size: int
    until: float

    def is_good_for(self, watermark: Watermark) -> bool:
        """Whether a new one would be the same, or not newer by much."""
        if self.stored_through is not None and self.stored_through == watermark.stored_through:
            return True
        older = watermark.complete_until - self.result.complete_until
        rows = self.result.rows
        slow = timedelta(seconds=rows.took_s * _TIMES_WHAT_IT_TOOK if rows.took_s > _SLOW_S and rows.rows_read > _FEW_ROWS else 0)
        return older < (slow if watermark.stored_through is not None else max(slow, _BUCKET))


@dataclass(slots=True)
class ResultCache:
    """Results by question and watermark; all of it happens on the event loop, between two awaits."""

    now: Callable[[], float] = time.monotonic
    # In the order in which they go: all are kept for as long.
    _kept: OrderedDict[bytes, _Kept] = field(default_factory=OrderedDict[bytes, _Kept])
    _size: int = 0
    _flights: SingleFlight[_Flight, Result] = field(default_factory=SingleFlight[_Flight, Result])

    async def result(self, query: Sql, watermark: Watermark, ask: Callable[[], Awaitable[Rows]], removal: int = 0) -> Result:
        """What `ask` answers to the query, asked at most once at a time; it is cancelled when nobody waits for it any more.

        `removal` says which was the project's last one.
        """
        key = _key(query, removal)
        if (kept := self._still_kept(key)) and kept.is_good_for(watermark):
            same = watermark.stored_through is not None and watermark.stored_through == kept.stored_through
            return Result(kept.result.rows, watermark.complete_until if same else kept.result.complete_until, kept=True)
        return await self._flights.run((key, _mark(watermark)), lambda: self._ask(key, watermark, ask))

    async def _ask(self, key: bytes, watermark: Watermark, ask: Callable[[], Awaitable[Rows]]) -> Result:
        result = Result(await ask(), watermark.complete_until)
        self._keep(key, result, watermark)
        return result

    def _still_kept(self, key: bytes) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept and kept.until >= self.now() else None

    def _keep(self, key: bytes, result: Result, watermark: Watermark) -> None:
        if key in self._kept:
            self._drop(key)
        size = _size_of(result.rows.rows)
        if size <= _MOST_BYTES_EACH:
            self._kept[key] = _Kept(result, watermark.stored_through, size, self.now() + _KEPT_FOR_S)
            self._size += size
        while self._kept and (self._size > _MOST_BYTES or next(iter(self._kept.values())).until < self.now()):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        self._size -= self._kept.pop(key).size


def _size_of(value: object) -> int:
    """Bytes of memory; what several places hold is counted in each."""
    return sys.getsizeof(value) + (sum(map(_size_of, cast("Sequence[object]", value))) if isinstance(value, list | tuple) else 0)


def _key(query: Sql, removal: int) -> bytes:
    text, values = query.render()
    digest = hashlib.blake2b(f"{removal}\0{text}".encode(), digest_size=16)
    for name, value in values.items():
        bound = value.parameter.encode()
        # With its length: a text may hold whatever would end it, and two questions must never be taken for one.
        digest.update(f"\0{name}\0{len(bound)}\0".encode() + bound)
    return digest.digest()


def _mark(watermark: Watermark) -> tuple[str, int]:
    if watermark.stored_through is not None:
        return "event", watermark.stored_through
    return "moment", int(watermark.complete_until.timestamp() // _BUCKET.total_seconds())
