"""Puts blocks of events into ClickHouse."""

from collections.abc import Mapping, Sequence

from core.clickhouse import ClickHouse
from core.errors import RowsUnreadable, StoreFailed
from core.instruments import Instruments
from core.rows import without
from core.sql import integer, sql
from workers.block import BlockRecord
from workers.derived import DerivedTables
from workers.watch import Watch

COLUMNS = ("event_id", "project_id", "name", "distinct_id", "session_id", "occurred_at", "received_at", "properties", "context")

FORMAT = "JSONCompactEachRow"

SETTINGS: Mapping[str, object] = {
    # A value stays what the client sent: a string that looks like a time is a string.
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    # Without these a list of different things becomes a list of strings, or of numbers: [true, 1] was stored as [1, 1].
    "input_format_json_read_bools_as_strings": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_numbers_as_strings": 0,
    "input_format_json_read_arrays_as_strings": 0,
    # {"a.b": 1, "a": {"b": 2}} says one path twice; the first stays.
    "type_json_skip_duplicated_paths": 1,
    # Rows captured before there was a context have no last value.
    "input_format_json_compact_allow_variable_number_of_columns": 1,
    # What the views derive is calculated once for each distinct value. To leave out rows that need it not would cost more than it saves.
    "short_circuit_function_evaluation": "disable",
    # An import may span many years in one block.
    "max_partitions_per_insert_block": 0,
    # The same rows have to be cut into the same parts when a block comes again.
    "max_insert_threads": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # An acknowledged insert is on every table, the views' included.
    "materialized_views_ignore_errors": 0,
}


_GOOD_ROW = b'["00000000-0000-7000-8000-000000000000",0,"probed","probe","",0,0,{}]'


class EventStore:
    """The events table and what hangs on it."""

    def __init__(self, clickhouse: ClickHouse, watch: Watch | None = None) -> None:
        self._clickhouse = clickhouse
        self._watch = watch or Watch(Instruments.none())
        self._derived = DerivedTables(clickhouse)

    async def store(self, rows: bytes, record: BlockRecord) -> None:
        """Store the block's rows; when they are stored already, nothing happens, in dependent tables neither."""
        await self._insert(without(rows, record.dropped), record, record.token)

    async def complete(self, rows: bytes, record: BlockRecord) -> None:
        """Store what a crash may have left out of a block.

        The token makes ClickHouse skip parts it knows, and it learns of a part a moment before the part is there: killed in between, the
        part is known but missing. So after a crash the block's events are looked up by its `stored_at`, and missing ones stored by
        themselves; the tables derived from them are made to agree.
        """
        if await self._missing(rows, record):
            await self.store(rows, record)
        missing = await self._missing(rows, record)
        counted = await self._derived.count(record)
        await self._insert(b"\n".join(missing), record, f"{record.token}-completed")
        if missing:
            # They were counted with the others, and again as they were stored now.
            await self._derived.take_back(record, [line[2:38].decode() for line in missing], counted)

    async def abandon(self, record: BlockRecord) -> None:
        """Make the derived tables agree with what is stored of a block that failed and won't be stored as one again."""
        await self._derived.count(record)

    async def _missing(self, rows: bytes, record: BlockRecord) -> list[bytes]:
        """The rows of the block that are not stored."""
        kept = without(rows, record.dropped)
        found = await self._clickhouse.query(
            sql(
                "SELECT toString(event_id) FROM events WHERE stored_at = fromUnixTimestamp64Micro({stored_at}, 'UTC')",
                stored_at=integer(record.stored_at),
            ),
        )
        present = {str(row[0]).encode() for row in found.rows}
        return [line for line in kept.split(b"\n") if kept and line[2:38] not in present]

    async def _insert(self, rows: bytes, record: BlockRecord, token: str) -> None:
        if rows:
            settings = {**SETTINGS, "insert_deduplication_token": token, "log_comment": str(record.stored_at)}
            with self._watch.insert():
                await self._clickhouse.insert_bytes("events_in", COLUMNS, rows, FORMAT, settings)

    async def unreadable(self, rows: bytes, record: BlockRecord) -> dict[int, str]:
        """The places of rows ClickHouse can never read, each with the reason, found by halving. Nothing is stored.

        Raises StoreFailed when ClickHouse can't read a row that is good: then it's the tables that are wrong, not the rows.
        """
        try:
            await self._probe(_GOOD_ROW)
        except RowsUnreadable as error:
            raise StoreFailed(f"ClickHouse cannot read any row: {error.message}. Has `pug migrate` been run?") from error
        lines = rows.split(b"\n")
        places = [place for place in range(len(lines)) if place not in set(record.dropped)]
        return await self._halve(lines, places)

    async def _halve(self, lines: Sequence[bytes], places: Sequence[int]) -> dict[int, str]:
        try:
            await self._probe(b"\n".join(lines[place] for place in places))
        except RowsUnreadable as error:
            if len(places) == 1:
                return {places[0]: error.message}
            middle = len(places) // 2
            return await self._halve(lines, places[:middle]) | await self._halve(lines, places[middle:])
        return {}

    async def _probe(self, rows: bytes) -> None:
        if rows:
            await self._clickhouse.insert_bytes("events_probe", COLUMNS, rows, FORMAT, SETTINGS)
