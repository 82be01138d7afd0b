"""Keeps the tables that count events in step with the events, where one insert could not store both.

An insert feeds them through views, and under one token that happens once. But ClickHouse stores one table after the other: a failure in
between leaves events that nobody counted, and a server killed at the wrong moment takes a part for stored that is missing. So each row of
these tables says which block of its writer it counts last (migrations/clickhouse/0004_marks.sql). A writer stores one block after the
other, so until it stores the next one, its last block is counted where it is named, and isn't counted where it is not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import LiteralString

from core.clickhouse import ClickHouse
from core.sql import Sql, integer, sql, uuids
from workers.block import BlockRecord
from workers.views import is_there, view_over


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, the view that fills it, the columns that stay the same when an event counts twice, and those that are sums.

    A rollup is none of ours until it is built (app/rollups.py): whoever builds it counts every event there is.
    """

    name: LiteralString
    view: str
    same: tuple[str, ...]
    sums: tuple[str, ...]
    rollup: bool = False


_TABLES = (
    _Table("schema_events", "events_to_schema_events", ("project_id", "name", "writer", "last_seen", "last_block"), ("count",)),
    _Table(
        "schema_properties",
        "events_to_schema_properties",
        ("project_id", "name", "key", "type", "writer", "last_seen", "last_block"),
        ("count",),
    ),
    _Table(
        "person_activity",
        "events_to_person_activity",
        (
            *("project_id", "distinct_hash", "writer", "distinct_id", "first_seen", "last_seen", "last_block"),
            *("browser", "os", "device", "country", "city"),
        ),
        ("count", "page_views"),
    ),
    _Table(
        "activity_hours",
        "events_to_activity_hours",
        (
            *("project_id", "name", "occurred_at", "distinct_hash", "browser", "os", "device", "country", "hostname", "channel"),
            *("referrer_domain", "utm_source", "utm_medium", "utm_campaign", "writer", "cookieless", "last_block"),
        ),
        ("events",),
        rollup=True,
    ),
    _Table(
        "totals_hours",
        "events_to_totals_hours",
        ("project_id", "key", "name", "occurred_at", "property_value", "writer", "last_block"),
        ("events",),
        rollup=True,
    ),
    _Table(
        "totals_days",
        "events_to_totals_days",
        ("project_id", "key", "name", "occurred_at", "property_value", "writer", "last_block"),
        ("events",),
        rollup=True,
    ),
    _Table(
        "session_hours",
        "events_to_session_hours",
        ("project_id", "occurred_at", "session", "writer", "first_at", "last_at", "last_block"),
        ("events", "page_views"),
        rollup=True,
    ),
    # An estimate: what is taken back may be a little more or less than was counted.
    _Table(
        "schema_values",
        "events_to_schema_values",
        ("project_id", "key", "name", "value", "writer", "last_seen", "last_block"),
        ("count",),
    ),
)
# Sets: what is put in again changes nothing.
_SETS = (_Table("active_days", "events_to_active_days", ("project_id", "name", "occurred_at", "distinct_hash", "cookieless"), ()),)
# By their names.
DERIVED = {table.name: table for table in (*_TABLES, *_SETS)}
_OF_BLOCK = " WHERE writer = {writer} AND last_block = fromUnixTimestamp64Micro({block}, 'UTC')"


class DerivedTables:
    """What is counted of events as they come in."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def count(self, record: BlockRecord) -> Collection[str]:
        """Count the events of a writer's last block that are stored, wherever they aren't counted yet; returns where they were."""
        built = await self._built()
        kept = [table for table in _TABLES if not table.rollup or table.name in built]
        counted = [table.name for table in kept if await self._names(table, record)]
        if await self._is_stored(record):
            # Sets are filled while they are built, too: a set that lacks something shows no sum by which it would be noticed.
            for table in (*kept, *[table for table in _SETS if await is_there(self._clickhouse, table.view)]):
                if table.name not in counted:
                    await self._add(table, record, sql("true"), "once", "{sum}")
        return counted

    async def take_back(self, record: BlockRecord, event_ids: Sequence[str], tables: Collection[str]) -> None:
        """Count some events of the block once less."""
        these = sql("event_id IN {ids}", ids=uuids(event_ids))
        for table in _TABLES:
            if table.name in tables:
                # Unsigned numbers add up beyond their largest to what they should be.
                await self._add(table, record, these, "back", "toUInt64(-toInt64({sum}))")

    async def _built(self) -> set[str]:
        """The names of the migrations that have been applied, and among them of the rollups that are built."""
        found = await self._clickhouse.query(sql("SELECT DISTINCT name FROM schema_migrations"))
        return {str(row[0]) for row in found.rows}

    async def _is_stored(self, record: BlockRecord) -> bool:
        """Whether any of its events are."""
        block = integer(record.stored_at)
        found = await self._clickhouse.query(
            sql("SELECT count() FROM events WHERE stored_at = fromUnixTimestamp64Micro({block}, 'UTC')", block=block)
        )
        return bool(found.rows[0][0])

    async def _names(self, table: _Table, record: BlockRecord) -> bool:
        found = await self._clickhouse.query(
            sql(
                "SELECT count() FROM " + table.name + _OF_BLOCK,  # noqa: S608 (a name of our own)
                writer=integer(record.writer),
                block=integer(record.stored_at),
            )
        )
        return bool(found.rows[0][0])

    async def _add(self, table: _Table, record: BlockRecord, of: Sql, act: str, added: str) -> None:
        """Do for some events of the block what the view does for those that come in; `added` is what is done with each `{sum}`."""
        block = sql("stored_at = fromUnixTimestamp64Micro({block}, 'UTC') AND {of}", block=integer(record.stored_at), of=of)
        query = (await view_over(self._clickhouse, table.view, block)).for_console()
        values = [*table.same, *(added.format(sum=one) for one in table.sums)]
        await self._clickhouse.command(
            f"INSERT INTO {table.name} ({', '.join((*table.same, *table.sums))})"  # noqa: S608 (as above, and the view's own query)
            f" SETTINGS insert_deduplicate = {int(table not in _SETS)}, insert_deduplication_token = '{record.token}-{table.name}-{act}'"
            f" SELECT {', '.join(values)} FROM ({query})"
        )
