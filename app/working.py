"""Builds the workers, and keeps them at work."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from app.backends import Backends
from app.wiring import event_partitions, server_secrets
from core.instruments import Instruments
from core.settings import Settings
from core.tombstones import Tombstones
from workers.block_lock import BlockLock
from workers.consumer import keep_running
from workers.deletion import Deletions
from workers.duplicates import Duplicates
from workers.erasure.jobs import Jobs
from workers.erasure.people import People
from workers.erasure.streams import Streams
from workers.erasure.watch import ErasureWatch
from workers.erasure.worker import JOB as ERASER
from workers.erasure.worker import ErasureWorker
from workers.events import EventsWorker
from workers.ledger import LEDGER, Ledger
from workers.partition import JOB, Partition
from workers.pause import Pause
from workers.people import JOB as PEOPLE
from workers.people import PeopleWorker
from workers.pull import BlockSize
from workers.removal.removing import Removal
from workers.removals import JOB as REMOVALS
from workers.removals import RemovalsWorker
from workers.retention import Retention
from workers.store import EventStore
from workers.turn import in_turns
from workers.unwanted import Unwanted
from workers.watch import Watch

_CONNECTIONS = 2

_Work = Callable[[asyncio.Event], Awaitable[None]]


async def run_workers(
    settings: Settings, backends: Backends, instruments: Instruments, stop: asyncio.Event, pause: Pause | None = None
) -> None:
    """Work on this process's share of all jobs until told to stop; nothing is stored while the pause is held."""
    postgres, jetstream, pause = backends.postgres, backends.jetstream, pause or Pause()
    # However many queries run, blocks are stored.
    storing = backends.clickhouse.apart(_CONNECTIONS)
    # However large what is removed is.
    removing = backends.clickhouse.apart(1)
    secrets, watch, block_lock = server_secrets(settings, postgres), Watch(instruments), BlockLock(postgres)
    tombstones, unwanted = Tombstones(postgres, secrets), Unwanted(postgres, _now)
    removal = Removal(postgres, removing, jetstream, pause)
    eraser = ErasureWorker(
        jobs=Jobs(postgres),
        people=People(postgres),
        streams=Streams(backends.nats),
        clickhouse=removing,
        removal=removal,
        secrets=secrets,
        watch=ErasureWatch(instruments.meter),
        pause=pause,
    )
    removals = RemovalsWorker(Deletions(postgres, backends.nats, removal, pause), Retention(postgres, removal, _now, instruments, pause))

    async def store(partition: Partition, stop: asyncio.Event) -> None:
        worker = EventsWorker(
            partition,
            jetstream,
            ledger=Ledger(await jetstream.key_value(LEDGER), partition.worker, watch),
            store=EventStore(storing, watch),
            duplicates=Duplicates(storing, timedelta(days=settings.duplicate_window_days), partition),
            tombstones=tombstones,
            size=BlockSize(settings.block_rows, timedelta(milliseconds=settings.block_wait_ms)),
            watch=watch,
            block_lock=block_lock,
            unwanted=unwanted,
            pause=pause,
        )
        await worker.run(stop)

    async def store_share(stop: asyncio.Event) -> None:
        partitions = await event_partitions(jetstream)

        async def work(number: int, stop: asyncio.Event) -> None:
            partition = Partition(number, partitions)
            await keep_running(partition.worker, lambda stop: store(partition, stop), stop)

        await in_turns(postgres, JOB, partitions, work, stop)

    def by_one(job: str, run: _Work) -> _Work:
        """A job that one process does at a time."""

        async def work(_number: int, stop: asyncio.Event) -> None:
            await keep_running(job, run, stop)

        return lambda stop: in_turns(postgres, job, 1, work, stop)

    jobs: dict[str, _Work] = {
        JOB: store_share,
        PEOPLE: by_one(PEOPLE, PeopleWorker(postgres, storing, pause).run),
        ERASER: by_one(ERASER, eraser.run),
        REMOVALS: by_one(REMOVALS, removals.run),
    }
    try:
        await asyncio.gather(*(keep_running(name, job, stop) for name, job in jobs.items()))
    finally:
        await storing.close()
        await removing.close()


def _now() -> datetime:
    return datetime.now(UTC)
