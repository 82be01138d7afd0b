"""Deletes the events of a portion for good: partitions that hold nothing else whole, and the others' rows."""

from collections.abc import Sequence

from core.clickhouse import ClickHouse
from core.sql import sql, text, texts
from workers.removal.mutations import begin_mutation
from workers.removal.share import Portion


async def partitions_of(clickhouse: ClickHouse, portion: Portion) -> list[str]:
    """The ids of the partitions that have some of the portion."""
    query = sql("SELECT DISTINCT _partition_id AS id FROM events WHERE {leaving} ORDER BY id", leaving=portion.leaving())
    return [str(row[0]) for row in (await clickhouse.query(query)).rows]


async def drop_whole(clickhouse: ClickHouse, partition: str, portion: Portion) -> bool:
    """Drop a partition if nothing stays in it; nothing may be stored meanwhile."""
    staying = sql(
        "SELECT count() FROM events WHERE _partition_id = {partition} AND NOT ({leaving})",
        partition=text(partition),
        leaving=portion.leaving(),
    )
    if (await clickhouse.query(staying)).rows[0][0]:
        return False
    await clickhouse.command(sql("ALTER TABLE events DROP PARTITION ID {partition}", partition=text(partition)).for_console())
    return True


async def delete_in(clickhouse: ClickHouse, partitions: Sequence[str], portion: Portion) -> None:
    """Have the portion's events of some partitions deleted."""
    # One mutation for all: each gives every part of the table another name, also those of partitions that it doesn't touch.
    deleted = sql("DELETE WHERE _partition_id IN {partitions} AND {leaving}", partitions=texts(partitions), leaving=portion.leaving())
    await begin_mutation(clickhouse, "events", deleted)
