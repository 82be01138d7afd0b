"""InsightsService: answers questions about a project's events and people."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from core.clickhouse import ClickHouse
from pug.insights.v1.insights_pb2 import ExplainRequest, ExplainResponse, GetSchemaRequest, GetSchemaResponse, QueryRequest, QueryResponse
from services.insights import engine
from services.insights.limits import QueryLimits
from services.insights.schema import schema_of
from services.rpc.call import Call


class InsightsService:
    """The RPCs of `pug.insights.v1.InsightsService`."""

    def __init__(
        self, clickhouse: ClickHouse, complete_until: Callable[[], Awaitable[datetime]], now: Callable[[], datetime], limits: QueryLimits
    ) -> None:
        """`complete_until` says up to when accepted events are stored; `limits` are those of one query."""
        self._clickhouse = clickhouse
        self._complete_until = complete_until
        self._now = now
        self._limits = limits

    async def query(self, request: QueryRequest, call: Call) -> QueryResponse:
        """Answer an insight."""
        # Before the query: what is stored while it runs may be missing from its answer.
        complete_until = await self._complete_until()
        response = await engine.answer(request, call, clickhouse=self._clickhouse, now=self._now(), limits=self._limits)
        response.meta.complete_until.FromDatetime(complete_until)
        return response

    async def explain(self, request: ExplainRequest, call: Call) -> ExplainResponse:
        """Show how an insight would be answered."""
        return await engine.explain(request.query, call, clickhouse=self._clickhouse, now=self._now(), limits=self._limits)

    async def get_schema(self, request: GetSchemaRequest, call: Call) -> GetSchemaResponse:
        """List the event names and property keys the project has sent."""
        return await schema_of(request.event_name, call, clickhouse=self._clickhouse, limits=self._limits)
