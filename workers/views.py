"""What the views on events do for those that come in, done for some that are stored."""

import re

from core.clickhouse import ClickHouse
from core.errors import StoreUnavailable
from core.sql import Sql, sql, text

_OF_EVENTS = re.compile(r"\bFROM (?:\w+\.)?events\b")


async def is_there(clickhouse: ClickHouse, view: str) -> bool:
    """Whether there is such a view; while it is made or replaced there is none."""
    return bool(await _query_of(clickhouse, view))


async def view_over(clickhouse: ClickHouse, view: str, condition: Sql) -> Sql:
    """The query of a view, over the events for which a condition holds; StoreUnavailable while the view is being made or replaced."""
    query = await _query_of(clickhouse, view)
    if not query:
        raise StoreUnavailable(f"The view {view} is not there: it is being made or replaced.", hint="Try again in a moment.")
    pieces = [Sql((piece,)) for piece in _OF_EVENTS.split(query)]
    events = sql("FROM (SELECT * FROM events WHERE {condition})", condition=condition)
    return Sql(tuple(part for place, piece in enumerate(pieces) for part in ((*events.parts, *piece.parts) if place else piece.parts)))


async def _query_of(clickhouse: ClickHouse, view: str) -> str:
    found = await clickhouse.query(
        sql("SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {view}", view=text(view))
    )
    return str(found.rows[0][0]) if found.rows else ""
