"""Identical questions cost one query, and no kept answer is older than it says."""

import asyncio
import weakref
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.backends import Backends
from core.clickhouse import ClickHouse, Rows
from core.errors import QueryTooExpensive
from core.sql import Sql, sql, text
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import QueryRequest
from pug.insights.v1.metric_pb2 import Metric
from services.insights.limits import QueryLimits
from services.insights.result_cache import Result, ResultCache
from services.insights.service import InsightsService
from services.rpc.call import Call
from tests.services.insights.conftest import NOW
from tests.story import Store, event
from workers.removal.removing import Removal

SETTLED = Watermark(NOW, stored_through=7)
QUERY = sql("SELECT {a}", a=text("a"))


@dataclass
class Engine:
    """Counts what it is asked; answers when it may."""

    asked: int = 0
    ended: int = 0
    rows_read: int = 10
    took_s: float = 0.0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> Rows:
        self.asked += 1
        try:
            await self.go_on.wait()
        finally:
            self.ended += 1
        return Rows([(self.asked,)], self.rows_read, took_s=self.took_s)


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    engine.go_on.set()
    return engine


async def test_same_question_about_the_same_events_is_asked_once(engine: Engine) -> None:
    cache = ResultCache()
    later = Watermark(NOW + timedelta(hours=1), stored_through=7)

    first = await cache.result(QUERY, SETTLED, engine.ask)
    second = await cache.result(QUERY, later, engine.ask)

    assert (first.kept, second.kept, engine.asked) == (False, True, 1)
    # Nothing came in between, so it is complete until now.
    assert second == Result(first.rows, later.complete_until, kept=True)


async def test_values_that_read_alike_in_a_row_are_two_questions(engine: Engine) -> None:
    cache = ResultCache()

    def asked(one: str, other: str) -> Sql:
        return sql("SELECT {a}, {b}", a=text(one), b=text(other))

    await cache.result(asked("a\0b_2\0b", "c"), SETTLED, engine.ask)

    assert not (await cache.result(asked("a", "b\0b_2\0c"), SETTLED, engine.ask)).kept


@pytest.mark.parametrize(
    ("query", "watermark"),
    [
        (sql("SELECT {a}", a=text("b")), SETTLED),
        (sql("SELECT {a}, 1", a=text("a")), SETTLED),
        (QUERY, Watermark(NOW, stored_through=8)),
        (QUERY, Watermark(NOW + timedelta(seconds=5))),
    ],
    ids=["another value", "another text", "another event", "events on their way"],
)
async def test_anything_else_is_asked_anew(engine: Engine, query: Sql, watermark: Watermark) -> None:
    cache = ResultCache()
    await cache.result(QUERY, SETTLED, engine.ask)

    assert not (await cache.result(query, watermark, engine.ask)).kept
    assert engine.asked == 2


async def test_while_events_come_in_an_answer_is_kept_for_seconds_and_says_of_when_it_is(engine: Engine) -> None:
    cache = ResultCache()
    start = NOW.replace(second=0, microsecond=0)

    await cache.result(QUERY, Watermark(start), engine.ask)
    soon = await cache.result(QUERY, Watermark(start + timedelta(seconds=4)), engine.ask)
    late = await cache.result(QUERY, Watermark(start + timedelta(seconds=5)), engine.ask)

    assert (soon.kept, soon.complete_until) == (True, start)
    assert (late.kept, late.complete_until) == (False, start + timedelta(seconds=5))


@pytest.mark.parametrize("stored_through", [8, None])
async def test_what_took_long_is_kept_for_twenty_times_as_long_and_says_of_when_it_is(engine: Engine, stored_through: int | None) -> None:
    cache = ResultCache()
    engine.rows_read, engine.took_s = 1_000_000, 0.5

    await cache.result(QUERY, SETTLED, engine.ask)
    soon = await cache.result(QUERY, Watermark(NOW + timedelta(seconds=9), stored_through), engine.ask)
    late = await cache.result(QUERY, Watermark(NOW + timedelta(seconds=11), stored_through), engine.ask)

    assert (soon.kept, soon.complete_until) == (True, NOW)
    assert (late.kept, late.complete_until) == (False, NOW + timedelta(seconds=11))


@pytest.mark.parametrize(("rows_read", "took_s"), [(100_000, 5.0), (1_000_000, 0.2)], ids=["few rows", "not slow"])
async def test_what_costs_little_is_asked_anew_however_long_the_machine_took(engine: Engine, rows_read: int, took_s: float) -> None:
    cache = ResultCache()
    engine.rows_read, engine.took_s = rows_read, took_s

    await cache.result(QUERY, SETTLED, engine.ask)
    next_event = await cache.result(QUERY, Watermark(NOW + timedelta(seconds=1), stored_through=8), engine.ask)

    assert (next_event.kept, engine.asked) == (False, 2)


async def test_clickhouse_says_how_long_it_took_without_the_wait_for_a_connection(store: Store) -> None:
    alone = store.clickhouse.apart(connections=1)
    slept = sql("SELECT sleep(0.3)")

    both = await asyncio.gather(alone.query(slept), alone.query(slept))
    await alone.close()

    assert all(found.took_s >= 0.3 for found in both)
    assert sum(found.took_s for found in both) < 2 * 0.3 + 0.3


async def test_nothing_is_kept_for_longer_than_a_minute(engine: Engine) -> None:
    seconds = [0.0]
    cache = ResultCache(now=lambda: seconds[0])
    await cache.result(QUERY, SETTLED, engine.ask)

    seconds[0] = 61

    assert not (await cache.result(QUERY, SETTLED, engine.ask)).kept


