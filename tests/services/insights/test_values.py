"""Which names and values there are to choose from, on the real engines."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from app.backends import Backends
from core.errors import InvalidArgument, PropertyMissing, TooLong
from pug.insights.v1.insights_pb2 import GetSchemaRequest, ListPropertyValuesRequest
from services.insights.service import InsightsService
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED
from services.rpc.call import Call
from story import Happening, Store, event
from workers.people import PeopleWorker
from workers.store import COLUMNS, FORMAT, SETTINGS

ADDED = sorted({*CLIENT_OR_DERIVED, *DERIVED} - {"$locale"})


@pytest.fixture
def values(insights: InsightsService, call: Call) -> "Values":
    return Values(insights, call)


class Values:
    def __init__(self, insights: InsightsService, call: Call) -> None:
        self.insights = insights
        self.call = call

    async def of(self, key: str, **more: object) -> dict[str, int]:
        """The values with their counts, in order."""
        request = ParseDict({"property": key, **more}, ListPropertyValuesRequest())
        found = await self.insights.list_property_values(request, self.call)
        return {one.value: one.count for one in found.values}


async def test_values_are_listed_by_frequency_as_text_and_with_when_each_was_last_seen(
    store: Store, values: Values, insights: InsightsService, call: Call
) -> None:
    await store.tell(*(event("a", v=value) for value in ("x", 3, 3.0, True, "", 1.5, ["x"], None, "it's")))
    await store.tell(event("a", v="x", at="2026-03-05T00:00:00Z"), event("b", v="x"))

    assert await values.of("v") == {"x": 3, "3": 2, "": 1, "1.5": 1, "it's": 1, "true": 1}
    found = await insights.list_property_values(ListPropertyValuesRequest(property="v", limit=1), call)
    assert [(one.value, one.last_seen.ToDatetime(UTC)) for one in found.values] == [("x", datetime(2026, 3, 5, tzinfo=UTC))]


async def test_values_may_be_those_of_one_event_and_of_a_path(store: Store, values: Values) -> None:
    await store.tell(event("a", address={"city": "Oslo"}), event("b", address={"city": "Rome"}), event("b", address="Home"))

    assert await values.of("address.city") == {"Oslo": 1, "Rome": 1}
    assert await values.of("address.city", eventName="b") == {"Rome": 1}
    assert await values.of("address") == {"Home": 1}


async def test_values_are_searched_ignoring_case(store: Store, values: Values) -> None:
    await store.tell(*(event("a", plan=plan) for plan in ("Pro", "PRO plus", "free", "Ünder", "100%_")))

    assert await values.of("plan", search="pro") == {"PRO plus": 1, "Pro": 1}
    assert await values.of("plan", search="üN") == {"Ünder": 1}
    assert await values.of("plan", search="%_") == {"100%_": 1}


async def test_values_pug_adds_are_listed_and_where_the_client_sent_its_own_that(store: Store, values: Values) -> None:
    await store.tell(
        Happening("a", "ann", datetime(2026, 3, 1, tzinfo=UTC), context={"$os": "iOS", "$country": "DE"}),
        Happening("a", "ann", datetime(2026, 3, 1, tzinfo=UTC), context={"$os": "iOS"}, properties={"$os": "Plan 9"}),
    )

    assert await values.of("$os") == {"Plan 9": 1, "iOS": 1}
    assert await values.of("$country") == {"DE": 1}


@pytest.mark.parametrize("key", ADDED)
async def test_each_added_value_is_listed_under_its_own_key(store: Store, values: Values, key: str) -> None:
    columns = ("project_id", "name", key[1:], "properties")

    await store.clickhouse.insert_bytes("events", columns, f'[{store.project_id}, "a", "7", {{}}]'.encode(), FORMAT, {})

    assert await values.of(key) == {"7": 1}


async def test_long_texts_are_left_out(store: Store, values: Values) -> None:
    await store.tell(event("a", v="ü" * 200), event("a", v="ü" * 201))

    assert await values.of("v") == {"ü" * 200: 1}


async def test_what_tells_every_event_of_a_block_apart_is_nothing_to_choose(store: Store, values: Values) -> None:
    await store.tell(*(event("a", order=str(number), kind=number % 2) for number in range(101)), event("a", order="7"))
    await store.tell(event("b", order="alone"))

    assert await values.of("order") == {"7": 2, "alone": 1}
    assert await values.of("kind") == {"0": 51, "1": 50}


async def test_of_an_event_sent_often_one_in_thirty_two_is_looked_at_and_counts_for_them(store: Store, values: Values) -> None:
    await store.tell(*(event("often", day="first") for _ in range(9_999)))
    # Which side of the 10,000 this block is on depends on which table it reaches first.
    await store.tell(*(event("often", day="between") for _ in range(2)))

    await store.tell(*(event("often", day="second") for _ in range(10_000)), *(event("rare", day="second") for _ in range(5)))

    assert await values.of("day", eventName="rare") == {"second": 5}
    found = await values.of("day", eventName="often")
    assert found["first"] == 9_999
    # Ten standard deviations of 10,000 throws at 1 in 32, each counting for 32.
    assert abs(found["second"] - 10_000) < 10 * 32 * (10_000 / 32) ** 0.5


async def test_others_values_are_not_listed(store: Store, values: Values) -> None:
    await Store(store.clickhouse, store.project_id + 1_000_000).tell(event("a", plan="theirs"))

    assert await values.of("plan") == {}


async def test_a_block_that_comes_again_counts_no_value_twice(store: Store, values: Values) -> None:
    row = json.dumps([str(uuid.uuid4()), store.project_id, "a", "ann", "", 1, 1, {"plan": "pro"}, ""]).encode()
    once = {**SETTINGS, "insert_deduplication_token": f"values-{store.project_id}"}

    for _ in range(2):
        await store.clickhouse.insert_bytes("events_in", COLUMNS, row, FORMAT, once)

    assert await values.of("plan") == {"pro": 1}


async def test_values_of_a_trait_count_persons_as_they_are(backends: Backends, store: Store, values: Values) -> None:
    insert = PeopleWorker(backends.postgres, backends.clickhouse)._insert  # pyright: ignore[reportPrivateUsage] (as it writes)
    traits: Mapping[str, Mapping[str, object]] = {
        "ann": {"plan": "pro"},
        "bob": {"plan": "free"},
        "cid": {"plan": "pro", "n": 3},
        "dan": {},
    }
    rows = [[store.project_id, one, 1, of] for one, of in traits.items()]
    changed = [[store.project_id, "bob", 2, {"plan": "pro"}], [store.project_id, "eve", 4, {"plan": "not told yet"}]]
    await insert("person_traits", ("project_id", "root", "version", "traits"), [*rows, *changed])
    await insert("person_ties", ("project_id", "distinct_id", "root", "version"), [[store.project_id, "cid", "ann", 3]])
    await insert("identity_versions", ("project_id", "version"), [[store.project_id, 3]])

    assert await values.of("plan", source="SOURCE_PERSON") == {"pro": 2}
    assert await values.of("plan", source="SOURCE_PERSON", search="R") == {"pro": 2}
    assert await values.of("n", source="SOURCE_PERSON") == {}


@pytest.mark.parametrize(
    ("request_", "error", "field"),
    [
        ({}, PropertyMissing, "property"),
        ({"property": "x" * 201}, TooLong, "property"),
        ({"property": "x", "source": 9}, InvalidArgument, "source"),
        ({"property": "x", "limit": 1001}, InvalidArgument, "limit"),
        ({"property": "x", "limit": -1}, InvalidArgument, "limit"),
        ({"property": "x", "search": "y" * 201}, TooLong, "search"),
        ({"property": "x", "source": "SOURCE_PERSON", "eventName": "e"}, InvalidArgument, "eventName"),
    ],
)
async def test_what_cannot_be_listed_is_refused_with_the_field(
    insights: InsightsService, call: Call, request_: Mapping[str, object], error: type[InvalidArgument], field: str
) -> None:
    with pytest.raises(error) as raised:
        await insights.list_property_values(ParseDict(dict(request_), ListPropertyValuesRequest()), call)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


async def test_schema_is_searched_ignoring_case(store: Store, insights: InsightsService, call: Call) -> None:
    await store.tell(event("Signed_Up", plan="x", airplane=1), event("design", price=1), event("purchase"))

    found = await insights.get_schema(GetSchemaRequest(search="SIGN"), call)
    keys = await insights.get_schema(GetSchemaRequest(search="Plan", event_name="Signed_Up"), call)

    assert [one.name for one in found.events] == ["Signed_Up", "design"]
    assert not found.properties
    assert [one.key for one in keys.properties] == ["airplane", "plan"]
    with pytest.raises(TooLong):
        await insights.get_schema(GetSchemaRequest(search="x" * 201), call)
