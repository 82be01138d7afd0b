"""Builds rollups of the events that are stored already, while more come in (docs/decisions/0020).

A rollup is a table and the view that feeds it from each insert into events. From when there is a view every block counts in it, and none
before. A writer stores its blocks one after the other, so of each writer there is a first block that counted; all before that is counted
here, and then the sums are compared. Until that is written down no query uses the rollup; a process killed before it begins anew.

A rollup that is to know more is not changed: it is a new table with a new name, and the old one goes when no process reads it any more.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import cast

import structlog

from app.replicated import on_cluster
from core.clickhouse import ClickHouse
from core.errors import StoreFailed
from core.sql import Sql

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BUILDS = 3
_LOOK_EVERY_S = 0.1
_AGREE_WITHIN_S = 60.0
_EVENTS_AT_ONCE = 20_000_000
_OF_EVENTS = re.compile(r"\bFROM events\b")
_WRITER = "toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15))"
# A merged row knows its last block only, and what is to be found is the first.
_KEEP_PARTS = "MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1"
_MERGE_PARTS = "RESET SETTING max_bytes_to_merge_at_max_space_in_pool, max_bytes_to_merge_at_min_space_in_pool"
_SETTINGS = "max_bytes_before_external_group_by = 1073741824, max_partitions_per_insert_block = 0"


@dataclass(frozen=True, slots=True)
class Rollup:
    """A rollup by its name and its statements (migrations/clickhouse/rollups): its table, its view, who disagrees with the events.

    One that is a set has no third statement: to put something into it again changes nothing.
    """

    name: str
    table: str
    view: str
    disagreeing: str = ""

    @property
    def view_name(self) -> str:
        """The view that feeds it."""
        return f"events_to_{self.name}"


async def build(clickhouse: ClickHouse, rollup: Rollup, cluster: str) -> None:
    """Make a rollup and count in it all events there are, whatever was begun of it before; returns when it is exact."""
    for _ in range(_BUILDS):
        await _make(clickhouse, rollup, cluster)
        await _count_history(clickhouse, rollup, cluster)
        if await _agrees(clickhouse, rollup):
            log.info("rollup_built", rollup=rollup.name)
            return
        log.warning("rollup_disagrees", rollup=rollup.name)
    raise StoreFailed(f"The rollup {rollup.name} does not agree with the events. Stop the workers and run `pug migrate` again.")


async def _make(clickhouse: ClickHouse, rollup: Rollup, cluster: str) -> None:
    for statement in (
        # The view first: with it inserts into the missing table would fail.
        f"DROP TABLE IF EXISTS {rollup.view_name} SYNC",
        f"DROP TABLE IF EXISTS {rollup.name} SYNC",
        rollup.table,
        *([f"ALTER TABLE {rollup.name} {_KEEP_PARTS}"] if rollup.disagreeing else []),
        rollup.view,
    ):
        await clickhouse.command(on_cluster(statement, cluster))


async def _count_history(clickhouse: ClickHouse, rollup: Rollup, cluster: str) -> None:
    # An insert goes by the views there were when it began.
    await _inserts_end(clickhouse, cluster)
    uncounted = await _before_the_view(clickhouse, rollup, cluster) if rollup.disagreeing else "true"
    for partitions in await _portions(clickhouse):
        events = f"FROM (SELECT * FROM events WHERE _partition_id IN ({partitions}) AND ({uncounted}))"  # noqa: S608 (ours)
        counted = _OF_EVENTS.sub(lambda _, events=events: events, _query_of(rollup.view))
        await clickhouse.command(f"INSERT INTO {rollup.name} {counted} SETTINGS {_SETTINGS}")


async def _before_the_view(clickhouse: ClickHouse, rollup: Rollup, cluster: str) -> str:
    """What holds for the events that the view has not counted."""
    latest = await _blocks(clickhouse, f"SELECT {_WRITER} AS writer, max(stored_at) FROM events GROUP BY writer")  # noqa: S608 (ours)
    # What is among these events and goes by the view is in the rollup after this.
    await _inserts_end(clickhouse, cluster)
    first = await _blocks(clickhouse, f"SELECT writer, min(last_block) FROM {rollup.name} GROUP BY writer")  # noqa: S608 (ours)
    await clickhouse.command(on_cluster(f"ALTER TABLE {rollup.name} {_MERGE_PARTS}", cluster))
    return " OR ".join(
        f"({_WRITER} = {writer} AND toUnixTimestamp64Micro(stored_at) < {first.get(writer, block + 1)})" for writer, block in latest.items()
    )


def _query_of(view: str) -> str:
    return view.partition(" AS\n")[2]


async def _inserts_end(clickhouse: ClickHouse, cluster: str) -> None:
    """Wait for the inserts that are under way now."""
    began = time.monotonic()
    processes = f"clusterAllReplicas('{cluster}', system.processes)" if cluster else "system.processes"
    while True:
        # Seconds by the same clock's pace, so that no clocks are compared.
        passed = time.monotonic() - began
        running = f"SELECT count() FROM {processes} WHERE query_kind = 'Insert' AND elapsed >= {passed}"  # noqa: S608 (ours)
        if not cast("int", (await clickhouse.query(Sql((running,)))).rows[0][0]):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _blocks(clickhouse: ClickHouse, query: str) -> dict[int, int]:
    """Of each writer a block, by its `stored_at` in microseconds, from rows of the two."""
    found = await clickhouse.query(Sql((f"SELECT writer, toUnixTimestamp64Micro(block) FROM ({query}) AS one (writer, block)",)))  # noqa: S608 (ours)
    return {cast("int", writer): cast("int", block) for writer, block in found.rows}


async def _portions(clickhouse: ClickHouse) -> list[str]:
    """The partitions of the events, as many together as are counted at once."""
    found = await clickhouse.query(Sql(("SELECT _partition_id, count() FROM events GROUP BY _partition_id ORDER BY _partition_id",)))
    portions: list[list[str]] = []
    room = 0
    for partition, events in cast("list[tuple[str, int]]", found.rows):
        if room < events or not portions:
            portions.append([])
            room = _EVENTS_AT_ONCE
        portions[-1].append(f"'{partition}'")
        room -= events
    return [", ".join(one) for one in portions]


async def _agrees(clickhouse: ClickHouse, rollup: Rollup) -> bool:
    """Whether it counts each writer's events as often as they are there; while they come in, both are seen alike only between inserts."""
    if not rollup.disagreeing:
        return True
    until = time.monotonic() + _AGREE_WITHIN_S
    while time.monotonic() < until:
        if not (await clickhouse.query(Sql((rollup.disagreeing,)))).rows:
            return True
        await asyncio.sleep(_LOOK_EVERY_S)
    return False
