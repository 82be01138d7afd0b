"""Reads the rows of a page of what is listed by name."""

from typing import Any

from sqlalchemy import Column, RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rpc.pages import Page, page_of, values_in_column


async def rows_of_page(connection: AsyncConnection, query: Select[Any], document: Column[Any], size: int) -> Page[RowMapping]:
    """The rows of a page; a document in them may hold so much that a page is shorter, so it is read only where it fits."""
    counts = query.with_only_columns(values_in_column(document), maintain_column_froms=True).limit(size + 1)
    found = (await connection.execute(counts)).scalars().all()
    fits = page_of(found, size, int)
    rows = (await connection.execute(query.limit(len(fits.entries)))).mappings().all()
    return Page(rows, fits.more)
