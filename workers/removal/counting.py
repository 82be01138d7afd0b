"""Counts how much of a share each table has."""

from core.clickhouse import ClickHouse
from core.sql import Sql, sql, unsigned, unsigneds
from workers.derived import DERIVED
from workers.removal.journal import Count
from workers.removal.share import OfIds, OfProject, Share
from workers.removal.tables import DERIVED_TABLES, TOLD_TABLES, By, Derived, told_rows
from workers.views import view_over


async def counts(clickhouse: ClickHouse, share: Share) -> tuple[Count, ...]:
    """Of each table that can have any of it.

    Rows that are nobody's own are those the share's events would make: what is counted in them cannot be told apart there.
    """
    found = [await _count(clickhouse, "events", sql("SELECT count(), count() FROM events WHERE {share}", share=share.events()))]
    found += [await _count(clickhouse, table.name, await _derived(clickhouse, table, share)) for table in DERIVED_TABLES]
    for table in TOLD_TABLES:
        if rows := told_rows(table, share):
            query = sql("SELECT count(), 0 FROM {table} WHERE {rows}", table=sql(table.name), rows=rows)
            found.append(await _count(clickhouse, table.name, query))
    return tuple(found)


async def _count(clickhouse: ClickHouse, table: str, query: Sql) -> Count:
    ((rows, events),) = (await clickhouse.query(query)).rows
    return Count(table, int(str(rows)), int(str(events)))


async def _derived(clickhouse: ClickHouse, table: Derived, share: Share) -> Sql:
    known = DERIVED[table.name]
    events = Sql((f"sum({known.sums[0]})",)) if known.sums else sql("0")
    match share:
        case OfIds() if table.by is By.PERSON:
            theirs = sql(
                "project_id = {project} AND distinct_hash IN {hashes}", project=unsigned(share.project_id), hashes=unsigneds(share.hashes)
            )
            rows = sql("{table} WHERE {theirs}", table=sql(table.name), theirs=theirs)
        case OfProject():
            rows = sql("{table} WHERE {project}", table=sql(table.name), project=share.events())
        case _:
            rows = sql("({view})", view=await view_over(clickhouse, known.view, share.events()))
    return sql("SELECT count(), {events} FROM {rows}", events=events, rows=rows)
