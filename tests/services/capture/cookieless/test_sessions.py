import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from core.bucket import Bucket, Entry
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.identity import Visitor, session_of
from services.capture.cookieless.sessions import Sessions
from visiting import MakeBucket

SALT = bytes(32)
ANN, BOB = Visitor(7, "cookieless-ann"), Visitor(7, "cookieless-bob")
HALF_HOUR = 30 * 60_000
T0 = 1_772_366_400_000


class Counted(Bucket):
    """Counts what is asked of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.calls: Counter[str] = Counter()

    async def get(self, key: str) -> Entry | None:
        self.calls["read"] += 1
        return await self.bucket.get(key)

    async def create(self, key: str, value: bytes, lives_for: timedelta | None = None) -> bool:
        self.calls["write"] += 1
        return await self.bucket.create(key, value, lives_for)

    async def update(self, key: str, value: bytes, revision: int) -> bool:
        self.calls["write"] += 1
        return await self.bucket.update(key, value, revision)


async def test_a_visit_goes_on_until_nothing_happened_for_half_an_hour(make_bucket: MakeBucket, degradations: Degradations) -> None:
    sessions = Sessions(make_bucket(), degradations)

    ids = [(await sessions.of(SALT, ANN, [T0 + after]))[T0 + after] for after in (0, HALF_HOUR, 2 * HALF_HOUR, 3 * HALF_HOUR + 1)]

    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert not degradations.counts


async def test_visitors_have_sessions_of_their_own(make_bucket: MakeBucket, degradations: Degradations) -> None:
    sessions = Sessions(make_bucket(), degradations)
    namesake = Visitor(8, ANN.distinct_id)

    ids = {(await sessions.of(SALT, visitor, [T0]))[T0] for visitor in (ANN, BOB, namesake)}

    assert len(ids) == 3


async def test_a_request_reads_once_and_writes_once_however_many_events_it_has(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = Counted(make_bucket())
    sessions = Sessions(bucket, degradations)
    moments = [T0 + step * HALF_HOUR * 2 for step in range(20)]

    await sessions.of(SALT, ANN, moments)
    first = bucket.calls.copy()
    await sessions.of(SALT, ANN, moments)

    assert first == {"read": 1, "write": 1}
    assert bucket.calls == {"read": 2, "write": 1}


async def test_processes_that_begin_a_session_at_once_adopt_the_first(make_bucket: MakeBucket, degradations: Degradations) -> None:
    processes = [Sessions(make_bucket(), degradations) for _ in range(4)]
    # Each would call it by another half hour.
    moments = [T0 + HALF_HOUR - 2, T0 + HALF_HOUR - 1, T0 + HALF_HOUR, T0 + HALF_HOUR + 1]

    found = await asyncio.gather(*(process.of(SALT, ANN, [ms]) for process, ms in zip(processes, moments, strict=True)))

    assert len({session for one in found for session in one.values()}) == 1
    assert not degradations.counts


async def test_many_requests_of_one_visitor_to_one_process_all_get_through(make_bucket: MakeBucket, degradations: Degradations) -> None:
    sessions = Sessions(make_bucket(), degradations)

    found = await asyncio.gather(*(sessions.of(SALT, ANN, [T0 + step]) for step in range(100)))

    assert len({session for one in found for session in one.values()}) == 1
    assert not degradations.counts


async def test_without_jetstream_a_visitors_day_is_one_session(nowhere: Bucket, degradations: Degradations) -> None:
    sessions = Sessions(nowhere, degradations)

    found = await sessions.of(SALT, ANN, [T0, T0 + 5 * HALF_HOUR])
    again = await sessions.of(SALT, ANN, [T0 + 9 * HALF_HOUR])

    assert {*found.values(), *again.values()} == {session_of(SALT, ANN, "day")}
    assert degradations.counts == {Degradation.SESSIONS_UNAVAILABLE: 2}


@pytest.mark.parametrize("stored", [b"", b"nonsense", b"[[1]]", b"{}"])
async def test_what_cannot_be_read_makes_one_session_too(make_bucket: MakeBucket, degradations: Degradations, stored: bytes) -> None:
    bucket = make_bucket()
    await bucket.create(ANN.key, stored)

    found = await Sessions(bucket, degradations).of(SALT, ANN, [T0])

    assert found == {T0: session_of(SALT, ANN, "day")}
    assert degradations.counts == {Degradation.SESSIONS_UNAVAILABLE: 1}
