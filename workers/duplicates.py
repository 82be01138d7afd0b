"""Recognises events that are stored already: the same event_id counts once, whichever batch brought it again, and with whichever time.

An in-memory Bloom filter of the recent ids passes almost every event at once; the few it suspects are looked up in ClickHouse. So the cost
is some memory accesses per event, in numpy, and no query for a block without duplicates (docs/decisions/0006).
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from core.clickhouse import ClickHouse
from core.rows import Heads, Ids, key_of
from core.sql import Sql, Value, instant, integer, sql, uuids
from workers.partition import Partition

_BITS = 6
_KEYS_PER_WORD = 2
_LOOK_UP = 5_000


class RecentIds:
    """A Bloom filter of event ids: 64-bit words, six bits of one word for each id. It forgets nothing and doubts one in about 20,000."""

    def __init__(self, expected: int) -> None:
        """Sized for `expected` ids, at four to eight bytes each."""
        self._exponent = max(16, int(np.ceil(np.log2(max(expected, 1) / _KEYS_PER_WORD))))
        self._words = np.zeros(1 << self._exponent, np.uint64)
        self._held = 0

    @property
    def full(self) -> bool:
        """Whether it holds more ids than it was sized for."""
        return self._held > len(self._words) * _KEYS_PER_WORD

    def add(self, ids: Ids) -> None:
        """Remember the ids, an array of shape (n, 2): the high and the low half of each UUID."""
        words, bits = self._places(ids)
        np.bitwise_or.at(self._words, words, bits)
        self._held += len(ids)

    def suspects(self, ids: Ids) -> npt.NDArray[np.intp]:
        """The places of the ids it may have seen."""
        words, bits = self._places(ids)
        return np.flatnonzero((self._words[words] & bits) == bits)

    def _places(self, ids: Ids) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        mixed = (ids[:, 0] ^ (ids[:, 1] * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0x165667B19E3779F9)
        spread = (ids[:, 1] ^ mixed) * np.uint64(0xFF51AFD7ED558CCD)
        spread ^= spread >> np.uint64(32)
        bits = np.zeros(len(ids), np.uint64)
        for turn in range(_BITS):
            bits |= np.uint64(1) << ((spread >> np.uint64(6 * turn)) & np.uint64(63))
        return mixed >> np.uint64(64 - self._exponent), bits


class Duplicates:
    """Knows which events of a block are stored already."""

    def __init__(self, clickhouse: ClickHouse, window: timedelta, partition: Partition) -> None:
        """Ids of the partition are remembered for `window` after their event was received."""
        self._clickhouse = clickhouse
        self._window = window
        self._partition = partition
        self._recent = RecentIds(0)

    async def remember_stored(self) -> None:
        """Fill the filter anew from ClickHouse, with room for as many ids again."""
        recent_events = sql("FROM events WHERE received_at >= {since}{ours}", since=self._since(), ours=_of(self._partition))
        counted = await self._clickhouse.query(sql("SELECT count() {recent_events}", recent_events=recent_events))
        recent = RecentIds(2 * int(str(counted.rows[0][0])) + 1_000_000)

        def remember(chunk: bytes) -> None:
            recent.add(np.frombuffer(chunk, "<u8").reshape(-1, 2))

        await self._clickhouse.stream_bytes(sql("SELECT event_id {recent_events}", recent_events=recent_events), "RowBinary", 16, remember)
        self._recent = recent

    def remember(self, ids: Ids) -> None:
        """Remember ids that are stored now."""
        self._recent.add(ids)

    async def dropped(self, rows: bytes, heads: Heads) -> tuple[int, ...]:
        """The places of the rows whose event is stored already, or came earlier in the same block."""
        if self._recent.full:
            await self.remember_stored()
        suspected = {int(place) for place in self._recent.suspects(heads.ids)}.difference(heads.malformed)
        repeated = _repeated(heads.ids).difference(heads.malformed)
        if not suspected and not repeated:
            return ()
        return await self._confirmed(rows, sorted(suspected | repeated), suspected)

    async def _confirmed(self, rows: bytes, places: list[int], suspected: set[int]) -> tuple[int, ...]:
        lines = rows.split(b"\n")
        keys = {place: key_of(lines[place]) for place in places}
        stored = await self._stored(sorted({keys[place][1] for place in suspected}))
        seen: set[tuple[int, str]] = set()
        dropped: list[int] = []
        for place in places:
            if keys[place] in stored or keys[place] in seen:
                dropped.append(place)
            seen.add(keys[place])
        return tuple(dropped)

    async def _stored(self, event_ids: list[str]) -> set[tuple[int, str]]:
        stored: set[tuple[int, str]] = set()
        for start in range(0, len(event_ids), _LOOK_UP):
            part = event_ids[start : start + _LOOK_UP]
            found = await self._clickhouse.query(
                sql(
                    "SELECT DISTINCT project_id, toString(event_id) FROM events"
                    " WHERE event_id IN (SELECT arrayJoin({ids})) AND received_at >= {since}",
                    ids=uuids(part),
                    since=self._since(),
                ),
            )
            stored.update((int(str(project_id)), str(event_id)) for project_id, event_id in found.rows)
        return stored

    def _since(self) -> Value:
        return instant(datetime.now(UTC) - self._window)


def _of(partition: Partition) -> Sql:
    """A condition on the last digit of an event's id, which says its partition (core/rows.py); none when there is only one."""
    if partition.of == 1:
        return sql("")
    return sql(
        " AND bitAnd(reinterpretAsUInt8(substring(UUIDStringToNum(toString(event_id)), 16, 1)), {mask}) = {number}",
        mask=integer(partition.of - 1),
        number=integer(partition.number),
    )


def _repeated(ids: Ids) -> set[int]:
    """The places of all ids that stand more than once."""
    _, group, count = np.unique(ids[:, 0] ^ (ids[:, 1] * np.uint64(0x9E3779B97F4A7C15)), return_inverse=True, return_counts=True)
    if len(count) == len(ids):
        return set()
    return {int(place) for place in np.flatnonzero(count[group] > 1)}
