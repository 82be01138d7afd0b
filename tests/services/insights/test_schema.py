from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict

from pug.insights.v1.insights_pb2 import GetSchemaRequest
from services.insights.service import InsightsService
from services.rpc.call import Call
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
