"""Mutations of ClickHouse's tables: made at once, carried out later on what was there when they were made."""

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import chain, repeat

from core.clickhouse import ClickHouse
from core.errors import PugError
from core.sql import Sql, identifier, sql, text

# Between one waking and the next: often at first, when there may be many small parts, and seldom while large ones are written.
_WAKE_OFTEN_S, _WAKE_SELDOM_S = 0.02, 0.2
_OFTEN = 1_500


async def begin_mutation(clickhouse: ClickHouse, table: str, change: Sql) -> None:
    """Have rows deleted or changed for good: the parts that have any are written anew."""
    await clickhouse.command(_mutation(table, change, sync=0))


async def mutate(clickhouse: ClickHouse, table: str, change: Sql) -> None:
    """Delete or change rows for good, and wait until that and all that was begun on the table before is carried out by this server."""
    await begin_mutation(clickhouse, table, change)
    await _carried_out(clickhouse, table)


async def mutated(clickhouse: ClickHouse, table: str) -> None:
    """Wait until all that was begun on a table is carried out, on every replica."""
    await _carried_out(clickhouse, table)
    # Mutations are carried out in their order, and this one names nobody. A statement that waits is given up after some minutes; this one
    # waits for other replicas only, which began when this server did, and for each part to get another name.
    done = asyncio.Event()
    awake = asyncio.create_task(_keep_awake(clickhouse, table, done))
    try:
        await clickhouse.command(_mutation(table, sql("DELETE WHERE false"), sync=2))
    finally:
        done.set()
        await asyncio.gather(awake, return_exceptions=True)


async def forget_mutations(clickhouse: ClickHouse, table: str) -> None:
    """Have only the last mutation of a table remembered when it is carried out: the texts of others name ids."""
    await clickhouse.command(
        sql("ALTER TABLE {table} MODIFY SETTING finished_mutations_to_keep = 1", table=identifier(table)).for_console()
    )


def _mutation(table: str, change: Sql, *, sync: int) -> str:
    settings = Sql((f"SETTINGS mutations_sync = {sync}",))
    return sql("ALTER TABLE {table} {change} {settings}", table=identifier(table), change=change, settings=settings).for_console()


async def _carried_out(clickhouse: ClickHouse, table: str) -> None:
    """Wait for this server's mutations of a table, however long they take; for none that fails, which whoever waits for all is told."""
    pending = sql(
        "SELECT count() FROM system.mutations"
        " WHERE database = currentDatabase() AND table = {table} AND NOT is_done AND latest_fail_reason = ''",
        table=text(table),
    )
    for pause in _pauses():
        if not (await clickhouse.query(pending)).rows[0][0]:
            return
        await _wake(clickhouse, table)
        await asyncio.sleep(pause)


async def _keep_awake(clickhouse: ClickHouse, table: str, done: asyncio.Event) -> None:
    for pause in _pauses():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), pause)
            return
        await _wake(clickhouse, table)


def _pauses() -> Iterator[float]:
    return chain(repeat(_WAKE_OFTEN_S, _OFTEN), repeat(_WAKE_SELDOM_S))


async def _wake(clickhouse: ClickHouse, table: str) -> None:
    """Wake the thread that looks after a table's mutations.

    When it finds that as many parts are being written as may be at once, it sleeps for 0.1 to 1.1 seconds, however soon they are finished
    (`postpone` in ClickHouse's BackgroundJobsAssignee.cpp): a table of 1,000 small parts took 89 s, and woken all the time 3.6. Starting
    merges that nobody stopped wakes it, and changes nothing.
    """
    # Without the right to do so it takes as long as it takes.
    with contextlib.suppress(PugError):
        await clickhouse.command_beside(sql("SYSTEM START TTL MERGES {table}", table=identifier(table)).for_console())
