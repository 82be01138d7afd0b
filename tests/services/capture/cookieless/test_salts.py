import asyncio
import os
from datetime import timedelta

import pytest

from app.backends import Backends
from core.bucket import Bucket, Entry
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.salts import SaltBroken, Salts, SaltUnreadable
from visiting import NOON, TODAY, YESTERDAY, MakeBucket, is_gone


class Switched(Bucket):
    """A bucket that can be made unreachable."""

    def __init__(self, reachable: Bucket, nowhere: Bucket) -> None:
        self.reachable, self.nowhere = reachable, nowhere
        self._now = reachable

    def off(self) -> None:
        self._now = self.nowhere

    def on(self) -> None:
        self._now = self.reachable

    async def get(self, key: str) -> Entry | None:
        return await self._now.get(key)

    async def create(self, key: str, value: bytes, lives_for: timedelta | None = None) -> bool:
        return await self._now.create(key, value, lives_for)


async def test_a_salt_is_32_random_bytes_a_day_and_stays_the_same(make_bucket: MakeBucket, degradations: Degradations) -> None:
    salts = Salts(make_bucket(), degradations)

    days = [await salts.of(day, NOON) for day in (TODAY, YESTERDAY, TODAY)]

    assert [len(salt) for salt in days] == [32] * 3
    assert days[0] == days[2] != days[1]
    assert not degradations.counts


async def test_processes_that_need_a_salt_at_once_adopt_the_same(make_bucket: MakeBucket, degradations: Degradations) -> None:
    processes = [Salts(make_bucket(), degradations) for _ in range(8)]

    salts = await asyncio.gather(*(process.of(TODAY, NOON) for process in processes for _ in range(3)))

    assert len(set(salts)) == 1


async def test_a_salt_is_stored_under_its_day_for_as_long_as_it_is_accepted(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = make_bucket()
    almost_over = NOON.replace(hour=23, minute=59, second=59)

    salt = await Salts(bucket, degradations).of(YESTERDAY, almost_over)

    stored = await bucket.get("2026-02-28")
    assert stored is not None
    assert stored.value == salt
    assert await is_gone(bucket, "2026-02-28")


async def test_a_process_forgets_the_salts_of_days_that_are_over(make_bucket: MakeBucket, degradations: Degradations) -> None:
    salts = Salts(make_bucket(), degradations)
    for day in (YESTERDAY, TODAY):
        await salts.of(day, NOON)

    await salts.of(TODAY, NOON + timedelta(hours=12))

    assert salts.days == {TODAY}


async def test_a_process_forgets_also_when_no_request_comes_any_more(make_bucket: MakeBucket, degradations: Degradations) -> None:
    salts = Salts(make_bucket(), degradations)

    await salts.of(YESTERDAY, NOON.replace(hour=23, minute=59, second=59, microsecond=990_000))

    assert salts.days == {YESTERDAY}
    await asyncio.sleep(0.05)
    assert not salts.days


async def test_a_process_that_knows_the_salt_goes_on_when_jetstream_is_away(
    make_bucket: MakeBucket, nowhere: Bucket, degradations: Degradations
) -> None:
    bucket = Switched(make_bucket(), nowhere)
    salts = Salts(bucket, degradations, confirmed_for_s=0)
    before = await salts.of(TODAY, NOON)

    bucket.off()
    meanwhile = await salts.of(TODAY, NOON)
    bucket.on()
    after = await salts.of(TODAY, NOON)

    assert before == meanwhile == after
    assert degradations.counts == {Degradation.SALT_FROM_MEMORY: 1}


async def test_a_process_that_does_not_know_it_has_none_and_makes_none_up(nowhere: Bucket, degradations: Degradations) -> None:
    salts = Salts(nowhere, degradations)

    with pytest.raises(SaltUnreadable):
        await salts.of(TODAY, NOON)
    assert not salts.days


@pytest.mark.parametrize("stored", [b"", b"short", bytes(33)])
async def test_what_is_no_salt_is_not_used(make_bucket: MakeBucket, degradations: Degradations, stored: bytes) -> None:
    bucket = make_bucket()
    await bucket.create(TODAY.isoformat(), stored)

    with pytest.raises(SaltBroken, match=str(len(stored))):
        await Salts(bucket, degradations).of(TODAY, NOON)


async def test_a_known_salt_is_used_on_when_the_stored_one_is_damaged(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = make_bucket()
    salts = Salts(bucket, degradations, confirmed_for_s=0)
    before = await salts.of(TODAY, NOON)
    stored = await bucket.get(TODAY.isoformat())
    assert stored is not None
    await bucket.update(TODAY.isoformat(), b"damaged", stored.revision)

    after = await salts.of(TODAY, NOON)

    assert after == before
    assert degradations.counts == {Degradation.SALT_FROM_MEMORY: 1}


async def test_a_salt_the_bucket_has_lost_is_put_back_by_a_process_that_knows_it(
    backends: Backends, make_bucket: MakeBucket, degradations: Degradations
) -> None:
    bucket = make_bucket()
    first, late = Salts(bucket, degradations, confirmed_for_s=0), Salts(make_bucket(), degradations)
    before = await first.of(TODAY, NOON)
    await backends.jetstream.delete_stream("KV_TESTED")

    after = await first.of(TODAY, NOON)

    assert after == before == await late.of(TODAY, NOON)
    assert not degradations.counts


async def test_of_two_salts_the_stored_one_wins_so_that_processes_agree(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = make_bucket()
    salts = Salts(bucket, degradations, confirmed_for_s=0)
    await salts.of(TODAY, NOON)
    stored = await bucket.get(TODAY.isoformat())
    assert stored is not None
    other = os.urandom(32)
    await bucket.update(TODAY.isoformat(), other, stored.revision)

    after = await salts.of(TODAY, NOON)

    assert after == other
    assert degradations.counts == {Degradation.SALT_REPLACED: 1}
