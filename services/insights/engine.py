"""Answers an insight: plan → run → shape. Drill-down, hints and the schema have modules of their own that wait for ClickHouse."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import cast

from core.clickhouse import ClickHouse, Rows
from core.errors import InvalidArgument, TooMany
from core.sql import Sql, sql
from pug.insights.v1.insights_pb2 import ExplainResponse, Insight, Meta, QueryRequest, QueryResponse, TimeRange
from pug.insights.v1.person_pb2 import Person
from services.insights import kinds
from services.insights.filters import Patterns, groups_inside, in_group, patterns
from services.insights.hints import Hints, not_kept
from services.insights.limits import QueryLimits, limited
from services.insights.patterns import check_sizes
from services.insights.people import latest_version
from services.insights.profiles_of import named_persons, people_named
from services.insights.ranges import Range
from services.insights.result_cache import Result
from services.insights.scope import Scope, scope_of
from services.insights.source import choose_source
from services.insights.watch import Question
from services.rpc.call import Call

_MAX_FILTERS = 100
_MAX_GROUPS = 100
_MAX_PATTERNS = 100
# Refuses patterns that cannot be compiled, which only ClickHouse knows.
CheckPatterns = Callable[[Patterns], Awaitable[None]]

_OF_QUERY = frozenset(field.json_name for field in QueryRequest.DESCRIPTOR.fields)


async def answer(
    request: QueryRequest,
    call: Call,
    *,
    clickhouse: ClickHouse,
    now: datetime,
    hints: Hints,
    question: Question,
    ask: Callable[[Sql], Awaitable[Result]],
    check_patterns: CheckPatterns,
    rollups: Collection[str] = (),
) -> QueryResponse:
    """The answer to a query, how fresh it is and what it cost; `ask` runs what may take long, `rollups` are those it may come from."""
    started = time.perf_counter()
    with question.step("plan"):
        scope, query = await _sourced(request, call, rollups, clickhouse=clickhouse, now=now, check_patterns=check_patterns)
    question.planned(scope.as_of.table)
    found, hint = await asyncio.gather(ask(query), _hint(hints, request.insight, call))
    with question.step("shape"):
        response = kinds.shape(found.rows.rows, request.insight, scope)
    results = [found, *await _name(kinds.unnamed(response), scope, ask)]
    read = [result.rows for result in results if not result.kept]
    response.meta.MergeFrom(meta_of(request.insight, scope, read, timedelta(seconds=time.perf_counter() - started)))
    response.meta.complete_until.FromDatetime(min(result.complete_until for result in results))
    response.meta.kept = found.kept
    response.meta.hint = " ".join(one for one in (not_kept(call.project.retention_months, scope), hint) if one)
    return response


async def explain(
    request: QueryRequest,
    call: Call,
    *,
    clickhouse: ClickHouse,
    now: datetime,
    limits: QueryLimits,
    check_patterns: CheckPatterns,
    rollups: Collection[str] = (),
) -> ExplainResponse:
    """How a query would be answered, also from these `rollups`."""
    try:
        scope, unlimited = await _sourced(request, call, rollups, clickhouse=clickhouse, now=now, check_patterns=check_patterns)
    except InvalidArgument as error:
        name_query(error)
        raise
    query = limited(unlimited, limits, call.timeout_s)
    # A row for each table: database, table, parts, rows, marks.
    estimate = await clickhouse.query(sql("EXPLAIN ESTIMATE {query}", query=query))
    # For people it would write shared expressions out, which of many steps are more than memory holds.
    steps = await clickhouse.query(sql("EXPLAIN indexes = 1, pretty = 0 {query}", query=query))
    written, values = query.render()
    return ExplainResponse(
        sql=written,
        values=[ExplainResponse.Value(name=name, type=value.type, value=value.parameter) for name, value in values.items()],
        console_sql=query.for_console(),
        source=scope.as_of.table.kind,
        rows_to_read=sum(cast("int", row[3]) for row in estimate.rows),
        plan="\n".join(str(row[0]) for row in steps.rows),
    )


def check(request: QueryRequest, call: Call, *, now: datetime) -> Patterns:
    """Refuse a query that could not be answered, without answering it; returns its patterns, about which only ClickHouse knows."""
    written = _counted_patterns(request.insight)
    kinds.plan(request.insight, scope_of(request, call.project, now))
    return written


async def planned(
    request: QueryRequest,
    call: Call,
    plan: Callable[[Scope], tuple[Scope, Sql]],
    *,
    clickhouse: ClickHouse,
    now: datetime,
    check_patterns: CheckPatterns,
) -> tuple[Scope, Sql]:
    """What `plan` makes of what a query may see: the scope, maybe on another table, and a query, without limits yet."""
    written = _counted_patterns(request.insight)
    version = await _identity_version(request.as_of_identity, call, clickhouse)
    scope = scope_of(request, call.project, now, version)
    scope, query = plan(scope)
    await check_patterns(written)
    return scope, query


async def _sourced(
    request: QueryRequest,
    call: Call,
    rollups: Collection[str],
    *,
    clickhouse: ClickHouse,
    now: datetime,
    check_patterns: CheckPatterns,
) -> tuple[Scope, Sql]:
    """What an answer comes from: the smallest table that has it, of these rollups and the events."""

    def plan(scope: Scope) -> tuple[Scope, Sql]:
        return choose_source(request.insight, scope, rollups)

    return await planned(request, call, plan, clickhouse=clickhouse, now=now, check_patterns=check_patterns)


def name_query(error: InvalidArgument) -> None:
    """Make the path of a field of the query that of a request whose field `query` it is."""
    if not error.field:
        error.field = "query"
    elif re.split(r"[.\[]", error.field)[0] in _OF_QUERY:
        error.field = f"query.{error.field}"


async def _identity_version(asked: int, call: Call, clickhouse: ClickHouse) -> int:
    """The version of the project's identity to answer as of: the one asked for, or for 0 the latest ClickHouse knows whole."""
    found = await clickhouse.query_together(latest_version(call.project.id))
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
    written = patterns_of(insight)
    if len(written) > _MAX_PATTERNS:
        raise TooMany(f"A query has at most {_MAX_PATTERNS} patterns.", field=written[_MAX_PATTERNS][1], hint="Join some with |.")
    check_sizes(written)
    return written


