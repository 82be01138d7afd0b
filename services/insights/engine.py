"""Answers an insight: plan → run → shape. Besides schema.py the only module here that waits for ClickHouse."""

import time
from datetime import datetime, timedelta
from typing import cast

from core.clickhouse import ClickHouse, Rows
from core.errors import FilterInvalid, InvalidArgument, TooMany
from core.sql import Sql, join, sql, text, unsigned
from pug.insights.v1.insights_pb2 import ExplainResponse, Insight, Meta, QueryRequest, QueryResponse, TimeRange
from services.insights import kinds
from services.insights.filters import Patterns, groups_inside, in_group, patterns
from services.insights.limits import QueryLimits, limited
from services.insights.ranges import Range
from services.insights.scope import Scope, scope_of
from services.insights.source import choose_source
from services.rpc.call import Call

_MAX_FILTERS = 100
_MAX_GROUPS = 100
_MAX_PATTERNS = 100


async def answer(request: QueryRequest, call: Call, *, clickhouse: ClickHouse, now: datetime, limits: QueryLimits) -> QueryResponse:
    """The answer to a query, and what it cost; `complete_until` is the caller's to say."""
    started = time.perf_counter()
    scope, query = await _planned(request, call, clickhouse, now, limits)
    found = await clickhouse.query(query)
    response = kinds.shape(found.rows, request.insight, scope)
    response.meta.MergeFrom(_meta(request.insight, scope, found, timedelta(seconds=time.perf_counter() - started)))
    return response


async def explain(request: QueryRequest, call: Call, *, clickhouse: ClickHouse, now: datetime, limits: QueryLimits) -> ExplainResponse:
    """How a query would be answered."""
    try:
        _, query = await _planned(request, call, clickhouse, now, limits)
    except InvalidArgument as error:
        # Paths are those of Query, and here the query is a field of the request.
        error.field = f"query.{error.field}" if error.field else "query"
        raise
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
    written = _counted_patterns(request.insight)
    version = await _identity_version(request.as_of_identity, call, clickhouse)
    scope = scope_of(request, call.project, now, version)
    query = kinds.plan(request.insight, scope)
    await _check_patterns(written, clickhouse)
    return scope, limited(query, limits, call.timeout_s)


async def _identity_version(asked: int, call: Call, clickhouse: ClickHouse) -> int:
    """The version of the project's identity to answer as of: the one asked for, or for 0 the latest ClickHouse knows whole."""
    found = await clickhouse.query(sql("SELECT max(version) FROM identity_versions WHERE project_id = {id}", id=unsigned(call.project.id)))
    latest = cast("int", found.rows[0][0])
    if not 0 <= asked <= latest:
        raise InvalidArgument(
            f"The project's identity has no version {asked} yet.", field="asOfIdentity", hint=f"The latest is {latest}; 0 asks for it."
        )
    return asked or latest


def _counted_patterns(insight: Insight) -> Patterns:
    """The patterns of all filters, of which there may be so many: counted first, since all that follows takes time for each."""
    if groups_inside(insight.filters) > _MAX_GROUPS:
        raise TooMany(f"A query has at most {_MAX_GROUPS} groups of filters.", field="insight.filters.groups", hint="Join some.")
    placed = [*in_group(insight.filters, "insight.filters"), *kinds.filters(insight)]
    if len(placed) > _MAX_FILTERS:
        raise TooMany(f"A query has at most {_MAX_FILTERS} filters.", field="insight", hint="OP_IS takes up to 1,000 values in one filter.")
    written = patterns(placed)
    if len(written) > _MAX_PATTERNS:
        raise TooMany(f"A query has at most {_MAX_PATTERNS} patterns.", field=written[_MAX_PATTERNS][1], hint="Join some with |.")
    return written


async def _check_patterns(written: Patterns, clickhouse: ClickHouse) -> None:
    """Refuse a pattern that cannot be compiled: without an event to try it on, ClickHouse would say nothing about it."""
    try:
        await _compile(written, clickhouse)
    except FilterInvalid:
        # It doesn't say which of them is wrong.
        for one in written:
            await _compile([one], clickhouse)
        raise


async def _compile(written: Patterns, clickhouse: ClickHouse) -> None:
    if not written:
        return
    matches = [sql("match('', {pattern})", pattern=text(pattern)) for pattern, _ in written]
    try:
        await clickhouse.query(sql("SELECT {matches}", matches=join(", ", matches)))
    except FilterInvalid as error:
        raise FilterInvalid(error.message, field=written[0][1], hint=error.hint) from error


def _meta(insight: Insight, scope: Scope, found: Rows, elapsed: timedelta) -> Meta:
    return Meta(
        exactness=Meta.EXACTNESS_APPROXIMATE if kinds.estimates(insight, scope) else Meta.EXACTNESS_EXACT,
        source=choose_source(),
        rows_read=found.rows_read,
        elapsed=elapsed,
        time_range=_time_range(scope.range),
        time_zone=scope.zone.key,
        identity_version=scope.as_of.people.version,
        compare_range=_time_range(scope.compared.range) if scope.compared else None,
    )


def _time_range(asked: Range) -> TimeRange:
    # `from` is a keyword, so it can only be given by name.
    return TimeRange(**{"from": asked.start}, to=asked.end)
