"""Mutations of ClickHouse's tables: made at once, carried out later on what was there when they were made."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from itertools import chain, repeat

from core.clickhouse import ClickHouse
from core.errors import PugError
from core.sql import Sql, identifier, sql, text

# Between one look or waking and the next: often at first, when there may be many small parts, and seldom while large ones are written.
_OFTEN_S, _SELDOM_S = 0.02, 0.2
_OFTEN = 1_500


async def begin_mutation(clickhouse: ClickHouse, table: str, change: Sql) -> None:
    """Have rows deleted or changed for good: the parts that have any are written anew."""
    await clickhouse.command(_mutation(table, change, sync=0))


async def mutated(clickhouse: ClickHouse, table: str) -> None:
    """Wait until all that was begun on a table is carried out, on every replica."""
    # Those that fail are not waited for: the statement below says so.
    pending = sql(
        "SELECT count() FROM system.mutations"
        " WHERE database = currentDatabase() AND table = {table} AND NOT is_done AND latest_fail_reason = ''",
        table=text(table),
    )
    async with _awake(clickhouse, table):
        # A statement that waits is given up after some minutes, so this server's are waited for by looking, however long they take.
        for pause in _pauses():
            if not (await clickhouse.query(pending)).rows[0][0]:
                break
            await asyncio.sleep(pause)
        # Mutations are carried out in their order, and this one names nobody. It waits for other replicas, which began when this server
        # did, and for each part to get another name.
        await clickhouse.command(_mutation(table, sql("DELETE WHERE false"), sync=2))


async def forget_mutations(clickhouse: ClickHouse, table: str) -> None:
    """Have only the last mutation of a table remembered when it is carried out: the texts of others name ids."""
    await clickhouse.command(
        sql("ALTER TABLE {table} MODIFY SETTING finished_mutations_to_keep = 1", table=identifier(table)).for_console()
    )


def _mutation(table: str, change: Sql, *, sync: int) -> str:
    settings = Sql((f"SETTINGS mutations_sync = {sync}",))
    return sql("ALTER TABLE {table} {change} {settings}", table=identifier(table), change=change, settings=settings).for_console()


@contextlib.asynccontextmanager
async def _awake(clickhouse: ClickHouse, table: str) -> AsyncGenerator[None]:
    """Keep the thread awake that looks after a table's mutations.

    When it finds that as many parts are being written as may be at once, it sleeps for 0.1 to 1.1 seconds, however soon they are finished
    (`postpone` in ClickHouse's BackgroundJobsAssignee.cpp): a table of 1,000 small parts took 89 s, and woken all the time 3.6.
    """
    waking = asyncio.create_task(_wake(clickhouse, table))
    try:
        yield
    finally:
        waking.cancel()
        await asyncio.gather(waking, return_exceptions=True)


async def _wake(clickhouse: ClickHouse, table: str) -> None:
    # Starting merges that nobody stopped wakes it, and changes nothing. Without the right to do so it takes as long as it takes.
    start = sql("SYSTEM START TTL MERGES {table}", table=identifier(table)).for_console()
    with contextlib.suppress(PugError):
        for pause in _pauses():
            await asyncio.sleep(pause)
            await clickhouse.command_beside(start)


def _pauses() -> Iterator[float]:
    return chain(repeat(_OFTEN_S, _OFTEN), repeat(_SELDOM_S))
