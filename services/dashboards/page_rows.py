"""Reads the rows of a page of what is listed by name."""

from typing import Any

from sqlalchemy import Column, RowMapping, Select, Text, cast, func
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rpc.pages import Page, page_of

# At least: a key, and a value with its punctuation.
_LENGTH_OF_A_VALUE = 20


async def rows_of_page(connection: AsyncConnection, query: Select[Any], document: Column[Any], size: int) -> Page[RowMapping]:
    """The rows of a page; a document in them may be so long that a page is shorter, so it is read only where it fits."""
    lengths = query.with_only_columns(func.length(cast(document, Text)), maintain_column_froms=True).limit(size + 1)
    found = (await connection.execute(lengths)).scalars().all()
    fits = page_of(found, size, lambda length: length // _LENGTH_OF_A_VALUE)
    rows = (await connection.execute(query.limit(len(fits.entries)))).mappings().all()
    return Page(rows, fits.more)
