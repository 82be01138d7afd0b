from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidArgument, RangeMissing
from core.sql import Sql
from pug.insights.v1.insights_pb2 import ExplainRequest, Meta, QueryRequest
from services.insights.service import InsightsService
from services.rpc.call import Call
from story import Happening, Store, event

JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
AWKWARD: JSON = {"property": "a`b\\", "op": "OP_IS_NOT", "values": ["'; DROP TABLE events --", "\\x", "\n", 3, True]}
TRENDS: Mapping[str, JSON] = {
    "one series": {"series": [{"event": {"name": "it's \\ a\tname"}}]},
    "awkward filters": {
        "series": [
            {
                "event": {"filters": [{"property": "p", "op": "OP_NOT_BETWEEN", "values": [-1.5, 1e300]}]},
                "metric": {"kind": "KIND_P90", "property": "n"},
            },
            {"event": {"filters": [AWKWARD, {"property": "t", "op": "OP_IS_NOT_SET"}]}},
        ]
    },
    "cells": {
        "series": [{"metric": {"kind": "KIND_TOTAL"}}, {"metric": {"kind": "KIND_PERSONS"}}],
        "breakdowns": [{"property": "a`b\\"}],
        "breakdownLimit": 1,
    },
}


def query(trends: JSON) -> QueryRequest:
    return ParseDict({"insight": {"trends": trends}, "preset": "PRESET_LAST_30_DAYS", "timeZone": "Asia/Kolkata"}, QueryRequest())


@pytest.mark.parametrize("case", TRENDS)
async def test_console_sql_returns_the_rows_of_the_query(store: Store, insights: InsightsService, call: Call, case: str) -> None:
    odd: Mapping[str, object] = {"a`b\\": "x", "n": 2.5}
    await store.tell(event("it's \\ a\tname", n=1), Happening("b", "bob", NOW, properties=odd), Happening("b", "cid", NOW))

    explained = await insights.explain(ExplainRequest(query=query(TRENDS[case])), call)

    pasted = await store.clickhouse.query(Sql((explained.console_sql,)))
    answered = await insights.query(query(TRENDS[case]), call)
    assert sum(float(str(row[3])) for row in pasted.rows) == sum(sum(one.values) for one in answered.trends.series) > 0


async def test_comparison_and_formulas_are_explained_as_one_piece_of_sql(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(Happening("a", "ann", NOW), Happening("a", "ann", NOW - timedelta(days=30)), Happening("a", "bob", NOW))
    series: list[JSON] = [{"metric": {"kind": f"KIND_{kind}"}} for kind in ("TOTAL", "ACTIVE_30D", "PERSONS")]
    asked = query({"series": series, "formulas": [{"expression": "A / B"}], "breakdowns": [{"property": "p"}]})
    asked.compare.SetInParent()

    explained = await insights.explain(ExplainRequest(query=asked), call)

    pasted = await store.clickhouse.query(Sql((explained.console_sql,)))
    assert {bool(row[4]) for row in pasted.rows} == {False, True}
    assert explained.rows_to_read > 0


async def test_explanation_lists_the_values_that_are_bound_into_the_sql(store: Store, insights: InsightsService, call: Call) -> None:
    explained = await insights.explain(ExplainRequest(query=query(TRENDS["one series"])), call)

    values = {value.name: (value.type, value.value) for value in explained.values}
    assert ("String", "it's \\\\ a\\tname") in values.values()
    assert ("UInt64", str(store.project_id)) in values.values()
    assert all(f"{{{name}:{type_}}}" in explained.sql for name, (type_, _) in values.items())
    assert explained.source == Meta.TABLE_RAW


async def test_explanation_expects_to_read_the_rows_of_the_project(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(*(event("a") for _ in range(20)))

    explained = await insights.explain(ExplainRequest(query=query({"series": [{"event": {"name": "a"}}]})), call)

    assert explained.rows_to_read >= 20


async def test_question_that_cannot_be_asked_cannot_be_explained(insights: InsightsService, call: Call) -> None:
    with pytest.raises(RangeMissing) as raised:
        await insights.explain(ExplainRequest(), call)

    assert raised.value.field == "query.timeRange"


@pytest.mark.parametrize(("property_", "pattern", "field"), [("", "a", "property"), ("p", "(", "values[0]")])
async def test_explanations_errors_name_the_field_of_its_own_request(
    insights: InsightsService, call: Call, property_: str, pattern: str, field: str
) -> None:
    bad: JSON = {"property": property_, "op": "OP_MATCHES", "values": [pattern]}

    with pytest.raises(InvalidArgument) as raised:
        await insights.explain(ExplainRequest(query=query({"series": [{"event": {"filters": [bad]}}]})), call)

    assert raised.value.field == f"query.insight.trends.series[0].event.filters[0].{field}"
