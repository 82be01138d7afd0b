"""Tells how far one person came in a funnel: reads their events, and leaves it to the verdict."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from core.clickhouse import ClickHouse
from core.errors import InvalidArgument, MissingField, TooManyEvents
from core.instants import at_milliseconds, milliseconds, timestamp
from pug.insights.v1.insights_pb2 import WhyNotRequest, WhyNotResponse
from services.insights.engine import CheckPatterns, meta_of, name_query, planned
from services.insights.limits import QueryLimits, limited
from services.insights.scope import Scope
from services.insights.why_not.reading import Asked, Event, asked_of, event_of, events_of
from services.insights.why_not.verdict import Verdict, judged
from services.insights.why_not.words import Told, explanation
from services.rpc.call import Call

# What is looked through one by one: more than a person does, and a second or two of work at worst.
_MOST = 20_000
_LISTED = 1_000


async def why_not(
    request: WhyNotRequest,
    call: Call,
    *,
    clickhouse: ClickHouse,
    now: datetime,
    limits: QueryLimits,
    check_patterns: CheckPatterns,
    most: int = _MOST,
) -> WhyNotResponse:
    """How far somebody came, and what stopped them; `complete_until` is the caller's to say."""
    started = time.perf_counter()
    if request.query.insight.WhichOneof("kind") != "funnel":
        raise InvalidArgument("Only of a funnel it can be said why not.", field="query.insight", hint="Give a query with `funnel`.")
    if not request.distinct_id:
        raise MissingField("Whose way is to be explained?", field="distinctId", hint="Give any distinct id of the person.")
    try:
        # One more than may be tells that there were more.
        scope, query = await planned(
            request.query,
            call,
            lambda scope: (scope, events_of(request.distinct_id, asked_of(request.query.insight.funnel, scope), scope, most + 1)),
            clickhouse=clickhouse,
            now=now,
            check_patterns=check_patterns,
        )
    except InvalidArgument as error:
        name_query(error)
        raise
    found = await clickhouse.query(limited(query, limits, call.timeout_s))
    asked = asked_of(request.query.insight.funnel, scope)
    # It takes as long as there are events, and others wait for theirs meanwhile.
    response = await asyncio.to_thread(_answer, [event_of(row) for row in found.rows], request, asked, scope, most)
    response.meta.MergeFrom(meta_of(request.query.insight, scope, [found], timedelta(seconds=time.perf_counter() - started)))
    return response


def _answer(events: Sequence[Event], request: WhyNotRequest, asked: Asked, scope: Scope, most: int) -> WhyNotResponse:
    read_until = asked.looked
    if len(events) > most:
        if events[-1].ms < asked.over:
            raise TooManyEvents(
                f"More than {most:,} events of theirs have to do with the funnel.",
                field="query",
                hint="Ask about a shorter range, or filter the events.",
            )
        # What can't change the verdict any more may be left out.
        read_until, events = events[-1].ms, events[:-1]
    verdict = judged(events, asked)
    told = Told(request.query.insight.funnel, asked, scope.range, scope.zone, min(read_until, milliseconds(scope.as_of.now)))
    listed = _listed(events, verdict)
    fills: Mapping[str, int] = verdict.attempt.fills if verdict.attempt else {}
    return WhyNotResponse(
        reached=verdict.reached,
        stopped_at=verdict.stopped_at,
        rule=verdict.rule,
        explanation=explanation(verdict, told),
        events=[_event(one, fills.get(one.event_id, 0), asked) for one in listed],
        left_out=len(events) - len(listed),
    )


def _listed(events: Sequence[Event], verdict: Verdict) -> list[Event]:
    """The first of them, and in any case those the verdict is about."""
    told = {*(verdict.attempt.fills if verdict.attempt else ()), *([verdict.culprit.event_id] if verdict.culprit else [])}
    others = _LISTED - len(told)
    listed: list[Event] = []
    for event in events:
        if event.event_id in told:
            listed.append(event)
        elif others:
            listed.append(event)
            others -= 1
    return listed


def _event(event: Event, fills: int, asked: Asked) -> WhyNotResponse.Event:
    return WhyNotResponse.Event(
        event_id=event.event_id,
        name=event.name,
        occurred_at=timestamp(at_milliseconds(event.ms)),
        matches=[step for step in range(1, asked.course.last + 1) if event.is_step(step)],
        fills=fills,
        excludes=[one + 1 for one in range(len(asked.course.exclusions)) if event.is_excluded(one)],
        distinct_id=event.distinct_id,
    )