async def test_who_asks_meanwhile_waits_for_the_same_answer() -> None:
    cache, engine = ResultCache(), Engine()
    asking = [asyncio.create_task(cache.result(QUERY, SETTLED, engine.ask)) for _ in range(20)]
    await asyncio.sleep(0)
    engine.go_on.set()

    assert {(await one).rows.rows[0] for one in asking} == {(1,)}
    assert engine.asked == 1


async def test_a_question_ends_with_the_last_who_waits_for_it() -> None:
    cache, engine = ResultCache(), Engine()
    one, other = (asyncio.create_task(cache.result(QUERY, SETTLED, engine.ask)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    assert engine.ended == 0
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    await asyncio.sleep(0)
    assert engine.ended == 1

    engine.go_on.set()
    assert not (await cache.result(QUERY, SETTLED, engine.ask)).kept


async def test_failure_reaches_everybody_and_is_not_kept(engine: Engine) -> None:
    cache = ResultCache()

    async def fail() -> Rows:
        await asyncio.sleep(0)
        raise QueryTooExpensive("Too much.")

    failed = await asyncio.gather(*(cache.result(QUERY, SETTLED, fail) for _ in range(3)), return_exceptions=True)

    assert all(isinstance(one, QueryTooExpensive) for one in failed)
    assert not (await cache.result(QUERY, SETTLED, engine.ask)).kept


def asked(number: int) -> Sql:
    return sql("SELECT {a}", a=text(str(number)))


@pytest.mark.parametrize("value", ["x" * 8_000_000, "é" * 8_000_000, list(range(220_000))], ids=["text", "wide text", "list"])
async def test_memory_is_bounded_by_what_values_take(value: object) -> None:
    cache = ResultCache()

    async def large() -> Rows:
        return Rows([(value,)], 1)

    async def too_large() -> Rows:
        return Rows([(value,), (value,)], 1)

    for number in range(30):
        await cache.result(asked(number), SETTLED, large)

    assert (await cache.result(asked(29), SETTLED, large)).kept
    assert not (await cache.result(asked(0), SETTLED, large)).kept
    await cache.result(QUERY, SETTLED, too_large)
    assert not (await cache.result(QUERY, SETTLED, too_large)).kept


async def test_what_is_kept_no_longer_takes_no_memory() -> None:
    seconds = [0.0]
    cache = ResultCache(now=lambda: seconds[0])
    gone: list[weakref.ref[Value]] = []

    async def large() -> Rows:
        value = Value()
        gone.append(weakref.ref(value))
        return Rows([(value,)], 1)

    for number in range(3):
        await cache.result(asked(number), SETTLED, large)
        seconds[0] += 61

    assert [one() is None for one in gone] == [True, True, False]


class Value:
    """Something that can be seen to be gone."""


async def test_kept_answer_of_an_insight_says_so_until_something_comes_in(
    clickhouse: ClickHouse, store: Store, call: Call, trends_of_a_month: QueryRequest
) -> None:
    stored = [1]

    async def watermark() -> Watermark:
        return Watermark(NOW, stored_through=stored[0])

    service = InsightsService(clickhouse, watermark, lambda: NOW, QueryLimits(timedelta(seconds=30), 2**30), cache=ResultCache())
    await store.tell(event("a"))

    first, second = await service.query(trends_of_a_month, call), await service.query(trends_of_a_month, call)
    await store.tell(event("a"))
    stored[0] = 2
    third = await service.query(trends_of_a_month, call)

    assert [one.meta.kept for one in (first, second, third)] == [False, True, False]
    assert second.meta.rows_read == 0
    assert second.trends == first.trends != third.trends


async def test_identity_that_changed_is_another_question(
    clickhouse: ClickHouse, store: Store, call: Call, trends_of_a_month: QueryRequest
) -> None:
    async def watermark() -> Watermark:
        return SETTLED

    trends_of_a_month.insight.trends.series[0].metric.kind = Metric.KIND_PERSONS
    service = InsightsService(clickhouse, watermark, lambda: NOW, QueryLimits(timedelta(seconds=30), 2**30), cache=ResultCache())
    await store.tell(event("a", "ann"), event("a", "bob"))
    before = await service.query(trends_of_a_month, call)

    await store.know(1, ties={"bob": "ann"})
    after = await service.query(trends_of_a_month, call)

    assert [sum(one.trends.series[0].values) for one in (before, after)] == [2, 1]


async def test_an_answer_from_before_a_removal_is_not_given_after_it(
    backends: Backends, clickhouse: ClickHouse, store: Store, call: Call, trends_of_a_month: QueryRequest
) -> None:
    async def watermark() -> Watermark:
        return SETTLED

    service = InsightsService(clickhouse, watermark, lambda: NOW, QueryLimits(timedelta(seconds=30), 2**30), cache=ResultCache())
    await store.tell(event("a", "ann"), event("a", "bob"))
    before = await service.query(trends_of_a_month, call)

    await Removal(backends.postgres, clickhouse, backends.jetstream).remove_ids(store.project_id, ["bob"])
    after = await service.query(trends_of_a_month, call)

    assert [sum(one.trends.series[0].values) for one in (before, after)] == [2, 1]
    assert not after.meta.kept


@pytest.fixture
def trends_of_a_month() -> QueryRequest:
    request = QueryRequest(preset="PRESET_LAST_30_DAYS")
    request.insight.trends.series.add().event.name = "a"
    return request
