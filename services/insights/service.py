"""InsightsService: answers questions about a project's events and people."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from core.clickhouse import ClickHouse
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
)
from services.insights import engine
from services.insights.drill_down import list_persons
from services.insights.hints import Hints
from services.insights.limits import QueryLimits
from services.insights.rollups import Rollups
from services.insights.schema import schema_of
from services.insights.turns import AtOnce, Turns
from services.insights.values import values_of
from services.rpc.call import Call


class InsightsService:
    """The RPCs of `pug.insights.v1.InsightsService`."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        complete_until: Callable[[], Awaitable[datetime]],
        now: Callable[[], datetime],
        limits: QueryLimits,
        at_once: AtOnce | None = None,
    ) -> None:
        """`complete_until` says up to when accepted events are stored; `limits` are those of one query, `at_once` of all together."""
        self._clickhouse = clickhouse
        self._complete_until = complete_until
        self._now = now
        self._limits = limits
        self._turns = Turns(at_once or AtOnce())
        self._hints = Hints(clickhouse)
        self._rollups = Rollups(clickhouse)

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Answer an insight."""
        # Before the query: what is stored while it runs may be missing from its answer.
        complete_until = await self._complete_until()
        async with self._turns.turn(call) as turn:
            response = await engine.answer(
                request,
                turn,
                clickhouse=self._clickhouse,
                now=self._now(),
                limits=self._limits,
                hints=self._hints,
                rollups=await self._rollups.built(),
            )
        response.meta.complete_until.FromDatetime(complete_until)
        return response

    async def explain(self, request: ExplainRequest, call: Call) -> ExplainResponse:
        """Show how an insight would be answered."""
        async with self._turns.turn(call) as turn:
            return await engine.explain(
                request.query,
                turn,
                clickhouse=self._clickhouse,
                now=self._now(),
                limits=self._limits,
                rollups=await self._rollups.built(),
            )

    async def list_persons(self, request: ListPersonsRequest, call: Call) -> ListPersonsResponse:
        """List who is behind a number."""
        complete_until = await self._complete_until()
        async with self._turns.turn(call) as turn:
            response = await list_persons(request, turn, clickhouse=self._clickhouse, now=self._now(), limits=self._limits)
        response.meta.complete_until.FromDatetime(complete_until)
        return response

    # The two below take milliseconds and somebody types meanwhile, so they don't wait for a turn.

    async def get_schema(self, request: GetSchemaRequest, call: Call) -> GetSchemaResponse:
        """List the event names and property keys the project has sent."""
        return await schema_of(request, call, clickhouse=self._clickhouse, limits=self._limits)

    async def list_property_values(self, request: ListPropertyValuesRequest, call: Call) -> ListPropertyValuesResponse:
        """List the values a property has had."""
        return await values_of(request, call, clickhouse=self._clickhouse, limits=self._limits)
