import asyncio

import pytest

from core.single_flight import SingleFlight


class Work:
    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.go_on.wait()
        finally:
            self.ended += 1
        return self.begun


async def test_who_asks_meanwhile_gets_the_same_and_who_asks_afterwards_something_new() -> None:
    flights, work = SingleFlight[str, int](), Work()
    asking = [asyncio.create_task(flights.run("a", work)) for _ in range(20)]
    await asyncio.sleep(0)
    work.go_on.set()

    assert await asyncio.gather(*asking) == [1] * 20
    assert await flights.run("a", work) == 2


async def test_other_keys_are_other_work() -> None:
    flights, work = SingleFlight[str, int](), Work()
    work.go_on.set()

    await asyncio.gather(flights.run("a", work), flights.run("b", work))

    assert work.begun == 2


async def test_it_ends_with_the_last_who_waits() -> None:
    flights, work = SingleFlight[str, int](), Work()
    one, other = (asyncio.create_task(flights.run("a", work)) for _ in range(2))
    await asyncio.sleep(0.01)

    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    assert work.ended == 0
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    await asyncio.sleep(0)
    assert work.ended == 1

    work.go_on.set()
    assert await flights.run("a", work) == 2


async def test_failure_reaches_everybody() -> None:
    flights = SingleFlight[str, int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    failed = await asyncio.gather(*(flights.run("a", fail) for _ in range(3)), return_exceptions=True)

    assert [type(one) for one in failed] == [ZeroDivisionError] * 3
    with pytest.raises(ZeroDivisionError):
        await flights.run("a", fail)
