"""Has ClickHouse forget the statements that deleted somebody's rows, because these name the ids."""

from core.clickhouse import ClickHouse
from core.sql import sql, text
from workers.removal.tables import DERIVED_TABLES, TOLD_TABLES

TABLES = ("events", *(table.name for table in DERIVED_TABLES), *(table.name for table in TOLD_TABLES))
_SETTING = "finished_mutations_to_keep = 1"


async def forget_statements(clickhouse: ClickHouse) -> None:
    """Of each table only the last mutation that was carried out is kept (of a hundred by default), and that one says nothing.

    ClickHouse deletes the others when it next cleans up, within some minutes.
    """
    for table in TABLES:
        kept = sql(
            "SELECT position(create_table_query, {setting}) FROM system.tables WHERE database = currentDatabase() AND name = {table}",
            setting=text(_SETTING),
            table=text(table),
        )
        if not (await clickhouse.query(kept)).rows[0][0]:
            await clickhouse.command(f"ALTER TABLE {table} MODIFY SETTING {_SETTING}")
        await clickhouse.command(f"ALTER TABLE {table} DELETE WHERE false SETTINGS mutations_sync = 2")
