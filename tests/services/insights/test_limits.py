"""What a query may be made of and what it may use, and that all of it at once is answered."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import ParseDict

from core.clickhouse import ClickHouse, Rows
from core.errors import PugError, QueryTooComplex, QueryTooExpensive, TooMany
from core.sql import Sql, all_of, join, sql
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import GetSchemaRequest, QueryRequest, QueryResponse
from services.insights.limits import QueryLimits, limited
from services.insights.service import InsightsService
from services.rpc.call import Call
from story import Store, event

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
NOW = datetime(2026, 3, 10, tzinfo=UTC)
NOTHING: JSON = {}
RANGE: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}


def trend(filters: list[JSON], breakdowns: list[JSON]) -> JSON:
    return {"insight": {"trends": {"series": [{"event": {"filters": filters}}], "breakdowns": breakdowns}}, "timeRange": RANGE}


def key(number: int, levels: int = 1) -> str:
    return ".".join(["\N{SLIGHTLY SMILING FACE}" * 197 + f"{number:03}"] * levels)


async def never() -> Watermark:
    """GetSchema says nothing of freshness."""
    raise AssertionError


async def test_limits_are_in_the_sql_and_the_callers_patience_is_one() -> None:
    limits = QueryLimits(timedelta(seconds=30), 1000)

    patient = limited(sql("SELECT 1"), limits, None).for_console()
    hurried = limited(sql("SELECT 1"), limits, 2.5).for_console()

    assert patient == "SELECT 1\nSETTINGS max_execution_time = 30.0, max_memory_usage = 1000"
    assert hurried == "SELECT 1\nSETTINGS max_execution_time = 2.5, max_memory_usage = 1000"


async def test_schema_is_asked_under_the_limits_of_a_query(store: Store, call: Call) -> None:
    await store.tell(event("a", plan="x"))
    poor = InsightsService(store.clickhouse, never, lambda: NOW, QueryLimits(timedelta(seconds=30), 1))

    with pytest.raises(QueryTooExpensive):
        await poor.get_schema(GetSchemaRequest(), call)


@pytest.mark.parametrize("levels", [1, 5])
async def test_ninety_filters_and_five_breakdowns_by_the_longest_keys_are_answered(store: Store, ask: Ask, levels: int) -> None:
    await store.tell(event("a", x=1), event("a"))
    filters: list[JSON] = [{"property": key(number, levels), "op": "OP_NOT_BETWEEN", "values": [1, 2]} for number in range(90)]
    breakdowns: list[JSON] = [{"property": key(number, levels)} for number in range(5)]

    response = await ask(trend(filters, breakdowns))

    assert [list(one.values) for one in response.trends.series] == [[2]]


async def test_cells_of_the_longest_values_are_answered_unless_they_are_too_many(store: Store, ask: Ask) -> None:
    await store.tell(*(event("a", **{f"p{place}": f"{number:03}" + "x" * 8_000 for place in range(5)}) for number in range(100)))
    breakdowns: list[JSON] = [{"property": f"p{place}"} for place in range(5)]
    of = {"event": {"name": "a"}}

    def question(series: int) -> JSON:
        return {
            "insight": {"trends": {"series": [of] * series, "breakdowns": breakdowns, "breakdownLimit": 100}},
            "timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-05T00:00:00Z"},
        }

    once = await ask(question(1))
    with pytest.raises(TooMany) as raised:
        await ask(question(2))

    assert {len(value.value) for line in once.trends.series for value in line.cell.values} == {8_003}
    assert len(once.trends.series) == 100
    assert raised.value.field == "insight.trends.breakdownLimit"


@pytest.mark.parametrize(
    "query",
    [
        sql("SELECT {nots}1", nots=join("", [sql("NOT ")] * 3_000)),
        sql("SELECT {open}1", open=join("", [sql("(")] * 3_000)),
        sql("SELECT {all}", all=all_of([sql("number = 1")] * 30_000)),
        sql("SELECT '{long}'", long=Sql(("x" * 2**25,))),
    ],
    ids=["nots", "parentheses", "conditions", "characters"],
)
async def test_query_that_clickhouse_will_not_read_is_too_complex(clickhouse: ClickHouse, query: Sql) -> None:
    with pytest.raises(QueryTooComplex) as raised:
        await clickhouse.query(query)

    assert raised.value.hint


async def test_sql_of_ours_that_is_wrong_is_not_the_callers_fault(clickhouse: ClickHouse) -> None:
    with pytest.raises(PugError) as raised:
        await clickhouse.query(sql("SELEKT 1"))

    assert not isinstance(raised.value, QueryTooComplex)


async def test_thirty_thousand_groups_are_refused_without_asking_or_planning_anything(
    monkeypatch: pytest.MonkeyPatch, insights: InsightsService, call: Call
) -> None:
    monkeypatch.setattr("services.insights.engine.scope_of", None)
    request = ParseDict({"insight": {"filters": {"groups": [{}] * 30_000}}}, QueryRequest())

    with pytest.raises(TooMany):
        await insights.query(request, call)


async def test_all_patterns_are_checked_in_one_query(monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse, ask: Ask) -> None:
    asked: list[str] = []
    query = clickhouse.query

    async def listed(one: Sql) -> Rows:
        asked.append(one.for_console())
        return await query(one)

    monkeypatch.setattr(clickhouse, "query", listed)
    filters: list[JSON] = [
        {"property": "p", "op": "OP_MATCHES", "values": [f"{place}{number}" for number in range(20)]} for place in range(5)
    ]

    await ask(trend(filters, []))

    assert [one[:42] for one in asked if one.startswith("SELECT match(")] == ["SELECT match('', '00'), match('', '01'), m"]


@pytest.mark.parametrize(("compared", "most"), [({}, 8), ({"compare": {}}, 4)])
async def test_an_answer_of_more_numbers_than_anybody_reads_is_refused_before_it_is_asked(ask: Ask, compared: JSON, most: int) -> None:
    def wide(series: int) -> JSON:
        trends: JSON = {"series": [NOTHING] * series, "breakdowns": [{"property": "plan"}], "breakdownLimit": 100}
        fortnight = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-15T00:00:00Z"}
        return {"insight": {"trends": trends}, "timeRange": fortnight, "granularity": "GRANULARITY_HOUR", **compared}

    with pytest.raises(TooMany) as refused:
        await ask(wide(most + 1))

    assert refused.value.field == "insight.trends.breakdownLimit"
    assert (await ask(wide(most))).HasField("trends")
