import asyncio

import pytest

from workers.pause import Pause


async def test_what_is_being_stored_ends_before_the_pause_is_held() -> None:
    pause, order = Pause(), list[str]()

    async def store() -> None:
        async with pause.storing():
            await asyncio.sleep(0.05)
            order.append("stored")

    storing = asyncio.create_task(store())
    await asyncio.sleep(0)
    async with pause.held():
        order.append("held")
    await storing

    assert order == ["stored", "held"]


async def test_nothing_begins_while_any_holds_the_pause() -> None:
    pause, begun = Pause(), asyncio.Event()

    async def store() -> None:
        async with pause.storing():
            begun.set()

    async with pause.held():
        async with pause.held():
            storing = asyncio.create_task(store())
        await asyncio.sleep(0.02)
        waited = not begun.is_set()
    await storing

    assert waited


async def test_whoever_gives_up_waiting_or_storing_holds_up_nobody() -> None:
    pause = Pause()
    storing = asyncio.create_task(_for_ever(pause))
    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02), pause.held():
            pass
    async with pause.storing():
        together = True
    storing.cancel()
    async with asyncio.timeout(5), pause.held():
        held = True

    assert (together, held) == (True, True)


async def _for_ever(pause: Pause) -> None:
    async with pause.storing():
        await asyncio.Event().wait()
