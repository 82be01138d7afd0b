"""The erasures that are asked for, in PostgreSQL: what is to be done, how far it is, and what stays known of it.

Whoever asks has frozen the ids before (services/profiles/erasures.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import transaction

ATTEMPTS = 10
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=10)
_MOST_IDS = 10_000
_MOST_JOBS = 100
_DUE = text("""
    SELECT id, project_id, step, distinct_ids, identity_version, stream_sequence, counts, failed_attempts, requested_at
    FROM erasures WHERE state IN ('pending', 'running') AND next_attempt_at <= clock_timestamp() ORDER BY number LIMIT :most
""")
_ADVANCE = text("UPDATE erasures SET state = 'running', step = :step, stream_sequence = :sequence, counts = :counts WHERE id = :id")
_FAIL = text("""
    UPDATE erasures SET
        failed_attempts = :failed, error = :error, next_attempt_at = clock_timestamp() + :wait,
        state = CASE WHEN :failed >= :most THEN 'failed' ELSE state END,
        finished_at = CASE WHEN :failed >= :most THEN clock_timestamp() END
    -- One can be done though nobody heard of it: the connection may have broken while it was committed.
    WHERE id = :id AND state <> 'done'
""")
_DONE = text("""
    UPDATE erasures SET
        state = 'done', step = '', error = '', counts = :counts, finished_at = :finished, certificate = :certificate,
        -- Whose it was is not known any more.
        distinct_ids = '{}'
    WHERE id = :id
""")
# How many are neither done nor given up, and since when the oldest.
OPEN = text("SELECT count(*), min(requested_at) FROM erasures WHERE state IN ('pending', 'running')")
_ANY_DONE = text("SELECT EXISTS (SELECT FROM erasures WHERE state = 'done')")


class Step(StrEnum):
    """What is done, in this order; the names of `pug.profiles.v1.Erasure.Step`."""

    SETTLING = "settling"
    COUNTING = "counting"
    EVENTS = "events"
    PEOPLE = "people"
    DEAD_LETTERS = "dead_letters"
    SESSIONS = "sessions"
    VERIFYING = "verifying"
    CERTIFYING = "certifying"


STEPS = tuple(Step)


@dataclass(slots=True)
class Job:
    """An erasure under way: `counts` are rows by store, before and after, and `stream_sequence` is 0 before it is known."""

    id: str
    project_id: int
    step: Step
    distinct_ids: Sequence[str]
    identity_version: int
    stream_sequence: int
    failed_attempts: int
    requested_at: datetime
    counts: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    is_done: bool = False

    def has_to(self, step: Step) -> bool:
        """Whether the step is still to be done."""
        return STEPS.index(self.step) <= STEPS.index(step)

    def count(self, counted: Mapping[str, int]) -> None:
        """Keep how much there is; before is the most that ever was, since a part may have been removed when it was counted again."""
        for store, rows in counted.items():
            before, _ = self.counts.get(store, (0, 0))
            self.counts[store] = (max(before, rows), rows)


class Jobs:
    """Reads and writes them."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def due(self) -> list[Job]:
        """Some that are to be worked on together, as they are of one project; one that has failed before is worked on alone."""
        async with transaction(self._postgres) as connection:
            found = (await connection.execute(_DUE, {"most": _MOST_JOBS})).all()
        jobs = [
            Job(
                str(row.id),
                row.project_id,
                Step(row.step or Step.SETTLING),
                row.distinct_ids,
                row.identity_version,
                row.stream_sequence or 0,
                row.failed_attempts,
                row.requested_at,
                {store: (before, after) for store, (before, after) in row.counts.items()},
            )
            for row in found
        ]
        return _together(jobs)

    async def advance(self, jobs: Sequence[Job]) -> None:
        """Keep how far they are."""
        rows = [{"id": job.id, "step": job.step, "sequence": job.stream_sequence, "counts": json.dumps(job.counts)} for job in jobs]
        async with transaction(self._postgres) as connection:
            await connection.execute(_ADVANCE, rows)

    async def fail(self, jobs: Sequence[Job], error: str) -> None:
        """Put them off, each time for twice as long; after ten times they are given up. The error must not say whose they are."""
        rows = [
            {"id": job.id, "failed": job.failed_attempts + 1, "error": error, "most": ATTEMPTS, "wait": _wait(job.failed_attempts)}
            for job in jobs
        ]
        async with transaction(self._postgres) as connection:
            await connection.execute(_FAIL, rows)

    async def finish(self, job: Job, finished_at: datetime, certificate: str) -> None:
        """It is done, and the ids are forgotten."""
        values = {"id": job.id, "counts": json.dumps(job.counts), "finished": finished_at, "certificate": certificate}
        async with transaction(self._postgres) as connection:
            await connection.execute(_DONE, values)
        job.is_done = True

    async def any_done(self) -> bool:
        """Whether anybody was ever erased."""
        async with transaction(self._postgres) as connection:
            return bool((await connection.execute(_ANY_DONE)).scalar_one())

    async def open(self) -> tuple[int, datetime | None]:
        """How many are asked for and neither done nor given up, and since when the oldest."""
        async with transaction(self._postgres) as connection:
            count, oldest = (await connection.execute(OPEN)).one()
        return count, oldest


def _together(jobs: Sequence[Job]) -> list[Job]:
    if not jobs or jobs[0].failed_attempts:
        return list(jobs[:1])
    together: list[Job] = []
    for job in jobs:
        fits = not together or sum(len(one.distinct_ids) for one in (*together, job)) <= _MOST_IDS
        if job.project_id == jobs[0].project_id and not job.failed_attempts and fits:
            together.append(job)
    return together


def _wait(failed_before: int) -> timedelta:
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2**failed_before)
