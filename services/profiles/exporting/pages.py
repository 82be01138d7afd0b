"""Reads from ClickHouse page by page: each page begins after the last row of the one before, and has a turn of its own."""

import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.sql import Sql, sql
from services.insights.limits import QueryLimits, limited
from services.insights.turns import Turns
from services.rpc.call import Call

Page = AsyncGenerator[bytes]
# A row as JSON; None before the first.
Last = Mapping[str, object] | None

# Instants in RFC 3339; numbers as numbers, also beyond what JavaScript can hold.
_WRITTEN = """{query},
    date_time_output_format = 'iso', output_format_json_quote_64bit_integers = 0, output_format_json_escape_forward_slashes = 0"""


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of one export."""

    clickhouse: ClickHouse
    turns: Turns
    # Of one page.
    limits: QueryLimits
    call: Call
    # When the call began, by time.monotonic.
    began: float

    async def read(self, query: Sql) -> bytes:
        """The rows of a query, a JSON object a line."""
        async with self.turns.turn(self._what_is_left()) as turn:
            return await self.clickhouse.query_bytes(sql(_WRITTEN, query=limited(query, self.limits, turn.timeout_s)), "JSONEachRow")

    async def rows(self, query: Sql) -> Sequence[tuple[object, ...]]:
        """The rows of a query that has few of them."""
        async with self.turns.turn(self._what_is_left()) as turn:
            return (await self.clickhouse.query(limited(query, self.limits, turn.timeout_s))).rows

    async def all(self, plan: Callable[[Last], Sql], rows: int) -> Page:
        """Page after page; `plan` asks for up to so many rows after one."""
        last: Last = None
        while True:
            page = await self.read(plan(last))
            if page:
                yield page
            if page.count(b"\n") < rows:
                return
            last = last_row(page)

    def _what_is_left(self) -> Call:
        if self.call.timeout_s is None:
            return self.call
        return replace(self.call, timeout_s=self.call.timeout_s - (time.monotonic() - self.began))


def last_row(page: bytes) -> Mapping[str, object]:
    """The last row of a page that has one."""
    return cast("Mapping[str, object]", json.loads(page[page.rfind(b"\n", 0, -1) + 1 :]))


def instant_in(row: Mapping[str, object], key: str) -> datetime:
    """An instant of a row."""
    return datetime.fromisoformat(str(row[key]))
