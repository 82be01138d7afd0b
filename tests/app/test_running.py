import asyncio
import time

import pytest

from app.running import Grace


async def test_everything_that_does_not_end_shares_one_period() -> None:
    ended: list[str] = []
    grace = Grace(0.5)
    started = time.monotonic()

    async def never(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    await grace.end("calls", never("calls"), share=0.8)
    until_calls = time.monotonic() - started
    await grace.end("publisher", never("publisher"))
    await grace.end("worker", never("worker"))

    assert 0.35 < until_calls < 0.5
    assert 0.45 < time.monotonic() - started < 1.0
    assert ended[:2] == ["calls", "publisher"]


async def test_what_ends_in_time_leaves_the_rest_to_what_follows() -> None:
    grace = Grace(5)
    started = time.monotonic()

    await grace.end("calls", asyncio.sleep(0))
    await grace.end("worker", asyncio.sleep(0.1))

    assert time.monotonic() - started < 1


async def test_what_fails_at_the_end_is_not_kept_quiet() -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (no message)
        await Grace(5).end("calls", fail())
