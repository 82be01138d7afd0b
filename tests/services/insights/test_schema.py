import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict

from core.clickhouse import ClickHouse, Rows
from core.sql import Sql
from pug.insights.v1.insights_pb2 import GetSchemaRequest, ListPropertyValuesRequest
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.rpc.call import Call, Project
from story import Store, event, next_project


async def test_schema_lists_event_names_by_frequency_and_when_each_was_last_seen(
    store: Store, insights: InsightsService, call: Call
) -> None:
    await store.tell(event("b", at="2026-03-02T00:00:00Z"), event("a"), event("a", at="2026-03-05T00:00:00Z"))
    await store.tell(event("a"), event("c"))

    schema = await insights.get_schema(GetSchemaRequest(), call)

    assert [(one.name, one.count) for one in schema.events] == [("a", 3), ("b", 1), ("c", 1)]
    assert schema.events[0].last_seen.ToDatetime(UTC) == datetime(2026, 3, 5, tzinfo=UTC)


async def test_schema_lists_property_keys_with_their_types_most_frequent_first(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(*(event("a", plan=value, n=1) for value in ("x", "y", 3, True, ["x"], "z", 4.5, None)), event("a", deep={"er": 1}))

    schema = await insights.get_schema(GetSchemaRequest(), call)

    assert [(one.key, one.count) for one in schema.properties] == [("n", 8), ("plan", 7), ("deep.er", 1)]
    assert [MessageToDict(one) for one in schema.properties[1].types] == [
        {"name": "string", "count": "3"},
        {"name": "number", "count": "2"},
        {"name": "boolean", "count": "1"},
        {"name": "list", "count": "1"},
    ]


async def test_properties_may_be_those_of_one_event(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(event("a", x=1, y=1), event("b", y=1))

    schema = await insights.get_schema(GetSchemaRequest(event_name="b"), call)

    assert [(one.key, one.count) for one in schema.properties] == [("y", 1)]
    assert len(schema.events) == 2


async def test_schema_of_another_project_is_not_shown(store: Store, insights: InsightsService, call: Call) -> None:
    await Store(store.clickhouse, next_project()).tell(event("theirs", secret=1))

    schema = await insights.get_schema(GetSchemaRequest(), call)

    assert not schema.events
    assert not schema.properties


async def test_the_most_frequent_thousand_of_each_are_listed_and_that_there_are_more(
    store: Store, insights: InsightsService, call: Call
) -> None:
    keys = {f"key{number:04}": 1 for number in range(1_000)}
    await store.tell(*(event(f"event{number:04}") for number in range(1_001)), replace(event("event0005"), properties=keys))
    await store.know(1, traits={"ann": {f"trait{number:04}": 1 for number in range(1_001)}})

    schema = await insights.get_schema(GetSchemaRequest(), call)
    found = await insights.get_schema(GetSchemaRequest(search="1000"), call)

    assert [len(schema.events), len(schema.properties), len(schema.traits)] == [1_000, 1_000, 1_000]
    assert (schema.more_events, schema.more_properties, schema.more_traits) == (True, False, True)
    assert [one.name for one in schema.events][:2] == ["event0005", "event0000"]
    assert [one.name for one in found.events] == ["event1000"]
    assert not found.more_events


async def test_look_ups_of_a_project_wait_for_each_other_and_for_no_query_and_those_of_another_do_not(
    monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse, insights: InsightsService, call: Call
) -> None:
    queries = Turns(AtOnce(queries=1, project_queries=1, project_waiting=0))
    monkeypatch.setattr(insights, "_turns", queries)
    other = replace(call, credential=replace(call.credential, project=Project(next_project(), "UTC")))
    asking: Counter[int] = Counter()
    together: list[Counter[int]] = []
    query = clickhouse.query

    async def watched(one: Sql) -> Rows:
        project = call.project.id if f"project_id = {call.project.id} " in one.for_console() else other.project.id
        asking[project] += 1
        together.append(+asking)
        try:
            return await query(one)
        finally:
            asking[project] -= 1

    monkeypatch.setattr(clickhouse, "query", watched)
    values = ListPropertyValuesRequest(property="plan")

    async with queries.turn(call):
        mine = (*(insights.get_schema(GetSchemaRequest(), call) for _ in range(4)), insights.list_property_values(values, call))
        await asyncio.gather(*mine, insights.get_schema(GetSchemaRequest(), other))

    assert max(one[call.project.id] for one in together) == 1
    assert any(len(one) == 2 for one in together)
