"""Erases people for good, everywhere, while events keep coming in.

Their ids were refused in the transaction that asked for it, and the events worker reads what is refused when it begins a block. So an
event of theirs that is stored at all came in a block begun before, and such a block's messages were in the stream before: once all that the
stream held a moment later is stored, nothing of theirs is on its way any more. Then what is stored is removed, store after store.

Each step comes to the same when it is done again. How far it is, is written down after each; whoever goes on begins with the step that
wasn't finished (docs/decisions/0023).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from core.certificates import SIGNING_KEY
from core.clickhouse import ClickHouse
from core.errors import ErasureIncomplete, PugError, StoreUnavailable
from core.server_secrets import ServerSecrets
from workers.erasure.certificate import certificate_of
from workers.erasure.jobs import STEPS, Job, Jobs, Step
from workers.erasure.people import People
from workers.erasure.streams import Streams, is_visitor
from workers.erasure.watch import ErasureWatch
from workers.pause import Pause
from workers.removal.counting import counts
from workers.removal.removing import Removal
from workers.removal.share import OfIds

log: structlog.stdlib.BoundLogger = structlog.get_logger()

JOB = "eraser"
_LOOK_EVERY_S = 1.0
_SETTLED_EVERY_S = 0.1
_IDS_AT_ONCE = 10_000
# By then every process that captures has read which visitors are refused, and keeps no session of theirs any more.
_KNOWN_EVERYWHERE_AFTER = timedelta(seconds=10)
_TIDY_AGAIN_AFTER = timedelta(minutes=5)


class Stopped(Exception):
    """The worker was told to stop; what it did is done, and the rest is for the next."""


class ErasureWorker:
    """Only one may run at a time: turn.py sees to it."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        people: People,
        streams: Streams,
        clickhouse: ClickHouse,
        removal: Removal,
        secrets: ServerSecrets,
        watch: ErasureWatch,
        pause: Pause | None = None,
        tidy_again_after: timedelta = _TIDY_AGAIN_AFTER,
    ) -> None:
        """Each of the stores by who knows it."""
        self._jobs = jobs
        self._people = people
        self._streams = streams
        self._clickhouse = clickhouse
        self._removal = removal
        self._secrets = secrets
        self._watch = watch
        self._pause = pause or Pause()
        self._tidy_again_after = tidy_again_after
        # By the monotonic clock; None while there is nothing to tidy.
        self._tidy_at: float | None = None
        self._do: Mapping[Step, Callable[[Sequence[Job], asyncio.Event], Awaitable[None]]] = {
            Step.SETTLING: self._settle,
            Step.COUNTING: self._count,
            Step.EVENTS: self._remove_events,
            Step.PEOPLE: self._remove_people,
            Step.DEAD_LETTERS: self._remove_letters,
            Step.SESSIONS: self._remove_sessions,
            Step.VERIFYING: self._verify,
            Step.CERTIFYING: self._certify,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        # Whoever had the turn before may have ended somebody's erasure and been killed then.
        self._tidy_at = time.monotonic()
        while not stop.is_set():
            worked = await self.work(stop)
            self._watch.seen(*await self._jobs.open())
            if not worked:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)

    async def work(self, stop: asyncio.Event) -> bool:
        """Do some of what is asked for, to its end or to a failure that is written down, and tidy; whether anything was asked for."""
        jobs = await self._jobs.due()
        if jobs:
            await self._attempt(jobs, stop)
        if self._tidy_at is not None and time.monotonic() >= self._tidy_at and not stop.is_set():
            await self._tidy()
        return bool(jobs)

    async def _attempt(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        try:
            await self._erase(jobs, stop)
        except Stopped:
            log.info("erasures_put_off", erasures=len(jobs))
        except Exception as error:
            failed, foreseen = [job for job in jobs if not job.is_done], isinstance(error, PugError)
            log.warning(
                "erasures_failed", erasures=[job.id for job in failed], step=jobs[0].step, error=_told(error), exc_info=not foreseen
            )
            if failed:
                await self._jobs.fail(failed, _told(error))

    async def _tidy(self) -> None:
        """Rid PostgreSQL's files and statistics of who was erased; what can't be done now is done later. No erasure fails by it."""
        self._tidy_at = time.monotonic() + self._tidy_again_after.total_seconds()
        try:
            if not await self._jobs.any_done() or await self._people.tidy():
                self._tidy_at = None
            else:
                log.info("erasures_tidied_in_part", again_after_s=self._tidy_again_after.total_seconds())
        except StoreUnavailable as error:
            log.warning("erasures_not_tidied", error=error.message, again_after_s=self._tidy_again_after.total_seconds())

    async def _erase(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        for step, following in zip(STEPS, (*STEPS[1:], None), strict=True):
            if stop.is_set():
                raise Stopped
            if not (due := [job for job in jobs if job.has_to(step)]):
                continue
            await self._do[step](due, stop)
            if following:
                for job in due:
                    job.step = following
                # In a backup nothing is said to be done that isn't, in an engine that was copied before.
                async with self._pause.storing():
                    await self._jobs.advance(due)

    async def _settle(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        """Wait, however long, until nothing of theirs can come into ClickHouse any more."""
        for job in jobs:
            # Not the same again after a failure: from a backup older events may have come back.
            job.stream_sequence = await self._streams.last_sequence()
        await self._jobs.advance(jobs)
        last = max(job.stream_sequence for job in jobs)
        while not (await self._streams.is_settled(last) and all([await self._people.is_told(job) for job in jobs])):
            if stop.is_set():
                raise Stopped
            await asyncio.sleep(_SETTLED_EVERY_S)

    async def _count(self, jobs: Sequence[Job], _stop: asyncio.Event) -> None:
        for job, in_streams in zip(jobs, await self._streams.count(jobs), strict=True):
            job.count({**in_streams, **await self._people.count(job), **await self._in_clickhouse(job)})

    async def _remove_events(self, jobs: Sequence[Job], _stop: asyncio.Event) -> None:
        ids = sorted({one for job in jobs for one in job.distinct_ids})
        for part in _parts(ids):
            await self._removal.remove_ids(jobs[0].project_id, part)

    async def _remove_people(self, jobs: Sequence[Job], _stop: asyncio.Event) -> None:
        for job in jobs:
            await self._people.remove(job)

    async def _remove_letters(self, jobs: Sequence[Job], _stop: asyncio.Event) -> None:
        await self._streams.remove_letters(jobs)

    async def _remove_sessions(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        for job in jobs:
            if is_visitor(job):
                await _until(job.requested_at + _KNOWN_EVERYWHERE_AFTER, stop)
                await self._streams.remove_sessions(job)

    async def _verify(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        await self._count(jobs, stop)
        for job in jobs:
            if left := sorted(store for store, (_, after) in job.counts.items() if after):
                # From the beginning: whatever it is, it came by a way that was not foreseen.
                job.step = Step.SETTLING
                await self._jobs.advance([job])
                raise ErasureIncomplete(f"Something is left, or came again, in {', '.join(left)}.")

    async def _certify(self, jobs: Sequence[Job], _stop: asyncio.Event) -> None:
        secret = await self._secrets.get(SIGNING_KEY, replaceable=True)
        for job in jobs:
            finished_at = datetime.now(UTC)
            self._tidy_at = time.monotonic()
            async with self._pause.storing():
                await self._jobs.finish(job, finished_at, certificate_of(job, finished_at, secret))
            log.info("person_erased", erasure=job.id, project=job.project_id, ids=len(job.distinct_ids))

    async def _in_clickhouse(self, job: Job) -> dict[str, int]:
        counted: dict[str, int] = {}
        for part in _parts(job.distinct_ids):
            for one in await counts(self._clickhouse, OfIds(job.project_id, tuple(part))):
                store = f"clickhouse.{one.table}"
                counted[store] = counted.get(store, 0) + one.rows
        return counted


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE)]


async def _until(instant: datetime, stop: asyncio.Event) -> None:
    left = (instant - datetime.now(UTC)).total_seconds()
    if left > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)
    if stop.is_set():
        raise Stopped


def _told(error: Exception) -> str:
    """What went wrong, of which only our own words are sure to say nothing about anybody."""
    return error.message if isinstance(error, PugError) else f"{type(error).__name__}, of which the log says more."
