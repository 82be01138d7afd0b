"""Takes the rows that count events of a portion out of a table, and counts the other events of those rows again.

Rows are deleted by a mutation, which is made at once and carried out later, on what was there when it was made. So what is inserted after
it, here or by a writer, stays; until it is carried out some events count twice.
"""

from core.clickhouse import ClickHouse
from core.sql import Sql, sql
from workers.derived import DERIVED
from workers.removal.share import Portion
from workers.removal.tables import Derived, Touched
from workers.views import view_over


async def rebuild(clickhouse: ClickHouse, table: Derived, portion: Portion, rows: Touched) -> None:
    """Nothing may be stored meanwhile, if the table is to be exact; done again it comes to the same."""
    await begin_delete(clickhouse, sql(table.name), rows.rows)
    known = DERIVED[table.name]
    staying = sql("{events} AND {staying}", events=rows.events, staying=portion.staying())
    columns = Sql((", ".join((*known.same, *known.sums)),))
    statement = sql(
        # The same rows may have been inserted before, and deleted.
        "INSERT INTO {table} ({columns}) SETTINGS insert_deduplicate = 0, max_bytes_before_external_group_by = 1073741824"
        " SELECT {columns} FROM ({view})",
        table=sql(table.name),
        columns=columns,
        view=await view_over(clickhouse, known.view, staying),
    )
    await clickhouse.command(statement.for_console())


async def begin_delete(clickhouse: ClickHouse, table: Sql, rows: Sql) -> None:
    """Have rows deleted for good: the parts that have any are written anew without them."""
    statement = sql("ALTER TABLE {table} DELETE WHERE {rows} SETTINGS mutations_sync = 0", table=table, rows=rows)
    await clickhouse.command(statement.for_console())


async def forget_mutations(clickhouse: ClickHouse, table: Sql) -> None:
    """Have only the last mutation of a table remembered when it is carried out: the texts of others name ids."""
    await clickhouse.command(sql("ALTER TABLE {table} MODIFY SETTING finished_mutations_to_keep = 1", table=table).for_console())


async def mutated(clickhouse: ClickHouse, table: Sql) -> None:
    """Wait until all that was begun on a table is carried out, on every replica."""
    # Mutations are carried out in their order, and this one names nobody.
    await clickhouse.command(sql("ALTER TABLE {table} DELETE WHERE false SETTINGS mutations_sync = 2", table=table).for_console())
