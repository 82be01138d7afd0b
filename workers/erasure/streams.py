"""What NATS holds of somebody: events that wait to be stored, rows among the dead letters, the sessions of a cookieless visitor."""

import re
from collections.abc import Iterable, Sequence

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from core.dead_letters import Traces, letters
from core.errors import StreamUnavailable
from core.stream import state_of
from workers.dead_letters import DeadLetters
from workers.erasure.jobs import Job
from workers.partition import STREAM

DEAD_STORE = "nats.DEAD"
SESSIONS_STORE = "nats.COOKIELESS_SESSIONS"
# As services/capture/cookieless makes ids and keys; whatever else begins like one is no visitor's, and could name other subjects.
_VISITOR = re.compile(r"cookieless-([A-Za-z0-9_-]{22})")
_SESSIONS = "KV_COOKIELESS_SESSIONS"


class Streams:
    """The streams and the bucket."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._jetstream = connection.jetstream()

    async def last_sequence(self) -> int:
        """The place of the last event that was accepted."""
        return (await state_of(self._connection, STREAM)).last

    async def is_settled(self, sequence: int) -> bool:
        """Whether everything up to a place was stored, or buried: nothing of it is in a worker's hand."""
        return not (await state_of(self._connection, STREAM)).holds_up_to(sequence)

    async def count(self, jobs: Sequence[Job]) -> list[dict[str, int]]:
        """Rows of each among the dead letters, and visitors whose sessions are kept."""
        dead = [0] * len(jobs)
        traces = [Traces(job.project_id, job.distinct_ids) for job in jobs]
        async for letter in letters(self._jetstream):
            for place, trace in enumerate(traces):
                dead[place] += len(trace.places(letter.data))
        return [{DEAD_STORE: rows, SESSIONS_STORE: await self._kept_sessions(job)} for job, rows in zip(jobs, dead, strict=True)]

    async def remove_letters(self, jobs: Sequence[Job]) -> None:
        """Take their rows out of the dead letters."""
        traces = [Traces(job.project_id, job.distinct_ids) for job in jobs]
        try:
            await DeadLetters(self._jetstream).forget(lambda row: any(trace.are_in(row) for trace in traces))
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            raise _silent(error) from error

    async def remove_sessions(self, job: Job) -> None:
        """Forget when a cookieless visitor was there."""
        for subject in _session_subjects(job):
            try:
                await self._jetstream.purge_stream(_SESSIONS, subject=subject)
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                raise _silent(error) from error

    async def _kept_sessions(self, job: Job) -> int:
        kept = 0
        for subject in _session_subjects(job):
            try:
                await self._jetstream.get_msg(_SESSIONS, subject=subject, direct=True)
            except nats.js.errors.NotFoundError:
                continue
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                raise _silent(error) from error
            kept += 1
        return kept


def is_visitor(job: Job) -> bool:
    """Whether it is about a cookieless visitor."""
    return any(_session_subjects(job))


def _session_subjects(job: Job) -> Iterable[str]:
    for distinct_id in job.distinct_ids:
        if visitor := _VISITOR.fullmatch(distinct_id):
            yield f"$KV.COOKIELESS_SESSIONS.{job.project_id}.{visitor[1]}"


def _silent(error: Exception) -> StreamUnavailable:
    return StreamUnavailable(f"NATS does not answer: {str(error) or type(error).__name__}.")
