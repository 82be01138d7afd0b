"""How acts wait for one another."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from core.errors import StoreUnavailable, TieNotFound, TooManyChanges
from services.profiles.acts import Act, Identified, Identify, Outcomes, SetTraits
from services.profiles.line import TASK, Line, LineLimits
from services.profiles.traits import TraitChange

NOTHING = TraitChange()


class Counter:
    """Does acts when it is let; says of each which it was, in the order they are done."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.once = False
        self.error: Exception | None = None
        self.now = 0.0
        self.takes_s = 0.0

    async def perform(self, project_id: int, acts: Sequence[Act[object]]) -> Outcomes:
        names = [act.distinct_id for act in acts if isinstance(act, Identify | SetTraits)]
        self.batches.append(names)
        await self.free.wait()
        if self.once:
            self.free.clear()
        self.now += self.takes_s
        if self.error:
            raise self.error
        return [TieNotFound("no") if name == "bad" else Identified(name, project_id) for name in names]

    def line(self, limits: LineLimits | None = None) -> Line:
        return Line(self.perform, type, limits, lambda: self.now)


@pytest.fixture
def counter() -> Counter:
    return Counter()


def one(name: str) -> Identify:
    return Identify(name, name, NOTHING)


async def start(line: Line, names: Sequence[str], within_s: float | None = None) -> "list[asyncio.Task[Identified]]":
    tasks = [asyncio.create_task(line.do(1, one(name), within_s)) for name in names]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_a_batch_is_under_way_is_in_the_next_and_each_gets_their_own_answer(counter: Counter) -> None:
    line = counter.line(LineLimits(batch=3))
    counter.free.clear()

    first = await start(line, "a")
    rest = await start(line, ["b", "bad", "c", "d"])
    counter.free.set()
    answers = await asyncio.gather(*first, *rest, return_exceptions=True)

    assert counter.batches == [["a"], ["b", "bad", "c"], ["d"]]
    assert [each.root if isinstance(each, Identified) else type(each) for each in answers] == ["a", "b", TieNotFound, "c", "d"]


async def test_acts_of_different_kinds_are_done_in_their_order_though_not_together(counter: Counter) -> None:
    line = counter.line()

    await asyncio.gather(line.do(1, one("a"), None), line.do(1, SetTraits("b", NOTHING), None), line.do(1, one("c"), None))

    assert counter.batches == [["a"], ["b"], ["c"]]


async def test_projects_do_not_wait_for_one_another_unless_too_many_are_busy(counter: Counter) -> None:
    line = counter.line(LineLimits(projects=2))
    counter.free.clear()

    tasks = [asyncio.create_task(line.do(project, one("a"), None)) for project in (1, 2, 3)]
    for _ in range(5):
        await asyncio.sleep(0)
    under_way = len(counter.batches)
    counter.free.set()

    assert [answer.version for answer in await asyncio.gather(*tasks)] == [1, 2, 3]
    assert under_way == 2


async def test_beyond_its_bound_an_act_is_refused_at_once_and_told_when_to_come_again(counter: Counter) -> None:
    line = counter.line(LineLimits(waiting=2))
    counter.free.clear()
    tasks = [*await start(line, "a"), *await start(line, "bc")]

    with pytest.raises(TooManyChanges, match=r"2 changes of this project's people wait already\. Nothing was changed\.") as refused:
        await line.do(1, one("d"), None)
    counter.free.set()

    assert refused.value.retry_after == timedelta(seconds=1)
    assert [answer.root for answer in await asyncio.gather(*tasks)] == ["a", "b", "c"]
    assert (await line.do(1, one("d"), None)).root == "d"


async def test_an_act_that_would_take_longer_than_its_caller_waits_is_refused_at_once(counter: Counter) -> None:
    line = counter.line(LineLimits(batch=1))
    counter.takes_s, counter.once = 4.0, True
    counter.free.clear()
    tasks = await start(line, ["a", "b", "c"])
    counter.free.set()
    await tasks[0]

    with pytest.raises(TooManyChanges) as refused:
        await line.do(1, one("d"), 5.0)
    patient = await start(line, "e", within_s=60.0)
    counter.once = False
    counter.free.set()
    await asyncio.gather(*tasks)

    assert refused.value.retry_after is not None
    assert refused.value.retry_after >= timedelta(seconds=4)
    assert (await patient[0]).root == "e"
    assert ["d"] not in counter.batches
    assert (await line.do(1, one("f"), 0.5)).root == "f", "nobody waits any more, so it is tried"


async def test_an_act_whose_time_has_passed_while_it_waited_is_not_done(counter: Counter) -> None:
    line = counter.line()
    counter.free.clear()
    first = await start(line, "a")
    late = await start(line, "b", within_s=1.0)

    counter.now = 2.0
    counter.free.set()

    with pytest.raises(TooManyChanges, match="longer than its caller would"):
        await late[0]
    await first[0]
    assert counter.batches == [["a"]]


async def test_a_caller_who_goes_away_takes_only_their_own_act_along(counter: Counter) -> None:
    line = counter.line()
    counter.free.clear()
    begun = await start(line, "ab")
    waiting = await start(line, "cd")

    begun[0].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    counter.free.set()
    answers = await asyncio.gather(*begun, *waiting, return_exceptions=True)

    assert counter.batches == [["a", "b"], ["d"]]
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, Identified, asyncio.CancelledError, Identified]


async def test_when_a_batch_fails_everybody_hears_of_it_and_the_next_is_tried(counter: Counter) -> None:
    line = counter.line()
    counter.error = StoreUnavailable("PostgreSQL does not answer.", hint="Wait.")
    answers = await asyncio.gather(*(line.do(1, one(name), None) for name in "ab"), return_exceptions=True)
    counter.error = None

    assert [(type(each), str(each), getattr(each, "hint", "")) for each in answers] == [
        (StoreUnavailable, "PostgreSQL does not answer.", "Wait.")
    ] * 2
    assert answers[0] is not answers[1]
    assert (await line.do(1, one("c"), None)).root == "c"


async def test_when_the_batch_is_killed_nobody_waits_for_ever(counter: Counter) -> None:
    line = counter.line(LineLimits(batch=1))
    counter.free.clear()
    tasks = await start(line, "ab")

    for task in asyncio.all_tasks():
        if task.get_name().startswith(TASK):
            task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    counter.free.set()

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
    assert (await line.do(1, one("c"), None)).root == "c"


async def test_when_a_batch_is_killed_before_it_begins_nobody_waits_for_ever(counter: Counter) -> None:
    line = counter.line()
    waiting = asyncio.create_task(line.do(1, one("a"), None))
    await asyncio.sleep(0)
    (opened,) = (task for task in asyncio.all_tasks() if task.get_name().startswith(TASK))

    opened.cancel()

    with pytest.raises(StoreUnavailable):
        await waiting
    assert (await line.do(1, one("b"), None)).root == "b"
