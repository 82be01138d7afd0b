"""Processes that work on a job: each partition is one's at a time, and each has its share. A participant stands for a process."""

import asyncio
import uuid
from dataclasses import dataclass, field

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backends import Backends
from workers.turn import in_turns

PARTITIONS = 4


@dataclass
class Participant:
    postgres: AsyncEngine
    job: str
    held: set[int] = field(default_factory=set[int])
    doubled: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    others: list["Participant"] = field(default_factory=list["Participant"])

    async def work(self, partition: int, stop: asyncio.Event) -> None:
        self.doubled |= any(partition in other.held for other in self.others)
        self.held.add(partition)
        await stop.wait()
        self.held.discard(partition)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(in_turns(self.postgres, self.job, PARTITIONS, self.work, self.stop))


@pytest.fixture
def two(backends: Backends) -> tuple[Participant, Participant]:
    job = str(uuid.uuid4())
    first, second = Participant(backends.postgres, job), Participant(backends.postgres, job)
    first.others.append(second)
    second.others.append(first)
    return first, second


async def until(first: Participant, second: Participant, shares: tuple[int, int]) -> None:
    async with asyncio.timeout(20):
        while (len(first.held), len(second.held)) != shares:  # noqa: ASYNC110 (what is waited for changes as time goes by)
            await asyncio.sleep(0.02)


async def test_partitions_are_shared_anew_when_a_process_comes_and_when_one_goes(two: tuple[Participant, Participant]) -> None:
    first, second = two

    alone = first.start()
    await until(first, second, (4, 0))
    joining = second.start()
    await until(first, second, (2, 2))
    first.stop.set()
    await alone
    await until(first, second, (0, 4))
    second.stop.set()
    await joining

    assert not first.doubled
    assert not second.doubled


async def test_a_process_that_dies_leaves_its_share_to_the_others(two: tuple[Participant, Participant]) -> None:
    first, second = two
    dying, staying = first.start(), second.start()
    await until(first, second, (2, 2))

    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    first.held.clear()

    await until(first, second, (0, 4))
    assert not second.doubled
    second.stop.set()
    await staying


async def test_work_that_fails_gives_up_all_turns_and_says_why(backends: Backends) -> None:
    async def fail(_partition: int, _stop: asyncio.Event) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(in_turns(backends.postgres, str(uuid.uuid4()), 2, fail, asyncio.Event()), 20)
