"""Reads the rows of a page of what PostgreSQL keeps as documents."""

from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, Text, cast, func
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rpc.pages import Page, page_of

# With its key and punctuation.
_LENGTH_OF_A_VALUE = 20


async def rows_of_page(connection: AsyncConnection, query: Select[Any], document: Column[Any], size: int) -> Page[RowMapping]:
    """The rows of a page; a document in them may hold so much that a page is shorter, so it is read only where it fits.

    They are counted first and read then: both have to be of one instant, so the transaction is REPEATABLE READ.
    """
    counts = query.with_only_columns(_values_in(document), maintain_column_froms=True).limit(size + 1)
    found = (await connection.execute(counts)).scalars().all()
    fits = page_of(found, size, int)
    rows = (await connection.execute(query.limit(len(fits.entries)))).mappings().all()
    return Page(rows, fits.more)


def _values_in(document: Column[Any]) -> ColumnElement[int]:
    """As `values_in_json`, without reading it; long texts count as so many values as they are read in the time of."""
    length = func.length(cast(document, Text))
    commas = length - func.length(func.replace(cast(document, Text), ",", ""))
    return func.greatest(1 + commas, length / _LENGTH_OF_A_VALUE)
