"""Watches questions: measures and traces them, and tells of those that take long."""

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog
from opentelemetry.trace import Span

from core.clickhouse import Rows, ran_out_of_time
from core.errors import PugError
from core.instruments import SECONDS, Counter, Gauge, Instruments
from core.pulse import SlowQuery
from core.sql import Sql
from core.telemetry import rpc_method, trace_id
from core.tracing import step
from pug.insights.v1.insights_pb2 import Meta, QueryRequest
from services.insights.outline import fingerprint_of, outline_of
from services.insights.tables import EVENTS, Table
from services.insights.turns import Turns
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SLOW_AFTER = timedelta(seconds=5)


class Outcome(StrEnum):
    """What the cache did for a piece of SQL."""

    HIT = "hit"
    # The same was being asked already.
    JOINED = "joined"
    MISS = "miss"


class QueryWatch:
    """One for all questions of a process."""

    def __init__(self, instruments: Instruments, slow_after: timedelta = SLOW_AFTER) -> None:
        """A query that runs for longer than `slow_after` is told in the log and remembered for an hour."""
        meter = instruments.meter
        self.tracer = instruments.tracer
        self.pulse = instruments.pulse
        self.slow_after = slow_after
        self.seconds = meter.create_histogram(
            "pug.query",
            "s",
            "From a question to its answer, by kind and by where it came from.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self.turn_seconds = meter.create_histogram(
            "pug.query.turn", "s", "For how long queries waited for their turn.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self.rows_read = Counter(
            meter, "pug.query.rows.read", "Rows ClickHouse read.", unit="{row}", label="source", known=("events", "rollup")
        )
        self.cache = Counter(meter, "pug.query.cache", "What the cache of results did.", unit="{query}", label="outcome", known=Outcome)
        self.slow = Counter(meter, "pug.query.slow", "Queries that ran for longer than PUG_SLOW_QUERY_S.", unit="{query}")
        self.failed = Counter(
            meter,
            "pug.query.failed",
            "Questions without an answer, by reason.",
            unit="{query}",
            label="reason",
            known=("TIMEOUT", "TOO_MANY_QUERIES", "QUERY_TOO_EXPENSIVE", "STORE_UNAVAILABLE", "CANCELED"),
        )
        self._meter = meter

    def watch_turns(self, turns: Turns) -> None:
        """Show how many queries run and wait."""
        for name, description, count in (
            ("pug.query.running", "Queries that run now.", lambda: turns.running),
            ("pug.query.waiting", "Queries that wait for their turn now.", lambda: turns.waiting),
        ):
            Gauge(self._meter, name, description, count, unit="{query}")

    @contextmanager
    def question(self, kind: str, call: Call, request: QueryRequest) -> Generator["Question"]:
        """While a question of a kind is answered."""
        began = time.perf_counter()
        try:
            with step(self.tracer, "query") as span:
                span.set_attribute("pug.kind", kind)
                question = Question(self, kind, request, call, span)
                yield question
        except BaseException as error:
            self.failed.add(1, reason_of(error))
            raise
        self.pulse.queries.add(1)
        self.seconds.record(time.perf_counter() - began, {"kind": kind, "source": question.source})


class Question:
    """One question under way, and what is known of it so far."""

    def __init__(self, watch: QueryWatch, kind: str, request: QueryRequest, call: Call, span: Span) -> None:
        self._watch = watch
        self._span = span
        self._kind = kind
        self._request = request
        self._call = call
        self._table = EVENTS
        self._kept: bool | None = None
        self._waited_s = 0.0

    @property
    def source(self) -> str:
        """Where the answer comes from: the events, a rollup, or what was kept from before."""
        return "kept" if self._kept else _source(self._table)

    def step(self, name: str) -> AbstractContextManager[Span]:
        """A part of answering it."""
        return step(self._watch.tracer, name)

    def planned(self, table: Table) -> None:
        """It is answered from this table."""
        self._table = table
        self._span.set_attribute("pug.source", _source(table))

    def found(self, outcome: Outcome) -> None:
        """What the cache did for one of its pieces of SQL, of which the first gives the answer."""
        self._watch.cache.add(1, outcome)
        if self._kept is None:
            self._kept = outcome is Outcome.HIT
            self._span.set_attribute("pug.cache", outcome)

    @asynccontextmanager
    async def turn(self, turns: Turns, call: Call) -> AsyncGenerator[Call]:
        """Wait for a turn and hold it."""
        began = time.perf_counter()
        async with AsyncExitStack() as stack:
            with self.step("turn"):
                turn = await stack.enter_async_context(turns.turn(call))
            self._waited_s = time.perf_counter() - began
            self._watch.turn_seconds.record(self._waited_s)
            yield turn

    @contextmanager
    def running(self, query: Sql | None = None) -> Generator["Run"]:
        """While ClickHouse is asked; one that takes long is told, be it answered or not."""
        run, began = Run(), time.perf_counter()
        error = ""
        try:
            yield run
        except BaseException as failure:
            error = reason_of(failure)
            raise
        finally:
            self._watch.rows_read.add(run.rows_read, _source(self._table))
            if (seconds := time.perf_counter() - began) > self._watch.slow_after.total_seconds():
                self._tell(run, seconds, error, query.fingerprint() if query else "")

    def _tell(self, run: "Run", seconds: float, error: str, statement: str) -> None:
        outline = outline_of(self._request)
        slow = SlowQuery(
            at=datetime.now(UTC),
            project=self._call.project.id,
            rpc=rpc_method.get(),
            kind=self._kind,
            outline=outline,
            fingerprint=fingerprint_of(outline),
            statement=statement,
            source=self._table.label,
            seconds=round(seconds, 3),
            waited_seconds=round(self._waited_s, 3),
            rows_read=run.rows_read,
            memory_bytes=run.memory_bytes,
            error=error,
            trace_id=trace_id.get(),
        )
        self._watch.slow.add(1)
        self._watch.pulse.slow.add(slow)
        log.warning(
            "slow_query",
            project=slow.project,
            rpc=slow.rpc,
            kind=slow.kind,
            outline=slow.outline,
            fingerprint=slow.fingerprint,
            statement=slow.statement,
            source=slow.source,
            ms=round(seconds * 1000),
            waited_ms=round(self._waited_s * 1000),
            rows_read=slow.rows_read,
            memory_bytes=slow.memory_bytes,
            error=slow.error,
        )


class Run:
    """What ClickHouse read for a question."""

    __slots__ = ("memory_bytes", "rows_read")

    def __init__(self) -> None:
        self.rows_read = 0
        self.memory_bytes: int | None = None

    def read(self, found: Rows) -> None:
        """It answered."""
        self.rows_read += found.rows_read
        self.memory_bytes = found.memory_bytes


def reason_of(error: BaseException) -> str:
    """Why there is no answer, as a name of the code's own."""
    if ran_out_of_time(error):
        return "TIMEOUT"
    match error:
        case PugError():
            return error.reason
        case Exception():
            return "INTERNAL"
        case _:
            return "CANCELED"


def _source(table: Table) -> str:
    return "rollup" if table.kind == Meta.TABLE_ROLLUP else "events"