def patterns_of(insight: Insight) -> Patterns:
    """The patterns of all filters."""
    return patterns([*in_group(insight.filters, "insight.filters"), *kinds.filters(insight)])


async def _hint(hints: Hints, insight: Insight, call: Call) -> str:
    # Whoever has a link is shown none.
    return "" if call.credential.dashboard_id else await hints.of(insight, call)


async def _name(persons: Sequence[Person], scope: Scope, ask: Callable[[Sql], Awaitable[Result]]) -> list[Result]:
    """Say who the persons are of whom only the ids are known; returns what was read for it."""
    if not persons:
        return []
    found = await ask(people_named([int(person.id, 16) for person in persons], scope))
    known = named_persons(found.rows.rows)
    for person in persons:
        # Nobody is found whose events were erased just now.
        if named := known.get(person.id):
            person.CopyFrom(named)
    return [found]


def meta_of(insight: Insight, scope: Scope, found: Sequence[Rows], elapsed: timedelta) -> Meta:
    """How exact an answer is, and what it cost."""
    return Meta(
        exactness=Meta.EXACTNESS_APPROXIMATE if kinds.estimates(insight, scope) else Meta.EXACTNESS_EXACT,
        source=scope.as_of.table.kind,
        rows_read=sum(one.rows_read for one in found),
        elapsed=elapsed,
        time_range=_time_range(scope.range),
        time_zone=scope.zone.key,
        identity_version=scope.as_of.people.version,
        compare_range=_time_range(scope.compared.range) if scope.compared else None,
    )


def _time_range(asked: Range) -> TimeRange:
    # `from` is a keyword, so it can only be given by name.
    return TimeRange(**{"from": asked.start}, to=asked.end)
