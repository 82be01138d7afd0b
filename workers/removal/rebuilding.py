"""Takes the rows that count events of a portion out of a table, and counts the other events of those rows again.

Rows are deleted by a mutation, which is made at once and carried out later, on what was there when it was made. So what is inserted after
it, here or by a writer, stays; until it is carried out some events count twice.
"""

from core.clickhouse import ClickHouse
from core.sql import Sql, sql
from workers.derived import DERIVED
from workers.removal.mutations import begin_mutation
from workers.removal.share import Portion
from workers.removal.tables import Derived, Touched
from workers.views import view_over


async def rebuild(clickhouse: ClickHouse, table: Derived, portion: Portion, rows: Touched) -> None:
    """Nothing may be stored meanwhile, if the table is to be exact; done again it comes to the same."""
    await begin_mutation(clickhouse, table.name, sql("DELETE WHERE {rows}", rows=rows.rows))
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
