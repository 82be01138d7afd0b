"""What a process tells of the questions it answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from google.protobuf.json_format import ParseDict
from structlog.testing import capture_logs

from core.clickhouse import ClickHouse
from core.errors import QueryTooExpensive, TooManyQueries
from core.instruments import Instruments
from core.stream import Watermark
from core.telemetry import rpc_method
from core.tracing import current
from measured import Measured
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from services.insights.limits import QueryLimits
from services.insights.result_cache import ResultCache
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.insights.watch import QueryWatch
from services.rpc.call import Call
from story import Store, event
from tests.services.insights.conftest import NOW

SECRET = "ann@example.com"
LIMITS = QueryLimits(timedelta(seconds=30), 2**30)
SETTLED = Watermark(NOW, stored_through=1)


def asked(name: str = SECRET, **more: object) -> QueryRequest:
    series: list[Mapping[str, Any]] = [{"event": {"name": name, "filters": [{"property": "email", "op": "OP_IS_NOT", "values": [SECRET]}]}}]
    return ParseDict({"insight": {"trends": {"series": series}}, "preset": "PRESET_LAST_30_DAYS", **more}, QueryRequest())


def watched(
    clickhouse: ClickHouse,
    instruments: Instruments,
    slow_after: timedelta = timedelta(hours=1),
    limits: QueryLimits = LIMITS,
    at_once: AtOnce | None = None,
) -> InsightsService:
    async def watermark() -> Watermark:
        return SETTLED

    return InsightsService(
        clickhouse, watermark, lambda: NOW, limits, Turns(at_once or AtOnce()), ResultCache(), QueryWatch(instruments, slow_after)
    )


async def test_answers_are_counted_by_kind_and_by_where_they_came_from(store: Store, call: Call) -> None:
    measured = Measured()
    insights = watched(store.clickhouse, measured.untraced)
    await store.tell(event("a"), event("a"))
    by_rollup = ParseDict(
        {"insight": {"topK": {"dimension": "DIMENSION_PROPERTY", "property": "$browser"}}, "preset": "PRESET_LAST_30_DAYS"}, QueryRequest()
    )

    await insights.query(asked("a"), call)
    await insights.query(asked("a"), call)
    await insights.query(by_rollup, call)
    await insights.list_persons(ParseDict({"trends": {"series": "A"}}, ListPersonsRequest(query=asked("a"))), call)

    found = measured.points()
    assert {labels: count for (name, labels), count in found.items() if name == "pug.query"} == {
        (("kind", "trends"), ("source", "events")): 1,
        (("kind", "trends"), ("source", "kept")): 1,
        (("kind", "top_k"), ("source", "rollup")): 1,
        (("kind", "persons"), ("source", "events")): 1,
    }
    assert measured.value("pug.query.cache", outcome="hit") == 1
    assert measured.value("pug.query.cache", outcome="miss") == 2
    assert found["pug.query.rows.read", (("source", "events"),)] >= 2
    assert found["pug.query.turn", ()] == 3
    assert (found["pug.query.running", ()], found["pug.query.waiting", ()], found["pug.query.slow", ()]) == (0, 0, 0)
    assert measured.pulse.queries.per_second() > 0


async def test_same_question_of_two_at_once_is_run_once(store: Store, call: Call) -> None:
    measured = Measured()
    insights = watched(store.clickhouse, measured.untraced)

    await asyncio.gather(insights.query(asked(), call), insights.query(asked(), call))

    outcomes = {outcome: measured.value("pug.query.cache", outcome=outcome) or 0 for outcome in ("miss", "joined", "hit")}
    assert (outcomes["miss"], outcomes["joined"] + outcomes["hit"]) == (1, 1)


@pytest.mark.parametrize(
    ("limits", "at_once", "timeout_s", "reason"),
    [
        (QueryLimits(timedelta(microseconds=1), 2**30), AtOnce(), None, "TIMEOUT"),
        (LIMITS, AtOnce(), 0, "TIMEOUT"),
        (LIMITS, AtOnce(queries=0, project_waiting=0), None, "TOO_MANY_QUERIES"),
        (QueryLimits(timedelta(seconds=30), 1), AtOnce(), None, "QUERY_TOO_EXPENSIVE"),
    ],
)
async def test_what_got_no_answer_is_counted_by_reason(
    *, store: Store, call: Call, limits: QueryLimits, at_once: AtOnce, timeout_s: float | None, reason: str
) -> None:
    measured = Measured()
    await store.tell(*(event("a", str(number)) for number in range(2000)))
    insights = watched(store.clickhouse, measured.untraced, limits=limits, at_once=at_once)

    with pytest.raises((QueryTooExpensive, TooManyQueries)):
        await insights.query(asked("a"), replace(call, timeout_s=timeout_s))

    assert measured.value("pug.query.failed", reason=reason) == 1
    assert not any(name == "pug.query" for name, _ in measured.points())


async def test_a_slow_query_is_told_with_what_caused_it_and_nobodys_data(store: Store, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger that an earlier test has used is bound already and would not be captured.
    monkeypatch.setattr("services.insights.watch.log", structlog.get_logger())
    measured = Measured()
    insights = watched(store.clickhouse, measured.instruments, slow_after=timedelta())
    await store.tell(event(SECRET), event(SECRET, "bob"))
    rpc_method.set("DashboardsService/RenderDashboard")

    with capture_logs() as logs, current(measured.tracer.start_span("call")) as span:
        await insights.query(asked(), call)
    trace = f"{span.get_span_context().trace_id:032x}"

    (line,) = [line for line in logs if line["event"] == "slow_query"]
    (kept,) = measured.pulse.slow.slowest()
    outline = "trends{series[{event{name filters[{property=email op=OP_IS_NOT values(1)}]}}]} preset=PRESET_LAST_30_DAYS"
    assert (line["project"], line["kind"], line["outline"], line["source"]) == (store.project_id, "trends", outline, "events")
    assert (line["rpc"], line["rows_read"] >= 2, line["error"]) == ("DashboardsService/RenderDashboard", True, "")
    assert (kept.outline, kept.trace_id, kept.rows_read) == (outline, trace, line["rows_read"])
    assert SECRET not in f"{line} {kept}"
    assert measured.value("pug.query.slow") == 1


async def test_a_slow_query_that_fails_is_told_too(store: Store, call: Call) -> None:
    measured = Measured()
    await store.tell(*(event("a", str(number)) for number in range(2000)))
    insights = watched(store.clickhouse, measured.untraced, timedelta(), QueryLimits(timedelta(microseconds=1), 2**30))

    with pytest.raises(QueryTooExpensive):
        await insights.query(asked(), call)

    assert [each.error for each in measured.pulse.slow.slowest()] == ["TIMEOUT"]


async def test_a_question_is_traced_from_its_plan_to_its_shape(store: Store, call: Call) -> None:
    measured = Measured()
    clickhouse = store.clickhouse.apart(2, measured.tracer)
    insights = watched(clickhouse, measured.instruments, slow_after=timedelta())

    with current(measured.tracer.start_span("call")) as span:
        await insights.query(asked(), call)
    await clickhouse.close()

    (query,) = measured.spans("query")
    assert query.parent
    assert query.context
    assert query.parent.span_id == span.get_span_context().span_id
    assert dict(query.attributes or {}) == {"pug.kind": "trends", "pug.source": "events", "pug.cache": "miss"}
    parts = {each.name for each in measured.exporter.get_finished_spans() if each.parent and each.parent.span_id == query.context.span_id}
    assert parts == {"plan", "turn", "clickhouse", "shape"}
    statements = {str((each.attributes or {})["pug.statement"]) for each in measured.spans("clickhouse")}
    assert len(statements) == len(measured.spans("clickhouse"))
    # By which a line of the log leads to its span.
    assert {each.statement for each in measured.pulse.slow.slowest()} < statements
    assert SECRET not in " ".join(each.to_json() for each in measured.exporter.get_finished_spans())
