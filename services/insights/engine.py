"""Answers an insight: plan → run → shape. Besides schema.py the only module here that waits for ClickHouse."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from core.clickhouse import ClickHouse, Rows
from core.errors import FilterInvalid, TooMany
from core.sql import Sql, number, sql, text, unsigned
from pug.insights.v1.insights_pb2 import ExplainResponse, Insight, Meta, QueryRequest, QueryResponse, TimeRange
from services.insights import kinds
from services.insights.filters import in_group, patterns
from services.insights.ranges import Range
from services.insights.scope import Scope, scope_of
from services.insights.source import choose_source
from services.rpc.call import Call

_MAX_FILTERS = 100
_SHORTEST_TIMEOUT_S = 0.001


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may use."""

    timeout: timedelta
    memory_bytes: int


async def answer(request: QueryRequest, call: Call, *, clickhouse: ClickHouse, now: datetime, limits: QueryLimits) -> QueryResponse:
    """The answer to a query, and what it cost; `complete_until` is the caller's to say."""
    started = time.perf_counter()
    scope, query = await _planned(request, call, clickhouse, now, limits)
    found = await clickhouse.query(query)
    response = kinds.shape(found.rows, request.insight, scope)
    response.meta.MergeFrom(_meta(scope, found, timedelta(seconds=time.perf_counter() - started)))
    return response


async def explain(request: QueryRequest, call: Call, *, clickhouse: ClickHouse, now: datetime, limits: QueryLimits) -> ExplainResponse:
    """How a query would be answered."""
    _, query = await _planned(request, call, clickhouse, now, limits)
    # A row for each table: database, table, parts, rows, marks.
    estimate = await clickhouse.query(sql("EXPLAIN ESTIMATE {query}", query=query))
    written, values = query.render()
    return ExplainResponse(
        sql=written,
        values=[ExplainResponse.Value(name=name, type=value.type, value=value.parameter) for name, value in values.items()],
        console_sql=query.for_console(),
        source=choose_source(),
        rows_to_read=sum(cast("int", row[3]) for row in estimate.rows),
    )


async def _planned(request: QueryRequest, call: Call, clickhouse: ClickHouse, now: datetime, limits: QueryLimits) -> tuple[Scope, Sql]:
    scope = scope_of(request, call.project, now)
    query = kinds.plan(request.insight, scope)
    await _check_filters(request.insight, clickhouse)
    return scope, _limited(query, limits, call.timeout_s)


async def _check_filters(insight: Insight, clickhouse: ClickHouse) -> None:
    placed = [*in_group(insight.filters, "insight.filters"), *kinds.filters(insight)]
    if len(placed) > _MAX_FILTERS:
        raise TooMany(f"A query has at most {_MAX_FILTERS} filters.", field="insight", hint="OP_IS takes up to 1,000 values in one filter.")
    # Asked beforehand: ClickHouse wouldn't say which of the patterns is wrong, and nothing at all without an event to try it on.
    for pattern, field in patterns(placed):
        try:
            await clickhouse.query(sql("SELECT match('', {pattern})", pattern=text(pattern)))
        except FilterInvalid as error:
            raise FilterInvalid(error.message, field=field, hint=error.hint) from error


def _limited(query: Sql, limits: QueryLimits, timeout_s: float | None) -> Sql:
    allowed_s = limits.timeout.total_seconds()
    seconds = allowed_s if timeout_s is None else max(min(allowed_s, timeout_s), _SHORTEST_TIMEOUT_S)
    return sql(
        "{query}\nSETTINGS max_execution_time = {seconds}, max_memory_usage = {bytes}",
        query=query,
        seconds=number(seconds),
        bytes=unsigned(limits.memory_bytes),
    )


def _meta(scope: Scope, found: Rows, elapsed: timedelta) -> Meta:
    return Meta(
        exactness=Meta.EXACTNESS_EXACT,
        source=choose_source(),
        rows_read=found.rows_read,
        elapsed=elapsed,
        time_range=_time_range(scope.range),
        time_zone=scope.zone.key,
    )


def _time_range(asked: Range) -> TimeRange:
    # `from` is a keyword, so it can only be given by name.
    return TimeRange(**{"from": asked.start}, to=asked.end)
