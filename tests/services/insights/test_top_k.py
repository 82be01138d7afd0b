"""Stories about top K, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping

import pytest
from google.protobuf.json_format import MessageToDict

from core.errors import FilterInvalid, InvalidArgument, PropertyMissing, PugError, TooLong
from core.person_ids import person_id
from pug.insights.v1.insights_pb2 import QueryResponse
from story import Store, event, next_project

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
Behind = Callable[..., Awaitable[list[str]]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def top(metric: str = "TOTAL", number: str = "", insight: JSON | None = None, **spec: object) -> JSON:
    return {
        "insight": {"topK": {"metric": {"kind": f"KIND_{metric}", "property": number}, **spec}, **(insight or {})},
        "timeRange": THREE_DAYS,
    }


def of_property(key: str = "plan", metric: str = "TOTAL", number: str = "", insight: JSON | None = None, **spec: object) -> JSON:
    return top(metric, number, insight, dimension="DIMENSION_PROPERTY", property=key, **spec)


def of_persons(metric: str = "TOTAL", number: str = "", insight: JSON | None = None, **spec: object) -> JSON:
    return top(metric, number, insight, dimension="DIMENSION_PERSON", **spec)


async def rows(ask: Ask, query: JSON) -> list[tuple[str, float]]:
    """The rows in their order, each with its value in quotes, or what else it is."""
    found = (await ask(query)).top_k.rows
    return [("others" if row.others else "absent" if row.absent else repr(row.value), row.metric) for row in found]


async def test_event_names_are_ranked_by_how_often_they_came(store: Store, ask: Ask) -> None:
    await store.tell(event("a"), event("b"), event("b"), event("c"), event("c"), event("c"), event("c", at="2026-03-04T00:00:00Z"))

    assert await rows(ask, top()) == [("'c'", 3), ("'b'", 2), ("'a'", 1)]
    assert await rows(ask, {"insight": {"topK": {}}, "timeRange": THREE_DAYS}) == await rows(ask, top())


async def test_what_lies_beyond_the_limit_is_a_row_of_others_and_comes_last(store: Store, ask: Ask) -> None:
    await store.tell(*(event(name) for name in "aaabbcdef"))

    assert await rows(ask, top(limit=2)) == [("'a'", 3), ("'b'", 2), ("others", 4)]
    assert await rows(ask, top(limit=2, omitOthers=True)) == [("'a'", 3), ("'b'", 2)]


async def test_there_are_ten_rows_unless_the_query_says_how_many(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", n=number) for number in range(1001)))

    assert len(await rows(ask, of_property("n"))) == 11
    assert len(await rows(ask, of_property("n", limit=1000))) == 1001
    assert len(await rows(ask, of_property("n", limit=1000, omitOthers=True))) == 1000


async def test_rows_of_equal_size_go_by_value_and_the_absent_one_last(store: Store, ask: Ask) -> None:
    await store.tell(event("e"), *(event("e", plan=plan) for plan in ("b", "", "B", "10", 9)))

    assert [value for value, _ in await rows(ask, of_property())] == ["''", "'10'", "'9'", "'B'", "'b'", "absent"]


async def test_absent_is_a_row_apart_from_the_empty_string_and_others_from_a_value_that_reads_so(store: Store, ask: Ask) -> None:
    await store.tell(event("e"), event("e", plan=None), event("e", plan=""), *[event("e", plan="others")] * 3, event("e", plan="x"))

    assert await rows(ask, of_property(limit=3)) == [("'others'", 3), ("absent", 2), ("''", 1), ("others", 1)]
    assert await rows(ask, of_property(limit=1)) == [("'others'", 3), ("others", 4)]


async def test_person_of_several_rest_rows_is_one_of_the_others(store: Store, ask: Ask) -> None:
    told = [("ann", "x"), ("ann", "y"), ("bob", "y"), ("ann", "pro"), ("bob", "pro"), ("cid", "pro")]
    await store.tell(*(event("e", who, plan=plan) for who, plan in told))

    assert await rows(ask, of_property(metric="PERSONS", limit=1)) == [("'pro'", 3), ("others", 2)]


async def test_average_and_median_of_the_others_are_those_of_their_events(store: Store, ask: Ask) -> None:
    await store.tell(event("e", plan="pro", n=100), *[event("e", plan="x", n=1)] * 3, event("e", plan="y", n=9))

    assert await rows(ask, of_property(metric="AVG", number="n", limit=1)) == [("'pro'", 100), ("others", 3)]
    assert await rows(ask, of_property(metric="MEDIAN", number="n", limit=1)) == [("'pro'", 100), ("others", 1)]


async def test_each_metric_ranks_by_itself(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", session_id="s1", plan="a", n=1),
        event("e", "ann", session_id="s1", plan="a", n=2),
        event("e", "ann", session_id="s1", plan="a", n=3),
        event("e", "bob", session_id="s2", plan="b", n=10),
        event("e", "cid", session_id="s3", plan="b", n=20),
    )

    found = {
        metric: await rows(ask, of_property(metric=metric, number="n")) for metric in ("PERSONS", "SESSIONS", "PER_PERSON", "SUM", "MIN")
    }

    assert found == {
        "PERSONS": [("'b'", 2), ("'a'", 1)],
        "SESSIONS": [("'b'", 2), ("'a'", 1)],
        "PER_PERSON": [("'a'", 3), ("'b'", 1)],
        "SUM": [("'b'", 30), ("'a'", 6)],
        "MIN": [("'b'", 10), ("'a'", 1)],
    }


async def test_only_events_of_the_scope_and_of_the_querys_filters_count(store: Store, ask: Ask) -> None:
    await store.tell(event("a", plan="pro"), event("a", plan="pro", bot=True), event("a", plan="free"), event("b", plan="pro"))
    stranger = Store(store.clickhouse, next_project())
    await stranger.tell(event("a", plan="pro"))
    pro: JSON = {"property": "plan", "values": ["pro"]}
    no_bot: JSON = {"filters": {"filters": [{"property": "bot", "op": "OP_IS_NOT", "values": [True]}]}}

    assert await rows(ask, of_property(scope={"name": "a"})) == [("'pro'", 2), ("'free'", 1)]
    assert await rows(ask, of_property(scope={"name": "a", "filters": [pro]}, insight=no_bot)) == [("'pro'", 1)]


async def test_property_that_pug_adds_and_one_inside_an_object_are_ranked_like_any(store: Store, ask: Ask) -> None:
    await store.tell(event("e", **{"$pathname": "/x"}, address={"city": "Oslo"}), event("e", **{"$url": "https://a.example/x"}))

    assert await rows(ask, of_property("$pathname")) == [("'/x'", 2)]
    assert await rows(ask, of_property("address.city")) == [("'Oslo'", 1), ("absent", 1)]


async def test_trait_is_that_of_the_person_whichever_id_the_event_came_with(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann"), event("e", "phone"), event("e", "bob"))
    await store.know(1, {"phone": "ann"}, {"ann": {"plan": "pro"}})

    assert await rows(ask, of_property(source="SOURCE_PERSON")) == [("'pro'", 2), ("absent", 1)]
    assert await rows(ask, of_property(source="SOURCE_PERSON", metric="PERSONS")) == [("'pro'", 1), ("absent", 1)]


async def test_person_comes_with_the_id_they_are_called_by_and_their_traits(store: Store, ask: Ask) -> None:
    await store.tell(*[event("e", "phone")] * 3, *[event("e", "bob")] * 2, event("e", "cid"))
    await store.know(1, {"phone": "ann"}, {"ann": {"plan": "free"}, "cid": {"plan": "edu"}})
    await store.know(2, {}, {"ann": {"plan": "pro", "seats": 3, "tags": ["a"], "address": {"city": "Oslo"}, "since": "2026-01-01"}})

    found = (await ask(of_persons())).top_k.rows

    ann: JSON = {"plan": "pro", "seats": 3, "tags": ["a"], "address": {"city": "Oslo"}, "since": "2026-01-01"}
    assert [MessageToDict(row.person) for row in found] == [
        {"id": person_id("ann"), "distinctId": "ann", "traits": ann},
        {"id": person_id("bob"), "distinctId": "bob"},
        {"id": person_id("cid"), "distinctId": "cid", "traits": {"plan": "edu"}},
    ]
    assert [(row.value, row.metric) for row in found] == [(person_id("ann"), 3), (person_id("bob"), 2), (person_id("cid"), 1)]


async def test_person_is_named_as_of_the_identity_that_was_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "phone"), event("e", "phone"), event("e", "ann"))
    await store.know(1, {}, {"ann": {"plan": "free"}})
    await store.know(2, {"phone": "ann"}, {"ann": {"plan": "pro"}})

    earlier = (await ask({**of_persons(), "asOfIdentity": 1})).top_k.rows
    latest = (await ask(of_persons())).top_k.rows

    assert [(row.person.distinct_id, MessageToDict(row.person.traits)) for row in earlier] == [("phone", {}), ("ann", {"plan": "free"})]
    assert [(row.person.distinct_id, MessageToDict(row.person.traits)) for row in latest] == [("ann", {"plan": "pro"})]


async def test_person_is_named_though_the_filters_leave_out_the_events_of_that_id(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", at="2025-01-01T00:00:00Z"), event("e", "ann", plan="pro"))
    pro: JSON = {"filters": {"filters": [{"property": "plan", "values": ["pro"]}]}}

    assert [row.person.distinct_id for row in (await ask(of_persons(insight=pro))).top_k.rows] == ["ann"]


async def test_other_persons_are_a_row_without_a_person(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann"), event("e", "ann"), event("e", "bob"), event("e", "cid"))

    found = (await ask(of_persons("PERSONS", limit=1))).top_k.rows

    first = min("ann", "bob", "cid", key=person_id)
    assert [(row.person.distinct_id, row.others, row.metric) for row in found] == [(first, False, 1), ("", True, 2)]
    assert not found[1].HasField("person")


async def test_cookieless_visitors_are_no_persons_but_their_events_count(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", plan="pro"), event("e", "cookieless-x", plan="pro"), event("e", "cookieless-y", plan="free"))
    all_of_them: JSON = {"includeCookieless": True}

    assert await rows(ask, of_property()) == [("'pro'", 2), ("'free'", 1)]
    assert await rows(ask, of_property(metric="PERSONS")) == [("'pro'", 1)]
    assert await rows(ask, of_property(metric="PERSONS", insight=all_of_them)) == [("'pro'", 2), ("'free'", 1)]
    assert [row.person.distinct_id for row in (await ask(of_persons())).top_k.rows] == ["ann"]
    named = [row.person.distinct_id for row in (await ask(of_persons(insight=all_of_them))).top_k.rows]
    assert sorted(named) == ["ann", "cookieless-x", "cookieless-y"]


async def test_nothing_is_ranked_where_nothing_happened(ask: Ask) -> None:
    assert [await rows(ask, query) for query in (top(), of_property(), of_persons(), top(omitOthers=True))] == [[], [], [], []]


async def test_persons_behind_a_row_are_those_of_its_events(store: Store, ask: Ask, behind: Behind) -> None:
    told = [("ann", "pro"), ("phone", "pro"), ("bob", "pro"), ("bob", "x"), ("cid", "y"), ("cookieless-x", "pro")]
    await store.tell(*(event("e", who, plan=plan) for who, plan in told), event("e", "dan"), event("e", "eve"))
    await store.know(1, {"phone": "ann"})
    query = of_property(metric="PERSONS", limit=2)

    assert await rows(ask, query) == [("'pro'", 2), ("absent", 2), ("others", 2)]
    assert await behind(query, topK={"value": "pro"}) == sorted(map(person_id, ("ann", "bob")))
    assert await behind(query, topK={"absent": True}) == sorted(map(person_id, ("dan", "eve")))
    assert await behind(query, topK={"others": True}) == sorted(map(person_id, ("bob", "cid")))
    assert await behind(of_persons(), topK={"value": person_id("ann")}) == [person_id("ann")]
    assert await behind(top(), topK={"value": "e"}) == sorted(map(person_id, ("ann", "bob", "cid", "dan", "eve")))


OF_REFUSED: Mapping[str, tuple[JSON, JSON, str]] = {
    "others and a value": (of_property(), {"others": True, "value": "x"}, "topK.others"),
    "others and absent": (of_property(), {"others": True, "absent": True}, "topK.others"),
    "others that were left out": (of_property(omitOthers=True), {"others": True}, "topK.others"),
    "absent and a value": (of_property(), {"absent": True, "value": "x"}, "topK.value"),
    "no person's id": (of_persons(), {"value": "ann"}, "topK.value"),
}


@pytest.mark.parametrize("case", OF_REFUSED)
async def test_persons_of_a_row_there_is_not_are_refused(behind: Behind, case: str) -> None:
    query, of, field = OF_REFUSED[case]

    with pytest.raises(InvalidArgument) as raised:
        await behind(query, topK=of)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


FIELD = "insight.topK"
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "a negative limit": (top(limit=-1), InvalidArgument, f"{FIELD}.limit"),
    "a limit over 1,000": (top(limit=1001), InvalidArgument, f"{FIELD}.limit"),
    "an unknown dimension": (top(dimension=9), InvalidArgument, f"{FIELD}.dimension"),
    "no property": (of_property(""), PropertyMissing, f"{FIELD}.property"),
    "a property of 201 characters": (of_property("k" * 201), TooLong, f"{FIELD}.property"),
    "a property for names": (top(property="plan"), InvalidArgument, f"{FIELD}.property"),
    "an unknown source": (of_property(source=9), InvalidArgument, f"{FIELD}.source"),
    "an unknown metric": (
        {"insight": {"topK": {"metric": {"kind": 99}}}, "timeRange": THREE_DAYS},
        InvalidArgument,
        f"{FIELD}.metric.kind",
    ),
    "a rolling metric": (top("ACTIVE_7D"), InvalidArgument, f"{FIELD}.metric.kind"),
    "a sum of nothing": (top("SUM"), PropertyMissing, f"{FIELD}.metric.property"),
    "a filter of the scope": (top(scope={"filters": [{"property": "x"}]}), FilterInvalid, f"{FIELD}.scope.filters[0].values"),
    "a bad pattern": (
        top(scope={"filters": [{"property": "x", "op": "OP_MATCHES", "values": ["("]}]}),
        FilterInvalid,
        f"{FIELD}.scope.filters[0].values[0]",
    ),
    "an event name of 201 characters": (top(scope={"name": "n" * 201}), TooLong, f"{FIELD}.scope.name"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
