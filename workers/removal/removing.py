"""Removes a share of the events and of all that is derived from them.

The share's events go last: until then everything can be worked out from them again, so a removal that was killed anywhere goes on from its
beginning. In order:

1. write down what leaves: the share's events up to each writer's last block, so that nothing joins it later;
2. subtract it from the sums over everybody;
3. count the rows anew that are a person's, a session's or an hour's;
4. delete what sums to nothing;
5. delete the events, and what is told of who is who;
6. say that something was removed, so that no kept answer is given any more, and cross the removal out.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import structlog
from nats.js.client import JetStreamContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.clickhouse import ClickHouse
from core.errors import StoreUnavailable
from core.postgres import SCHEMA_LOCK
from core.sql import Sql, sql
from workers.block import WRITERS
from workers.block_lock import alone
from workers.pause import Pause
from workers.removal.counting import counts
from workers.removal.deleting import delete_in, drop_whole, partitions_of
from workers.removal.journal import Begun, Count, begin, end, open_removals
from workers.removal.mutations import begin_mutation, forget_mutations, mutated
from workers.removal.rebuilding import rebuild
from workers.removal.share import Before, OfIds, OfProject, Portion, Share
from workers.removal.subtracting import subtract, tidy, unmark
from workers.removal.tables import DERIVED_TABLES, TOLD_TABLES, Derived, told_rows, touched
from workers.settled import all_settled

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ONE_AT_A_TIME = text("SELECT pg_advisory_lock(hashtext('removal'), 0)")
_SCHEMA_STAYS = text("SELECT pg_advisory_lock_shared(:lock)")
_STILL_THERE = text("SELECT 1")
_SETTLE_WITHIN_S = 60.0
_ACKNOWLEDGED_WITHIN_S = 0.5
_LOOK_EVERY_S = 0.02
# Of all that is stored.
_EVERY_BLOCK = (2**62,) * WRITERS
# Their hashes and texts are written into each statement.
_MOST_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Removed:
    """How much of a share each table had before its removal, and has after it: what came in meanwhile, if anything."""

    before: tuple[Count, ...]
    after: tuple[Count, ...]


class Removal:
    """Removes shares, one at a time in all processes; a call that was killed is to be repeated, and then goes on."""

    def __init__(self, postgres: AsyncEngine, clickhouse: ClickHouse, jetstream: JetStreamContext, pause: Pause | None = None) -> None:
        self._postgres = postgres
        self._clickhouse = clickhouse
        self._jetstream = jetstream
        self._pause = pause or Pause()

    async def remove_ids(self, project_id: int, distinct_ids: Sequence[str]) -> Removed:
        """Remove what some distinct ids did, and what ClickHouse knows of who they are; at most 10,000 ids at once."""
        ids = tuple(sorted(set(distinct_ids)))
        if not 0 < len(ids) <= _MOST_IDS:
            raise ValueError(f"{len(ids)} ids, of which there may be {_MOST_IDS}.")
        return await self.remove(OfIds(project_id, ids))

    async def remove_before(self, project_id: int, instant: datetime) -> Removed:
        """Remove the events that occurred before an instant; who is who stays known."""
        return await self.remove(Before(project_id, instant))

    async def remove_project(self, project_id: int) -> Removed:
        """Remove all there is of a project."""
        return await self.remove(OfProject(project_id))

    async def project_is_removed(self, project_id: int) -> bool:
        """Whether there is nothing of a project."""
        return not any(count.rows for count in await counts(self._clickhouse, OfProject(project_id)))

    async def remove(self, share: Share) -> Removed:
        """Remove a share; raises StoreUnavailable while a block is in doubt that no worker settles."""
        async with self._alone() as connection:
            # What another had begun: it may have been subtracted, and its events be counted still.
            for begun in await open_removals(connection, share.project_id):
                if begun.portion.share != share:
                    await self._finish(connection, begun)
            mine = [begun for begun in await open_removals(connection, share.project_id) if begun.portion.share == share]
            begun = mine[0] if mine else await self._begin(connection, share)
            after = await self._finish(connection, begun)
            return Removed(begun.before, after)

    async def _begin(self, connection: AsyncConnection, share: Share) -> Begun:
        # What began before is stored then.
        async with self._held(connection):
            portion = Portion(share, _EVERY_BLOCK if isinstance(share, OfProject) else await self._last_blocks())
        begun = Begun(portion, await counts(self._clickhouse, share))
        await begin(connection, begun)
        log.info("removal_begun", project=share.project_id, kind=type(share).__name__)
        return begun

    async def _last_blocks(self) -> tuple[int, ...]:
        found = await self._clickhouse.query(
            sql(
                "SELECT bitAnd(toUnixTimestamp64Micro(stored_at), 15) AS writer, toUnixTimestamp64Micro(max(stored_at))"
                " FROM events GROUP BY writer"
            )
        )
        last = {cast("int", writer): cast("int", block) for writer, block in found.rows}
        return tuple(last.get(writer, 0) for writer in range(WRITERS))

    async def _finish(self, connection: AsyncConnection, begun: Begun) -> tuple[Count, ...]:
        portion = begun.portion
        for name in ("events", *(table.name for table in (*DERIVED_TABLES, *TOLD_TABLES))):
            await forget_mutations(self._clickhouse, name)
        subtracted = [table for table in DERIVED_TABLES if touched(table, portion) is None]
        for table in subtracted:
            await connection.execute(_STILL_THERE)
            await subtract(self._clickhouse, table, portion)
        for table in DERIVED_TABLES:
            await self._correct(connection, table, portion)
        await self._delete_events(connection, portion)
        await self._delete_told(portion.share)
        for table in subtracted:
            await unmark(self._clickhouse, table, portion)
            await mutated(self._clickhouse, table.name)
        after = await counts(self._clickhouse, portion.share)
        await self._say_removed(portion.share.project_id)
        # A backup that saw it crossed out, and not yet what was done, would never be done.
        async with self._pause.storing():
            await end(connection, portion.share)
        log.info("removal_done", project=portion.share.project_id, events=begun.before[0].events)
        return after

    async def _correct(self, connection: AsyncConnection, table: Derived, portion: Portion) -> None:
        """Count anew, or delete what sums to nothing; returns when that is carried out."""
        rows = touched(table, portion)
        held = self._held(connection) if table.exact and not isinstance(portion.share, OfProject) else contextlib.nullcontext()
        async with held:
            if rows:
                await rebuild(self._clickhouse, table, portion, rows)
            else:
                await tidy(self._clickhouse, table, portion)
        await mutated(self._clickhouse, table.name)

    async def _delete_events(self, connection: AsyncConnection, portion: Portion) -> None:
        among_others: list[str] = []
        for partition in await partitions_of(self._clickhouse, portion):
            async with self._held(connection):
                if not await drop_whole(self._clickhouse, partition, portion):
                    among_others.append(partition)
        if among_others:
            await delete_in(self._clickhouse, among_others, portion)
        await mutated(self._clickhouse, "events")

    async def _delete_told(self, share: Share) -> None:
        for table in TOLD_TABLES:
            if rows := told_rows(table, share):
                await begin_mutation(self._clickhouse, table.name, sql("DELETE WHERE {rows}", rows=rows))
                await mutated(self._clickhouse, table.name)

    async def _say_removed(self, project_id: int) -> None:
        statement = sql("INSERT INTO removals SELECT {project}, toUnixTimestamp64Micro(now64(6))", project=Sql((str(project_id),)))
        await self._clickhouse.command(statement.for_console())

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that holds the lock of removals, and shared that of migrations: a table that is built meanwhile would miss it."""
        async with self._postgres.connect() as opened:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            try:
                await connection.execute(_ONE_AT_A_TIME)
                await connection.execute(_SCHEMA_STAYS, {"lock": SCHEMA_LOCK})
                yield connection
            finally:
                # Returned to the pool the connection would keep the locks.
                await opened.invalidate()

    @contextlib.asynccontextmanager
    async def _held(self, connection: AsyncConnection) -> AsyncGenerator[None]:
        """While no block is stored and none is in doubt; a block that is, its worker settles first."""
        until = time.monotonic() + _SETTLE_WITHIN_S
        while True:
            async with alone(connection):
                if await self._all_settle():
                    yield
                    return
            if time.monotonic() > until:
                raise StoreUnavailable(
                    "A block of events is in doubt.",
                    hint="Its worker settles it when it runs again: see whether one with `--roles work` does.",
                )
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _all_settle(self) -> bool:
        """Whether all blocks are settled; what a worker acknowledged a moment ago may still be on its way."""
        until = time.monotonic() + _ACKNOWLEDGED_WITHIN_S
        while not await all_settled(self._jetstream):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True
