"""A project in which people are known, do things and are erased, with the workers that Pug runs."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from opentelemetry.metrics import NoOpMeter

from app.backends import Backends
from core.clickhouse import ClickHouse
from core.server_secrets import ServerSecrets
from core.sql import Sql, sql, text, unsigned
from core.stream import state_of
from core.tombstones import Tombstones
from pug.profiles.v1 import erasure_pb2 as pb
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.profiles.acts import Identify
from services.profiles.erasures import Erasures
from services.profiles.holdings import Holdings
from services.profiles.repository import ProfilesRepository
from services.profiles.traits import TraitChange
from services.rpc.call import Call, Credential, Project, Scope
from workers.block_lock import BlockLock
from workers.duplicates import Duplicates
from workers.erasure.jobs import Job, Jobs, Step
from workers.erasure.people import People
from workers.erasure.streams import Streams
from workers.erasure.watch import ErasureWatch
from workers.erasure.worker import ErasureWorker
from workers.events import EventsWorker
from workers.ledger import Ledger
from workers.partition import STREAM, Partition
from workers.people import PeopleWorker
from workers.pull import BlockSize
from workers.removal.removing import Removal
from workers.removal.tables import DERIVED_TABLES
from workers.store import EventStore

ONLY = Partition(0, 1)
DAY_MS = 86_400_000
MARCH_MS = 1_772_323_200_000


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@dataclass(frozen=True)
class Household:
    backends: Backends
    project_id: int
    profiles: ProfilesRepository
    erasures: Erasures
    call: Call

    async def does(self, *events: bytes) -> None:
        """Have events accepted, in one message."""
        await self.backends.jetstream.publish("events.captured", b"\n".join(events))

    async def identify(self, distinct_id: str, external_id: str, **traits: object) -> None:
        await self.profiles.do(self.project_id, Identify(distinct_id, external_id, TraitChange(set=traits)))

    async def erase(self, distinct_id: str) -> str:
        erasure = await self.erasures.erase(distinct_id, self.call)
        assert erasure is not None
        return erasure.id

    async def erasure(self, erasure_id: str) -> pb.Erasure:
        return (await self.erasures.get_erasure(pb.GetErasureRequest(id=erasure_id), self.call)).erasure

    async def certificate(self, erasure_id: str) -> bytes:
        return (await self.erasures.get_erasure(pb.GetErasureRequest(id=erasure_id), self.call)).certificate.encode()

    async def everywhere(self, word: str) -> dict[str, int]:
        """In how many rows of each store of the project a text stands, in whatever column."""
        found = {table: await self._with_word(table, word) for table in await self._tables()}
        for table in ("distinct_ids", "ties", "identity_changes", "erasures", "tombstones", "removals"):
            query = f"SELECT count(*) FROM {table} AS one WHERE project_id = {self.project_id} AND strpos(CAST(one AS text), '{word}') > 0"
            async with self.backends.postgres.connect() as connection:
                found[table] = int((await connection.exec_driver_sql(query)).scalar_one())
        return {table: rows for table, rows in found.items() if rows}

    async def counted(self) -> dict[str, int]:
        """How many events each table says there are, of which each event has one row of properties at most."""
        counts = {"events": "count()", "schema_events": "sum(count)", "person_activity": "sum(count)", "activity_hours": "sum(events)"}
        counts |= {
            "totals_hours": "sumIf(events, key = '')",
            "session_hours": "sum(events)",
            "schema_properties": "sumIf(count, key = 'n')",
        }
        return {table: int(str(await self._of_table(Sql((what,)), table))) for table, what in counts.items()}

    async def event_ids(self) -> set[str]:
        query = sql("SELECT toString(event_id) FROM events WHERE project_id = {project}", project=unsigned(self.project_id))
        return {str(row[0]) for row in (await self.backends.clickhouse.query(query)).rows}

    async def _with_word(self, table: str, word: str) -> int:
        return int(
            str(await self._of_table(sql("countIf(position(formatRowNoNewline('JSONEachRow', *), {word}) > 0)", word=text(word)), table))
        )

    async def _of_table(self, what: Sql, table: str) -> object:
        query = sql(
            "SELECT {what} FROM {table} WHERE project_id = {project}", what=what, table=Sql((table,)), project=unsigned(self.project_id)
        )
        return (await self.backends.clickhouse.query(query)).rows[0][0]

    async def _tables(self) -> Sequence[str]:
        return ("events", *(table.name for table in DERIVED_TABLES), "person_ties", "person_traits", "identified_ids")


async def new_household(backends: Backends) -> Household:
    project_id = await AccountsRepository(backends.postgres).create_project("Household", "Household", "UTC")
    secrets, limits = ServerSecrets(backends.postgres), QueryLimits(timedelta(seconds=30), 2 * 2**30)
    return Household(
        backends,
        project_id,
        ProfilesRepository(backends.postgres, secrets),
        Erasures(backends.postgres, secrets, Holdings(backends.clickhouse, backends.jetstream, limits)),
        Call(Credential(str(uuid.uuid4()), Project(project_id, "UTC"), frozenset(Scope)), "request"),
    )


def happened(  # noqa: PLR0917 (a row)
    household: Household, distinct_id: str, name: str = "pressed", at_ms: int = MARCH_MS, session: str = "", event_id: str = ""
) -> bytes:
    """A row as Capture makes it."""
    received_ms = int(time.time() * 1000)
    values = [event_id or str(uuid.uuid4()), household.project_id, name, distinct_id, session, at_ms, received_ms, {"n": 1}]
    return json.dumps(values, separators=(",", ":")).encode()


@contextlib.asynccontextmanager
async def working(backends: Backends) -> AsyncGenerator[None]:
    """The events worker and the people worker while the block runs; at its end the stream has been emptied."""
    stop = asyncio.Event()
    events = EventsWorker(
        ONLY,
        backends.jetstream,
        ledger=Ledger(await backends.jetstream.key_value("BLOCKS"), ONLY.worker),
        store=EventStore(backends.clickhouse),
        duplicates=Duplicates(backends.clickhouse, timedelta(days=7), ONLY),
        tombstones=Tombstones(backends.postgres, ServerSecrets(backends.postgres)),
        size=BlockSize(1000, timedelta(milliseconds=20)),
        block_lock=BlockLock(backends.postgres),
    )
    people = PeopleWorker(backends.postgres, backends.clickhouse)
    # A worker that dies ends the block, which may wait for it.
    async with asyncio.TaskGroup() as workers:
        workers.create_task(events.run(stop))
        workers.create_task(people.run(stop))
        try:
            yield
            await stored(backends)
        finally:
            stop.set()


async def stored(backends: Backends) -> None:
    """Wait until nothing waits."""
    while (await state_of(backends.nats, STREAM)).messages:  # noqa: ASYNC110 (what is waited for is in another process)
        await asyncio.sleep(0.02)


class MortalEraser(ErasureWorker):
    """One that can be killed at a step."""

    def dies_at(self, step: Step, *, done: bool) -> None:
        """At the beginning of the step, or when it has `done` the step and not written it down."""
        do = self._do[step]

        async def die(jobs: Sequence[Job], stop: asyncio.Event) -> None:
            if done:
                await do(jobs, stop)
            raise Killed

        self._do = {**self._do, step: die}


def eraser(
    backends: Backends, clickhouse: ClickHouse | None = None, *, jobs: Jobs | None = None, people: People | None = None
) -> MortalEraser:
    """One that tidies whenever it works, until all is tidy."""
    engine = clickhouse or backends.clickhouse
    return MortalEraser(
        jobs=jobs or Jobs(backends.postgres),
        people=people or People(backends.postgres),
        streams=Streams(backends.nats),
        clickhouse=engine,
        removal=Removal(backends.postgres, engine, backends.jetstream),
        secrets=ServerSecrets(backends.postgres),
        watch=ErasureWatch(NoOpMeter("test")),
        tidy_again_after=timedelta(),
    )


async def erase_all(backends: Backends) -> None:
    """Work until nothing is asked for."""
    worker = eraser(backends)
    while await worker.work(asyncio.Event()):
        pass
