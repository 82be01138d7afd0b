"""What Pug adds to events, read through insights: the client's own value wins, and a key only Pug sets is read from its column alone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict

from pug.insights.v1.insights_pb2 import GetSchemaRequest, QueryResponse
from pug.insights.v1.trends_pb2 import TrendsResult
from services.capture.rules import SERVER_OWNED
from services.insights.properties import Added, SentOrAdded, event_property
from services.insights.service import InsightsService
from services.insights.vocabulary import DERIVED
from services.rpc.call import Call
from story import Happening, Store

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]

ANY: Mapping[str, object] = {}
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
CLIENT: Mapping[str, object] = {
    "$browser": "Safari",
    "$browser_version": "17",
    "$os": "iOS",
    "$os_version": "17.4",
    "$device": "iPhone",
    "$mobile": True,
    "$country": "DE",
    "$region": 'Say "Z" [ü]',
    "$city": "Köln: {a}",
    "$continent": "EU",
    "$postal_code": "50667",
    "$latitude": 50.94,
    "$longitude": -6.96,
    "$timezone": "Europe/Berlin",
    "$bot": True,
    "$bot_name": "Googlebot",
}


def seen(context: Mapping[str, object], **properties: object) -> Happening:
    return Happening("seen", "ann", AT, properties=properties, context=context)


async def trends(ask: Ask, spec: Mapping[str, object]) -> Sequence[TrendsResult.Series]:
    day = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    return (await ask({"insight": {"trends": spec}, "timeRange": day, "granularity": "GRANULARITY_DAY"})).trends.series


async def cells(ask: Ask, key: str) -> list[tuple[str | None, float]]:
    """The values of a property, the most frequent first, each with how many events have it."""
    found = await trends(ask, {"series": [ANY], "breakdowns": [{"property": key}]})
    labels = [(one.cell.values[0], one.values) for one in found]
    return [(None if label.absent else label.value, sum(values)) for label, values in labels]


async def count(ask: Ask, key: str, operator: str, *values: object) -> float:
    """How many events pass a filter."""
    spec: Mapping[str, object] = {"property": key, "op": operator, "values": list(values)}
    return sum((await trends(ask, {"series": [{"event": {"filters": [spec]}}]}))[0].values)


async def test_the_clients_own_value_wins_and_an_empty_one_too(store: Store, ask: Ask) -> None:
    own: Sequence[object] = ("Lynx", "", 3, True)
    await store.tell(seen(CLIENT), seen(CLIENT), seen({}), *(seen(CLIENT, **{"$browser": value}) for value in own))

    found = await cells(ask, "$browser")

    assert found == [("Safari", 2), ("", 1), ("3", 1), ("Lynx", 1), ("true", 1), (None, 1)]


@pytest.mark.parametrize("key", CLIENT)
async def test_what_the_request_says_is_read_as_if_it_had_been_sent(store: Store, ask: Ask, key: str) -> None:
    value = CLIENT[key]
    await store.tell(seen(CLIENT), seen({}), seen({**CLIENT, key: None}))

    found = await cells(ask, key)

    assert found == [(None, 2), (str(value).lower() if isinstance(value, bool) else str(value), 1)]
    assert await count(ask, key, "OP_IS", value) == 1
    assert await count(ask, key, "OP_IS_NOT", value) == 2
    assert await count(ask, key, "OP_IS_SET") == 1
    assert await count(ask, key, "OP_IS_NOT_SET") == 2


async def test_every_operator_reads_what_was_added(store: Store, ask: Ask) -> None:
    await store.tell(seen({"$browser_version": "126", "$latitude": 52.5}), seen({}, **{"$browser_version": 99}))

    assert await count(ask, "$browser_version", "OP_GT", 100) == 1
    assert await count(ask, "$browser_version", "OP_BETWEEN", 90, 130) == 2
    assert await count(ask, "$browser_version", "OP_CONTAINS", "26") == 1
    assert await count(ask, "$browser_version", "OP_STARTS_WITH", "9", "1") == 2
    assert await count(ask, "$browser_version", "OP_MATCHES", "^12.$") == 1
    assert await count(ask, "$latitude", "OP_LT", 52.6) == 1
    assert await count(ask, "$browser_version", "OP_BEFORE", "2026-01-01T00:00:00Z") == 0


async def test_a_time_is_read_from_either(store: Store, ask: Ask) -> None:
    await store.tell(
        seen({}, **{"$url": "https://a.example/?utm_campaign=2026-03-01"}),
        seen({}, **{"$utm_campaign": "2026-02-01"}),
        seen({}, **{"$url": "https://a.example/?utm_term=2026-03-01"}),
    )

    assert await count(ask, "$utm_campaign", "OP_AFTER", "2026-02-15") == 1
    assert await count(ask, "$utm_campaign", "OP_BEFORE", "2026-04-01") == 2


async def test_a_metric_is_calculated_from_either(store: Store, ask: Ask) -> None:
    await store.tell(seen({"$browser_version": "126"}), seen({}, **{"$browser_version": 4}), seen({"$browser_version": "x"}))

    found = await trends(ask, {"series": [{"metric": {"kind": "KIND_SUM", "property": "$browser_version"}}]})

    assert list(found[0].values) == [130]


async def test_what_a_client_says_of_a_key_that_only_pug_sets_is_not_read(store: Store, ask: Ask) -> None:
    # Capture drops it; a row that has it all the same changes nothing.
    await store.tell(seen({}, **{"$country": "XX", "$channel": "Direct"}), seen({"$country": "DE"}, **{"$country": "XX"}))

    assert await cells(ask, "$country") == [("DE", 1), (None, 1)]
    assert await cells(ask, "$channel") == [(None, 2)]


async def test_a_locale_is_read_in_its_normal_form(store: Store, ask: Ask) -> None:
    await store.tell(*(seen({}, **{"$locale": sent}) for sent in ("de_de", "de-DE", " ", "EN")))

    assert await cells(ask, "$locale") == [("de-DE", 2), ("en", 1), (None, 1)]


async def test_channel_is_asked_for_like_any_property(store: Store, ask: Ask) -> None:
    page = "https://shop.example/"
    await store.tell(
        seen({}, **{"$url": page + "?gclid=a"}),
        seen({}, **{"$url": page, "$referrer": "https://chatgpt.com/"}),
        seen({}, **{"$url": page}),
        seen({}),
    )

    assert await cells(ask, "$channel") == [("AI Assistants", 1), ("Direct", 1), ("Paid Search", 1), (None, 1)]
    assert await count(ask, "$channel", "OP_IS", "Direct", "Paid Search") == 2


@pytest.mark.parametrize("context", ["nonsense", "{", '{"$browser":', "[]", '{"$browser": {"a": "b"}}', '"\\ud800"'])
async def test_a_context_that_cannot_be_read_adds_nothing_and_stops_nothing(store: Store, ask: Ask, context: str) -> None:
    await store.tell_raw(context, seen({}))

    assert await cells(ask, "$browser") == [(None, 1)]


async def test_schema_counts_what_was_added_with_what_was_sent(store: Store, insights: InsightsService, call: Call) -> None:
    web = {"$url": "https://a.example/?utm_source=b", "$referrer": "https://c.example/", "$screen_width": 1, "$screen_height": 2}
    await store.tell(seen(CLIENT, **web), seen(CLIENT, **{"$browser": 5}), seen({}))
    await store.tell(seen(CLIENT))

    schema = await insights.get_schema(GetSchemaRequest(event_name="seen"), call)

    found = {one.key: (one.count, [MessageToDict(kind) for kind in one.types]) for one in schema.properties}
    assert found["$browser"] == (3, [{"name": "string", "count": "2"}, {"name": "number", "count": "1"}])
    assert found["$latitude"] == (3, [{"name": "number", "count": "3"}])
    assert found["$bot"] == (3, [{"name": "boolean", "count": "3"}])
    assert found["$channel"] == (1, [{"name": "string", "count": "1"}])
    assert set(found) == {*CLIENT, *web, "$hostname", "$pathname", "$utm_source", "$referrer_domain", "$channel", "$screen_size"}


def test_every_key_the_server_sets_has_a_column_but_the_address_which_is_stored_nowhere() -> None:
    assert SERVER_OWNED - {"$ip"} == DERIVED.keys() - {"$locale"}
    assert isinstance(event_property("$country", 0, "x"), Added)
    assert isinstance(event_property("$browser", 0, "x"), SentOrAdded)
