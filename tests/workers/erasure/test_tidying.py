"""What is left of somebody in PostgreSQL's files goes after their erasure, at once or later; it holds nobody up, and undoes nothing."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import datetime

import pytest
from sqlalchemy import text

from core.errors import StoreUnavailable
from pug.profiles.v1 import erasure_pb2 as pb
from workers.erasure.jobs import Job, Jobs, Step
from workers.erasure.people import People

from .household import Household, Killed, eraser, working

# Nothing here takes as long: only what waits for ever does.
FOR_EVER_S = 60


async def named(home: Household) -> str:
    """The id of somebody who is in no other test's files."""
    somebody = f"ann-of-{home.project_id}"
    await home.identify(f"{somebody}-phone", somebody)
    return somebody


async def in_files(home: Household, word: str) -> bool:
    """Whether the files hold it of the tables that are written anew."""
    bytes_of = "encode(pg_read_binary_file(pg_relation_filepath(name)), 'escape')"
    query = f"SELECT bool_or(strpos({bytes_of}, :word) > 0) FROM unnest(ARRAY['erasures', 'removals']) AS name"
    async with home.backends.postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("CHECKPOINT"))
        return bool((await connection.execute(text(query), {"word": word})).scalar_one())


@contextlib.asynccontextmanager
async def reading(home: Household, statement: str) -> AsyncGenerator[None]:
    """Somebody who has read and goes on, as pg_dump does."""
    async with home.backends.postgres.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        await connection.execute(text(statement))
        yield


@pytest.mark.parametrize("statement", ["SELECT count(*) FROM erasures", "SELECT count(*) FROM orgs"], ids=["of-it", "of-others"])
async def test_while_somebody_reads_nobody_waits_and_it_is_tidied_when_they_have_ended(home: Household, statement: str) -> None:
    somebody = await named(home)
    erasure_id = await home.erase(somebody)
    worker = eraser(home.backends)

    async with working(home.backends), asyncio.timeout(FOR_EVER_S):
        async with reading(home, statement):
            assert await worker.work(asyncio.Event())
            assert not await worker.work(asyncio.Event())
            left = await in_files(home, somebody)
        await worker.work(asyncio.Event())

    assert left
    assert (await home.erasure(erasure_id)).state == pb.Erasure.STATE_DONE
    assert not await in_files(home, somebody)


class Clumsy(People):
    """Fails to tidy once."""

    failed = False

    async def tidy(self) -> bool:
        if self.failed:
            return await super().tidy()
        self.failed = True
        raise StoreUnavailable("PostgreSQL does not answer.")


async def test_one_that_could_not_be_tidied_is_done_all_the_same_and_tidied_later(home: Household) -> None:
    somebody = await named(home)
    erasure_id = await home.erase(somebody)
    worker = eraser(home.backends, people=Clumsy(home.backends.postgres))

    async with working(home.backends):
        await worker.work(asyncio.Event())
        left, erasure = await in_files(home, somebody), await home.erasure(erasure_id)
        await worker.work(asyncio.Event())

    assert left
    assert (erasure.state, erasure.failed_attempts, erasure.error) == (pb.Erasure.STATE_DONE, 0, "")
    assert erasure.HasField("finished_at")
    assert not await in_files(home, somebody)


async def test_after_a_kill_between_the_end_of_an_erasure_and_the_tidying_the_next_one_tidies(home: Household) -> None:
    somebody = await named(home)
    stop = asyncio.Event()

    class Last(People):
        async def tidy(self) -> bool:
            tidied = await super().tidy()
            stop.set()
            return tidied

    async with working(home.backends), asyncio.timeout(FOR_EVER_S):
        await home.erase(somebody)
        worker = eraser(home.backends)
        worker.dies_at(Step.CERTIFYING, done=True)
        with pytest.raises(Killed):
            await worker.work(asyncio.Event())
        left = await in_files(home, somebody)
        await eraser(home.backends, people=Last(home.backends.postgres)).run(stop)

    assert left
    assert not await in_files(home, somebody)


class Unlucky(Jobs):
    """Fails at the second end; the first is written down though its answer is lost, if it is `deaf`."""

    def __init__(self, home: Household, *, deaf: bool) -> None:
        super().__init__(home.backends.postgres)
        self._deaf = deaf
        self._ended = 0

    async def finish(self, job: Job, finished_at: datetime, certificate: str) -> None:
        self._ended += 1
        if self._ended == 1:
            await super().finish(job, finished_at, certificate)
        if self._ended == 2 or self._deaf:
            job.is_done = False
            raise StoreUnavailable("PostgreSQL does not answer.")


@pytest.mark.parametrize("deaf", [False, True])
async def test_of_two_in_a_pass_the_one_that_is_done_does_not_fail_with_the_other(home: Household, deaf: bool) -> None:  # noqa: FBT001 (a case)
    somebody = await named(home)
    await home.identify("bob-phone", "bob")
    first, second = await home.erase(somebody), await home.erase("bob")

    async with working(home.backends):
        await eraser(home.backends, jobs=Unlucky(home, deaf=deaf)).work(asyncio.Event())

    done, failed = await home.erasure(first), await home.erasure(second)
    assert (done.state, done.failed_attempts, done.error) == (pb.Erasure.STATE_DONE, 0, "")
    assert done.HasField("finished_at")
    assert (failed.state, failed.failed_attempts, failed.error) == (pb.Erasure.STATE_RUNNING, 1, "PostgreSQL does not answer.")
    assert not await in_files(home, somebody)
