"""ClickHouse for asyncio, the same for a server and for the embedded chDB.

clickhouse-connect has no async client for chDB, so both are spoken to through a small pool of its sync clients, one thread each: queries
release the GIL and handles in threads run in parallel.

A thread cannot be cancelled. Whoever stops waiting for a query has it killed in ClickHouse, by another connection. It is found by the mark
in its log_comment: chDB doesn't let a query's id be chosen, and a comment in the text is lost where values are bound.
"""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, LiteralString, TypeVar, cast

import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from clickhouse_connect.driver.query import QueryResult
from opentelemetry.trace import Span, SpanKind, Tracer

from core.errors import FilterInvalid, QueryTooComplex, QueryTooExpensive, RowsUnreadable, StoreFailed, StoreUnavailable
from core.single_flight import SingleFlight
from core.sql import Sql, Value
from core.tracing import step

log: structlog.stdlib.BoundLogger = structlog.get_logger()
_levels = logging.getLogger(__name__)

T = TypeVar("T")

# ClickHouse error codes a caller can act on (src/Common/ErrorCodes.cpp).
_CANNOT_COMPILE_REGEXP = 427
# What says nothing about the query or the rows, and passes when somebody has mended ClickHouse: no such table yet, read-only, no room, no
# quorum, no right to enter, stopped, too many parts, no answer from Keeper or from the disk.
_AWAY = {60, 81, 164, 202, 209, 210, 225, 236, 242, 243, 252, 279, 285, 286, 319, 394, 425, 497, 499, 516, 735, 999}
_CHUNK_BYTES = 2**24
_SYNTAX_ERROR = 62
_TOO_COMPLEX = {167, 168, 306, 718}
_TOO_SLOW = {159, 160}
_TOO_EXPENSIVE = {158, 241, 307, 396} | _TOO_SLOW
_UNREADABLE = {6, 25, 26, 27, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 376, 467}
# By default 256 KiB. The text has the keys of properties in it, and a hundred filters by the longest keys are some megabytes.
_MAX_QUERY_BYTES = 2**24
_KILL_AGAIN_S = 0.1
# Of the query itself, for none of those inside it is the last thing in the text.
_OWN_SETTINGS = re.compile(r"\bSETTINGS\b[^()]*\Z")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query returned, and what ClickHouse read for it."""

    rows: Sequence[tuple[object, ...]]
    rows_read: int
    bytes_read: int = 0
    # What it held at most; None where ClickHouse doesn't say, as the embedded one.
    memory_bytes: int | None = None
    # From when it was asked, which is after waiting for a connection, to when all was there.
    took_s: float = 0.0


class ClickHouse:
    """A pool of connections. Every call takes one and gives it back."""

    def __init__(self, connect: Callable[[], Client], connections: int, tracer: Tracer | None = None) -> None:
        """`connect` opens one connection; `connections` is how many are open at once. With a `tracer`, queries within a span have one."""
        self._connect = connect
        self._tracer = tracer
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="clickhouse")
        # Threads start when they are needed: where nobody goes away there is no further connection.
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="clickhouse-beside")
        self._killing: set[asyncio.Task[None]] = set()
        self._idle: list[Client] = []
        self._together: SingleFlight[Sql, Rows] = SingleFlight()

    def apart(self, connections: int, tracer: Tracer | None = None) -> "ClickHouse":
        """A pool of its own to the same engine, so that one kind of work cannot take all connections from another; traced alike, or so."""
        return ClickHouse(self._connect, connections, tracer or self._tracer)

    async def query(self, query: Sql) -> Rows:
        """Run a SELECT, until the caller is cancelled; datetimes come back with their time zone."""
        mark = f"pug-{uuid.uuid4().hex}"
        text, values = query.render()
        bound = _bound(values)

        def run(client: Client) -> Rows:
            asked = time.perf_counter()
            result = client.query(_marked(text, mark), parameters=bound, tz_mode="aware")
            return _rows(result, time.perf_counter() - asked)

        with step(self._tracer, "clickhouse", SpanKind.CLIENT) as span:
            _begun(span, query, text)
            found = await self._with_client(run, mark)
            _ended(span, found)
        return found

    async def query_together(self, query: Sql) -> Rows:
        """Run a small SELECT once for all who ask for it at this moment: it may have begun a moment before the call."""
        return await self._together.run(query, lambda: self.query(query))

    async def query_bytes(self, query: Sql, output_format: LiteralString) -> bytes:
        """Run a SELECT, until the caller is cancelled, and return its result in one of ClickHouse's formats."""
        mark = f"pug-{uuid.uuid4().hex}"
        text, values = query.render()
        marked, bound = _marked(text, mark), _bound(values)
        return await self._with_client(lambda client: client.raw_query(marked, parameters=bound, fmt=output_format), mark)

    async def stream_bytes(self, query: Sql, output_format: LiteralString, row_bytes: int, take: Callable[[bytes], None]) -> None:
        """Run a SELECT whose rows are `row_bytes` long in that format, and hand its result on in chunks of whole rows, in a thread."""
        text, values = query.render()
        bound = _bound(values)

        def run(client: Client) -> None:
            with cast("BinaryIO", client.raw_stream(text, parameters=bound, fmt=output_format)) as stream:
                rest = b""
                while read := stream.read(_CHUNK_BYTES):
                    chunk = rest + read
                    whole = len(chunk) - len(chunk) % row_bytes
                    rest = chunk[whole:]
                    take(chunk[:whole])

        await self._with_client(run)

    async def command(self, statement: str) -> None:
        """Run a statement that returns nothing, such as DDL."""
        await self._with_client(lambda client: client.command(statement))

    async def command_beside(self, statement: str) -> None:
        """Run a small statement at once, though all connections be busy."""
        await self._with_client(lambda client: client.command(statement), threads=self._beside)

    async def insert_bytes(
        self, table: str, columns: Sequence[str], data: bytes, input_format: str, settings: Mapping[str, object]
    ) -> None:
        """Insert rows that are already encoded in one of ClickHouse's formats."""

        def run(client: Client) -> None:
            try:
                client.raw_insert(table, list(columns), data, settings=dict(settings), fmt=input_format)
            except DatabaseError as error:
                if error.code in _UNREADABLE:
                    raise RowsUnreadable(_why_unreadable(error)) from error
                raise

        await self._with_client(run)

    async def close(self) -> None:
        """Close every connection, after the calls that run."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.gather(*self._killing)
        await asyncio.to_thread(self._beside.shutdown)
        for client in self._idle:
            client.close()
        self._idle.clear()

    async def _with_client(self, use: Callable[[Client], T], mark: str = "", threads: ThreadPoolExecutor | None = None) -> T:
        running = (threads or self._threads).submit(self._use, use)
        try:
            return await asyncio.wrap_future(running)
        except ClickHouseError as error:
            raise _translated(error) from error
        except asyncio.CancelledError:
            # One that hasn't begun was cancelled with its caller.
            if mark and not running.done():
                killing = asyncio.create_task(self._kill(mark, running))
                self._killing.add(killing)
                killing.add_done_callback(self._killing.discard)
            raise

    async def _kill(self, mark: str, running: "Future[T]") -> None:
        """Kill a query, again and again: at first it may be on its way still."""
        try:
            while not running.done():
                await asyncio.wrap_future(self._beside.submit(self._use, lambda client: _kill_marked(client, mark)))
                await asyncio.sleep(_KILL_AGAIN_S)
        except ClickHouseError as error:
            # It ends at its own limit of time.
            log.warning("query_not_killed", error=type(error).__name__)

    def _use(self, use: Callable[[Client], T]) -> T:
        # As many clients as threads come to exist: list.pop and list.append are atomic, and an idle client waits in the list.
        try:
            client = self._idle.pop()
        except IndexError:
            client = self._open()
        try:
            return use(client)
        finally:
            self._idle.append(client)

    def _open(self) -> Client:
        client = self._connect()
        client.set_client_setting("max_query_size", _MAX_QUERY_BYTES)
        return client


def ran_out_of_time(error: BaseException) -> bool:
    """Whether a query was ended by its limit of time, be it ClickHouse's or the caller's."""
    cause = error.__cause__
    return isinstance(error, QueryTooExpensive) and (
        isinstance(cause, TimeoutError) or (isinstance(cause, DatabaseError) and cause.code in _TOO_SLOW)
    )


def _rows(result: QueryResult, took_s: float) -> Rows:
    summary = result.summary
    memory = summary.get("memory_usage")
    return Rows(
        [tuple(row) for row in result.result_rows],
        int(summary.get("read_rows", 0)),
        int(summary.get("read_bytes", 0)),
        int(memory) if memory else None,
        took_s,
    )


def _begun(span: Span, query: Sql, text: str) -> None:
    """Say which statement it is, without its values; the text itself shows in the log alone, and there at debug."""
    recording, telling = span.is_recording(), _levels.isEnabledFor(logging.DEBUG)
    if not (recording or telling):
        return
    statement = query.fingerprint()
    span.set_attributes({"db.system.name": "clickhouse", "pug.statement": statement})
    if telling:
        log.debug("clickhouse_asked", statement=statement, sql=text)


def _ended(span: Span, found: Rows) -> None:
    if span.is_recording():
        span.set_attributes(
            {"db.response.returned_rows": len(found.rows), "pug.rows_read": found.rows_read, "pug.bytes_read": found.bytes_read}
        )


def _marked(text: str, mark: str) -> str:
    # The driver's own way, to set it before and to unset it after the query, takes three times as long as a small query.
    separator = ", " if _OWN_SETTINGS.search(text) else "\nSETTINGS "
    return f"{text}{separator}log_comment = '{mark}'"


def _kill_marked(client: Client, mark: str) -> None:
    client.command("KILL QUERY WHERE Settings['log_comment'] = %(mark)s ASYNC", parameters={"mark": mark})


def _why_unreadable(error: DatabaseError) -> str:
    # ClickHouse quotes the row, which may hold somebody's data and doesn't belong into a log: only the column and the kind of error stay.
    column = re.search(r"while reading the value of key (\w+)", str(error))
    return f"{error.name or error.code}{f' in {column[1]}' if column else ''}"


def _bound(values: Mapping[str, Value]) -> dict[str, object]:
    # The driver writes a tuple as a Tuple and only a list as an Array.
    return {name: list(value.bound) if isinstance(value.bound, tuple) else value.bound for name, value in values.items()}


def _translated(error: ClickHouseError) -> Exception:
    if not isinstance(error, DatabaseError):
        return StoreFailed(f"ClickHouse failed: {type(error).__name__}.")
    if isinstance(error, OperationalError) or error.code in _AWAY:
        why = f": {error.name}" if error.name else ""
        return StoreUnavailable(f"ClickHouse does not answer{why}.", hint="Try again in a moment; `pug doctor` says what is wrong.")
    if error.code in _TOO_EXPENSIVE:
        return QueryTooExpensive(
            "The query went over its limit of time or memory.",
            hint="Ask about a shorter range, with fewer breakdowns or a coarser granularity.",
        )
    if error.code in _TOO_COMPLEX or (error.code == _SYNTAX_ERROR and "Max query size exceeded" in str(error)):
        return QueryTooComplex(
            "The query is too large or too deeply nested for ClickHouse.",
            hint="Ask with fewer series, filters and breakdowns, or in several queries.",
        )
    if error.code == _CANNOT_COMPILE_REGEXP:
        return FilterInvalid(
            "A pattern is not a valid RE2 expression.",
            field="filters.values",
            hint="See the RE2 syntax: no look-around and no back-references.",
        )
    return StoreFailed(f"ClickHouse failed: {error.name or error.code}.")
