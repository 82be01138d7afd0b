"""InsightsService: answers questions about a project's events and people."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from core.clickhouse import ClickHouse, Rows
from core.errors import QueryTooExpensive
from core.instruments import Instruments
from core.single_flight import SingleFlight
from core.sql import Sql
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import (
    ExplainRequest,
    ExplainResponse,
    GetSchemaRequest,
    GetSchemaResponse,
    ListPersonsRequest,
    ListPersonsResponse,
    ListPropertyValuesRequest,
    ListPropertyValuesResponse,
    QueryRequest,
    QueryResponse,
    WhyNotRequest,
    WhyNotResponse,
)
from services.insights import engine
from services.insights.drill_down import list_persons
from services.insights.hints import Hints
from services.insights.limits import QueryLimits, limited
from services.insights.patterns import KnownPatterns
from services.insights.removals import latest_removal
from services.insights.result_cache import Result, ResultCache
from services.insights.rollups import Rollups
from services.insights.schema import schema_of
from services.insights.turns import LOOKUPS, AtOnce, Turns
from services.insights.values import values_of
from services.insights.watch import Outcome, QueryWatch, Question, Run
from services.insights.why_not.asking import why_not
from services.rpc.call import Call


class InsightsService:
    """The RPCs of `pug.insights.v1.InsightsService`."""

    def __init__(  # noqa: PLR0917 (each is another thing)
        self,
        clickhouse: ClickHouse,
        watermark: Callable[[], Awaitable[Watermark]],
        now: Callable[[], datetime],
        limits: QueryLimits,
        turns: Turns | None = None,
        cache: ResultCache | None = None,
        watch: QueryWatch | None = None,
    ) -> None:
        """`watermark` says up to where accepted events are stored; `limits` are those of one query, `turns` lets so many run together.

        Without a cache every query is asked anew.
        """
        self._clickhouse = clickhouse
        self._ask_watermark = watermark
        self._watermarks: SingleFlight[str, Watermark] = SingleFlight()
        self._cache = cache
        self._now = now
        self._limits = limits
        self._turns = turns or Turns(AtOnce())
        self._watch = watch or QueryWatch(Instruments.none())
        self._watch.watch_turns(self._turns)
        # What looks names up takes milliseconds as a rule, and somebody types meanwhile: it waits for its like alone.
        self._lookups = Turns(AtOnce(LOOKUPS, project_queries=1))
        self._hints = Hints(clickhouse, self._lookups)
        self._patterns = KnownPatterns()
        self._rollups = Rollups(clickhouse)

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Answer an insight."""
        with self._watch.question(_kind(request), call, request) as question:
            # Before the query: what is stored while it runs may be missing from its answer.
            watermark, removal = await asyncio.gather(self._watermark(), latest_removal(self._clickhouse, call.project.id))

            async def ask(query: Sql) -> Result:
                return await self._result(query, call, watermark, removal, question)

            async def compile_patterns(query: Sql) -> None:
                async with question.turn(self._turns, call) as turn:
                    await self._compile(query, turn)

            return await engine.answer(
                request,
                call,
                clickhouse=self._clickhouse,
                now=self._now(),
                hints=self._hints,
                question=question,
                ask=ask,
                check_patterns=partial(self._patterns.check, ask=compile_patterns),
                rollups=await self._rollups.built(),
            )

    async def _watermark(self) -> Watermark:
        """Up to where accepted events are stored; all tiles of a dashboard ask at once."""
        return await self._watermarks.run("", self._ask_watermark)

    async def _result(self, query: Sql, call: Call, watermark: Watermark, removal: int, question: Question) -> Result:
        """What ClickHouse answers when the project has its turn, or has answered before."""
        outcome = Outcome.JOINED

        async def run(call: Call) -> Rows:
            nonlocal outcome
            outcome = Outcome.MISS
            async with question.turn(self._turns, call) as turn:
                asked = limited(query, self._limits, turn.timeout_s)
                with question.running(asked) as ran:
                    found = await self._clickhouse.query(asked)
                    ran.read(found)
                    return found

        if self._cache is None:
            return Result(await run(call), watermark.complete_until)
        # Others may come to wait for the same, with more patience: this caller's ends only its own waiting.
        try:
            async with asyncio.timeout(call.timeout_s):
                result = await self._cache.result(query, watermark, lambda: run(replace(call, timeout_s=None)), removal)
        except TimeoutError as error:
            raise QueryTooExpensive("The query took longer than its caller would wait.", hint="Ask for less, or wait longer.") from error
        question.found(Outcome.HIT if result.kept else outcome)
        return result

    async def check(self, request: QueryRequest, call: Call) -> None:
        """Refuse a question that could not be answered, without asking it."""
        # A board has a hundred questions to plan, each for some milliseconds: other calls have their turn in between.
        await asyncio.sleep(0)
        patterns = engine.check(request, call, now=self._now())
        if patterns:
            async with self._turns.turn(call) as turn:
                await self._patterns_within(turn)(patterns)

    async def explain(self, request: ExplainRequest, call: Call) -> ExplainResponse:
        """Show how an insight would be answered."""
        async with self._turn("explain", call, request.query) as (turn, _):
            return await engine.explain(
                request.query,
                turn,
                clickhouse=self._clickhouse,
                now=self._now(),
                limits=self._limits,
                check_patterns=self._patterns_within(turn),
                rollups=await self._rollups.built(),
            )

    async def list_persons(self, request: ListPersonsRequest, call: Call) -> ListPersonsResponse:
        """List who is behind a number."""
        complete_until = (await self._watermark()).complete_until
        async with self._turn("persons", call, request.query) as (turn, run):
            response = await list_persons(
                request,
                turn,
                clickhouse=self._clickhouse,
                now=self._now(),
                limits=self._limits,
                check_patterns=self._patterns_within(turn),
            )
            run.rows_read = response.meta.rows_read
        response.meta.complete_until.FromDatetime(complete_until)
        return response

    async def why_not(self, request: WhyNotRequest, call: Call) -> WhyNotResponse:
        """Show how far one person came in a funnel, and what stopped them."""
        complete_until = (await self._watermark()).complete_until
        async with self._turn("why_not", call, request.query) as (turn, run):
            response = await why_not(
                request,
                turn,
                clickhouse=self._clickhouse,
                now=self._now(),
                limits=self._limits,
                check_patterns=self._patterns_within(turn),
            )
            run.rows_read = response.meta.rows_read
        response.meta.complete_until.FromDatetime(complete_until)
        return response

    @asynccontextmanager
    async def _turn(self, kind: str, call: Call, request: QueryRequest) -> AsyncGenerator[tuple[Call, Run]]:
        """The turn of a question that no cache answers, and where to say what it read."""
        with self._watch.question(kind, call, request) as question:
            async with question.turn(self._turns, call) as turn:
                with question.running() as run:
                    yield turn, run

    def _patterns_within(self, turn: Call) -> engine.CheckPatterns:
        """Refuses patterns that cannot be compiled, for whoever has a turn already."""
        return partial(self._patterns.check, ask=partial(self._compile, turn=turn))

    async def _compile(self, query: Sql, turn: Call) -> None:
        await self._clickhouse.query(limited(query, self._limits, turn.timeout_s))

    async def get_schema(self, request: GetSchemaRequest, call: Call) -> GetSchemaResponse:
        """List the event names and property keys the project has sent."""
        async with self._lookup("schema", call) as turn:
            return await schema_of(request, turn, clickhouse=self._clickhouse, limits=self._limits)

    async def list_property_values(self, request: ListPropertyValuesRequest, call: Call) -> ListPropertyValuesResponse:
        """List the values a property has had."""
        async with self._lookup("values", call) as turn:
            return await values_of(request, turn, clickhouse=self._clickhouse, limits=self._limits)

    @asynccontextmanager
    async def _lookup(self, kind: str, call: Call) -> AsyncGenerator[Call]:
        """The turn of a look-up."""
        with self._watch.question(kind, call, QueryRequest()) as question:
            async with question.turn(self._lookups, call) as turn:
                with question.running():
                    yield turn


def _kind(request: QueryRequest) -> str:
    return request.insight.WhichOneof("kind") or "none"
