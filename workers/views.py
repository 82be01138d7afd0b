"""What the views on events do for those that come in, done for some that are stored."""

import re

from core.clickhouse import ClickHouse
from core.errors import StoreUnavailable
from core.sql import Sql, sql, text

_OF_EVENTS = re.compile(r"\bFROM (?:\w+\.)?events\b")


async def view_over(clickhouse: ClickHouse, view: str, condition: Sql) -> Sql:
    """The query of a view, over the events for which a condition holds; StoreUnavailable while the view is being made or replaced."""
    found = await clickhouse.query(
        sql("SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {view}", view=text(view))
    )
    if not found.rows:
        raise StoreUnavailable(f"The view {view} is not there: it is being made or replaced.", hint="Try again in a moment.")
    pieces = [Sql((piece,)) for piece in _OF_EVENTS.split(str(found.rows[0][0]))]
    events = sql("FROM (SELECT * FROM events WHERE {condition})", condition=condition)
    return Sql(tuple(part for place, piece in enumerate(pieces) for part in ((*events.parts, *piece.parts) if place else piece.parts)))
