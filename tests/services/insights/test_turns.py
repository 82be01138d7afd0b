"""Who may ask when many do."""

import asyncio
from datetime import timedelta

import pytest

from core.errors import TooManyQueries
from services.insights.turns import AtOnce, Turns
from services.rpc.call import Call, Credential, Project


def call(project: int, timeout_s: float | None = None) -> Call:
    return Call(Credential("key", Project(project, "UTC"), frozenset()), "request", timeout_s)


class Street:
    """Queries that run until they are told to end, and the order in which they began."""

    def __init__(self, limits: AtOnce) -> None:
        self.turns = Turns(limits)
        self.began: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, project: int, name: str, timeout_s: float | None = None) -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(project, name, timeout_s))
        await settled()

    async def _run(self, project: int, name: str, timeout_s: float | None) -> None:
        async with self.turns.turn(call(project, timeout_s)):
            self.began.append(name)
            await self.ends[name].wait()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_project_runs_so_many_and_another_still_gets_in() -> None:
    street = Street(AtOnce(queries=3, project_queries=2))

    for name in ("a1", "a2", "a3"):
        await street.ask(1, name)
    await street.ask(2, "b1")

    assert street.began == ["a1", "a2", "b1"]
    await street.end("a1")
    assert street.began[-1] == "a3"


async def test_projects_that_wait_are_served_in_turn_and_their_queries_in_order() -> None:
    street = Street(AtOnce(queries=1, project_queries=1))
    await street.ask(9, "first")
    for name in ("a1", "a2", "a3", "b1", "c1", "c2"):
        await street.ask(ord(name[0]), name)

    for name in ("first", "a1", "b1", "c1", "a2", "c2"):
        await street.end(name)

    assert street.began == ["first", "a1", "b1", "c1", "a2", "c2", "a3"]


async def test_more_than_may_wait_are_refused_and_told_when_to_come_back() -> None:
    street = Street(AtOnce(queries=1, project_queries=1, project_waiting=1))
    await street.ask(1, "runs")
    await street.ask(1, "waits")

    with pytest.raises(TooManyQueries) as raised:
        async with street.turns.turn(call(1)):
            pass

    assert raised.value.retry_after == timedelta(seconds=1)
    await street.ask(2, "of another project")
    await street.end("runs")
    await street.end("waits")
    assert street.began == ["runs", "waits", "of another project"]


async def test_one_that_is_cancelled_while_it_waits_takes_no_turn() -> None:
    street = Street(AtOnce(queries=1, project_queries=1))
    for name in ("a", "b", "c"):
        await street.ask(1, name)

    street.tasks["b"].cancel()
    await street.end("a")

    assert street.began == ["a", "c"]


@pytest.mark.parametrize("before", [True, False])
async def test_a_turn_that_comes_in_the_moment_its_query_is_cancelled_passes_on(before: bool) -> None:  # noqa: FBT001 (a parameter)
    street = Street(AtOnce(queries=1, project_queries=1))

    async with street.turns.turn(call(1)):
        await street.ask(1, "b")
        await street.ask(1, "c")
        if before:
            street.tasks["b"].cancel()
    if not before:
        street.tasks["b"].cancel()
    await settled()

    assert street.began == ["c"]
    await street.end("c")
    await street.ask(1, "d")
    assert street.began == ["c", "d"]


async def test_one_that_fails_gives_its_turn_back() -> None:
    street = Street(AtOnce(queries=1, project_queries=1))

    with pytest.raises(ZeroDivisionError):
        async with street.turns.turn(call(1)):
            raise ZeroDivisionError
    await street.ask(1, "next")

    assert street.began == ["next"]


async def test_who_waits_as_long_as_the_caller_would_is_told_so() -> None:
    street = Street(AtOnce(queries=1, project_queries=1))
    await street.ask(1, "long")

    await street.ask(1, "hurried", timeout_s=0.01)
    with pytest.raises(TooManyQueries):
        await street.tasks["hurried"]


async def test_what_a_query_waited_is_taken_from_its_callers_patience() -> None:
    street = Street(AtOnce(queries=1, project_queries=1))
    await street.ask(1, "long")

    async def patience() -> float | None:
        async with street.turns.turn(call(1, 100.0)) as turn:
            return turn.timeout_s

    waiting = asyncio.create_task(patience())
    await settled()
    await street.end("long")

    left = await waiting
    assert left is not None
    assert left < 100


async def test_where_nobody_may_wait_who_is_refused_leaves_nothing_behind() -> None:
    turns = Turns(AtOnce(queries=1, project_queries=1, project_waiting=0))

    async with turns.turn(call(1)):
        with pytest.raises(TooManyQueries):
            async with turns.turn(call(1)):
                pass

    async with turns.turn(call(1)):
        pass
