"""Who and what can be found: persons by traits, activity and search, and events, page by page."""

from collections.abc import Mapping
from copy import copy
from datetime import datetime

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from core.errors import FilterInvalid, InvalidArgument, PersonNotFound, QueryTooComplex, TooMany, TooManyQueries, TraitInvalid
from core.person_ids import person_id
from pug.insights.v1.insights_pb2 import GetSchemaRequest
from pug.profiles.v1 import profiles_pb2 as pb
from services.insights.turns import AtOnce, Turns
from story import event

from .conftest import Town


async def told(town: Town) -> Town:
    while await town.worker.tell():
        pass
    return town


async def listed(town: Town, **request: object) -> list[str]:
    """The first distinct id of each person found."""
    await told(town)
    found = await town.service.list_persons(ParseDict(dict(request), pb.ListPersonsRequest()), town.call)
    return [person.distinct_ids[0] for person in found.persons]


def activity(field: str, op: str, *values: object) -> Mapping[str, object]:
    return {"activity": [{"field": f"FIELD_{field}", "op": f"OP_{op}", "values": list(values)}]}


async def test_persons_are_listed_by_when_they_were_seen_last_and_merged_ids_are_one(town: Town) -> None:
    await town.store.tell(
        event("a", "anon", at="2026-03-03T10:00:00Z"),
        event("a", "ann", at="2026-03-01T10:00:00Z"),
        event("a", "bob", at="2026-03-02T10:00:00Z"),
        event("a", "cookieless-x", at="2026-03-03T11:00:00Z"),
    )
    await town.identify("anon", "ann")
    await town.set_traits("never-seen", set={"plan": "pro"})

    assert await listed(town) == ["ann", "bob", "never-seen"]
    (ann, *_) = (await town.service.list_persons(pb.ListPersonsRequest(), town.call)).persons
    assert ann == await town.person(distinct_id="anon")
    assert (ann.activity.events, ann.activity.last_seen.ToDatetime().day) == (2, 3)


async def test_pages_follow_each_other_without_gap_or_repetition(town: Town) -> None:
    await town.store.tell(*(event("a", f"id-{n}", at=f"2026-03-01T10:00:{n % 7:02}Z") for n in range(25)))
    for n in range(5):
        await town.set_traits(f"unseen-{n}", set={"n": n})
    everybody = await listed(town, pageSize=1000)

    seen: list[str] = []
    token, pages = "", 0
    while token or not pages:
        page = await town.service.list_persons(pb.ListPersonsRequest(page_size=7, page_token=token), town.call)
        seen += [person.distinct_ids[0] for person in page.persons]
        token, pages = page.next_page_token, pages + 1

    assert (seen, len(set(seen)), pages) == (everybody, 30, 5)
    for token in ("bm8", "W3RydWUsdHJ1ZV0"):  # the other is [true,true]
        with pytest.raises(InvalidArgument, match="page token"):
            await town.service.list_persons(pb.ListPersonsRequest(page_token=token), town.call)


async def test_persons_are_found_by_traits_of_all_their_ids(town: Town) -> None:
    await town.store.tell(*(event("a", one) for one in ("anon", "bob", "stranger")))
    await town.identify("anon", "ann", plan="pro", seats=3)
    await town.set_traits("bob", set={"plan": "free"})

    def having(**one: object) -> Mapping[str, object]:
        return {"filters": {"filters": [{"property": "plan", "source": "SOURCE_PERSON", **one}]}}

    assert await listed(town, **having(values=["pro"])) == ["ann"]
    assert await listed(town, **having(op="OP_IS_NOT", values=["pro"])) == sorted(["bob", "stranger"], key=person_id)
    assert await listed(town, **having(op="OP_IS_NOT_SET")) == ["stranger"]
    assert await listed(town, **having(property="seats", op="OP_GTE", values=[3])) == ["ann"]
    await town.set_traits("ann", unset=["plan"])
    assert await listed(town, **having(values=["pro"])) == []


async def test_persons_are_found_by_what_they_did(town: Town) -> None:
    await town.store.tell(
        event("page_view", "ann", at="2026-03-01T10:00:00Z", **{"$browser": "Firefox", "$os": "Linux"}),
        event("page_view", "ann", at="2026-03-01T12:00:00Z", **{"$browser": "Safari"}),
        event("paid", "anon", at="2026-03-02T10:00:00Z", price=10),
        event("page_view", "bob", at="2026-03-01T10:00:00Z", **{"$browser": "Firefox"}),
    )
    await town.identify("anon", "ann")

    assert await listed(town, **activity("EVENTS", "GTE", 3)) == ["ann"]
    assert await listed(town, **activity("PAGE_VIEWS", "IS", 1)) == ["bob"]
    assert await listed(town, **activity("SESSIONS", "IS", 3)) == ["ann"]
    assert await listed(town, **activity("LAST_SEEN", "BEFORE", "2026-03-02T00:00:00Z")) == ["bob"]
    assert await listed(town, **activity("BROWSER", "IS", "Firefox")) == ["bob"]
    assert await listed(town, **activity("OS", "IS_SET")) == ["ann"]
    paid = {"filters": {"filters": [{"property": "price", "op": "OP_GT", "values": [5]}]}}
    assert await listed(town, **paid) == ["ann"]
    either = {"filters": {"match": "MATCH_ANY", "filters": [*paid["filters"]["filters"], {"property": "$browser", "values": ["Firefox"]}]}}
    assert sorted(await listed(town, **either)) == ["ann", "bob"]


async def test_persons_are_found_by_a_part_of_an_id_or_of_a_trait(town: Town) -> None:
    await town.store.tell(event("a", "Device-ÄB"), event("a", "bob"), event("a", "other"))
    await town.identify("Device-ÄB", "ann", email="Ann@Example.com", boss="bob")

    assert await listed(town, search="device-äb") == ["ann"]
    assert await listed(town, search="EXAMPLE") == ["ann"]
    assert sorted(await listed(town, search="bob")) == ["ann", "bob"]
    assert await listed(town, search="%") == []
    await town.set_traits("ann", set={"boss": "eve"})
    assert await listed(town, search="bob") == ["bob"]
    assert await listed(town, search="' OR 1=1 --") == []


async def test_a_merged_person_is_found_by_either_id_and_after_unmerge_each_by_their_own(town: Town) -> None:
    await town.store.tell(event("a", "ann", at="2026-03-02T10:00:00Z"), event("b", "bob"))
    tie = await town.merge("bob", "ann")

    assert await listed(town) == await listed(town, search="bob") == ["ann"]
    await town.unmerge(tie)
    assert await listed(town) == ["ann", "bob"]
    assert await listed(town, search="bob") == ["bob"]


@pytest.mark.parametrize(
    ("request_", "error", "field"),
    [
        ({"pageSize": 1001}, InvalidArgument, "pageSize"),
        ({"search": "x" * 201}, InvalidArgument, "search"),
        ({"activity": [{"field": "FIELD_EVENTS", "op": "OP_CONTAINS", "values": ["x"]}]}, FilterInvalid, "activity[0].op"),
        ({"activity": [{"op": "OP_IS", "values": ["x"]}]}, InvalidArgument, "activity[0].field"),
        ({"activity": [{"field": "FIELD_EVENTS", "op": "OP_GT", "values": ["x"]}]}, FilterInvalid, "activity[0].values[0]"),
        ({"activity": [{"field": "FIELD_OS", "op": "OP_IS", "values": ["x"]}] * 21}, TooMany, "activity"),
        ({"filters": {"filters": [{"source": "SOURCE_PERSON", "values": ["x"]}]}}, InvalidArgument, "filters.filters[0].property"),
        (
            {"filters": {"filters": [{"property": "plan", "source": "SOURCE_SESSION", "values": ["x"]}]}},
            InvalidArgument,
            "filters.filters[0].source",
        ),
    ],
)
async def test_a_request_that_cannot_be_is_refused_by_the_field_that_is_wrong(
    town: Town, request_: Mapping[str, object], error: type[InvalidArgument], field: str
) -> None:
    with pytest.raises(error) as refused:
        await listed(town, **request_)

    assert refused.value.field == field


async def events_of(town: Town, by: str, **request: object) -> list[str]:
    await told(town)
    asked = ParseDict({"distinctId": by, **request}, pb.ListPersonEventsRequest())
    return [one.name for one in (await town.service.list_person_events(asked, town.call)).events]


async def test_a_persons_events_are_those_of_all_their_ids_newest_first(town: Town) -> None:
    await town.store.tell(
        event("landed", "anon", at="2026-03-01T10:00:00Z"),
        event("signed_up", "ann", "2026-03-01T11:00:00Z", "s1", plan="pro", address={"city": "Bonn"}, **{"$mobile": True}),
        event("paid", "bob", at="2026-03-01T12:00:00Z"),
    )
    await town.identify("anon", "ann")

    assert await events_of(town, "anon") == ["signed_up", "landed"]
    assert await events_of(town, "anon", filter={"events": [{"name": "landed"}]}) == ["landed"]
    assert await events_of(town, "anon", filter={"from": "2026-03-01T10:30:00Z"}) == ["signed_up"]
    assert await events_of(town, "anon", filter={"to": "2026-03-01T11:00:00Z"}) == ["landed"]
    assert await events_of(town, "anon", filter={"sessionId": "s1"}) == ["signed_up"]
    assert await events_of(town, "nobody") == []
    (newest, _) = (await town.service.list_person_events(pb.ListPersonEventsRequest(external_id="ann"), town.call)).events
    assert (newest.person_id, newest.distinct_id, newest.session_id) == (person_id("ann"), "ann", "s1")
    assert MessageToDict(newest.properties) == {"plan": "pro", "address": {"city": "Bonn"}, "$mobile": True}
    with pytest.raises(PersonNotFound):
        await town.service.list_person_events(pb.ListPersonEventsRequest(external_id="anon"), town.call)


async def test_all_events_are_listed_page_by_page_though_many_occurred_at_once(town: Town) -> None:
    told_events = [event("a", f"id-{n}", at=f"2026-03-01T10:00:{n % 3:02}Z", n=n) for n in range(20)]
    await town.store.tell(*told_events, event("b", "cookieless-x", at="2026-03-01T10:00:05Z"))

    names: list[tuple[datetime, str]] = []
    token, pages = "", 0
    while token or not pages:
        page = await town.service.list_events(pb.ListEventsRequest(page_size=4, page_token=token), town.call)
        names += [(one.occurred_at.ToDatetime(), one.event_id) for one in page.events]
        token, pages = page.next_page_token, pages + 1

    assert (len(names), len(set(names)), pages) == (21, 21, 6)
    assert [at for at, _ in names] == sorted((at for at, _ in names), reverse=True)
    filters = {"filter": {"filters": {"filters": [{"property": "n", "op": "OP_LT", "values": [2]}]}}}
    found = await town.service.list_events(ParseDict(filters, pb.ListEventsRequest()), town.call)
    assert [one.properties["n"] in (0, 1) for one in found.events] == [True, True]


async def test_pages_are_shorter_where_events_hold_very_many_values_and_none_is_left_out(town: Town) -> None:
    many = list(range(8_000))
    await town.store.tell(*(event("a", "someone", at=f"2026-03-01T10:00:{n:02}Z", n=n, many=many) for n in range(8)))

    pages: list[list[object]] = []
    token = ""
    while token or not pages:
        page = await town.service.list_events(pb.ListEventsRequest(page_token=token), town.call)
        pages.append([one.properties["n"] for one in page.events])
        token = page.next_page_token

    assert pages == [[7, 6, 5], [4, 3, 2], [1, 0]]


async def test_pages_are_shorter_where_persons_have_very_many_traits_and_nobody_is_left_out(town: Town) -> None:
    for n in range(15):
        await town.set_traits(f"id-{n}", set={"many": list(range(1_900))})
    await told(town)

    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = await town.service.list_persons(pb.ListPersonsRequest(page_token=token), town.call)
        pages.append([person.distinct_ids[0] for person in page.persons])
        token = page.next_page_token

    assert list(map(len, pages)) == [13, 2]
    assert {one for page in pages for one in page} == {f"id-{n}" for n in range(15)}


async def test_a_person_has_no_more_values_in_traits_than_a_list_can_show(town: Town) -> None:
    with pytest.raises(TraitInvalid):
        await town.set_traits("ann", set={"many": [[1]] * 1_000})


async def test_lists_of_people_and_events_take_their_turn_with_the_queries_of_their_project(town: Town) -> None:
    turns = Turns(AtOnce(queries=1, project_queries=1, project_waiting=0))
    crowded = copy(town.service)
    crowded._turns = turns  # pyright: ignore[reportPrivateUsage] (the same stores)

    async with turns.turn(town.call):
        with pytest.raises(TooManyQueries):
            await crowded.list_events(pb.ListEventsRequest(), town.call)
        with pytest.raises(TooManyQueries):
            await crowded.list_persons(pb.ListPersonsRequest(), town.call)
        with pytest.raises(TooManyQueries):
            await crowded.list_person_events(pb.ListPersonEventsRequest(distinct_id="a"), town.call)

    assert not (await crowded.list_events(pb.ListEventsRequest(), town.call)).events


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"filters": {"filters": [{"property": "p", "op": "OP_MATCHES", "values": ["a", r"\pL{300}"]}]}}, "filters.filters[0].values[1]"),
        ({"activity": [{"field": "FIELD_CITY", "op": "OP_NOT_MATCHES", "values": [r"\pL{300}"]}]}, "activity[0].values[0]"),
    ],
)
async def test_patterns_that_take_long_to_compile_are_refused(town: Town, request_: Mapping[str, object], field: str) -> None:
    with pytest.raises(QueryTooComplex) as refused:
        await listed(town, **request_)

    assert refused.value.field == field


async def test_who_was_identified_is_told_from_who_never_was(town: Town) -> None:
    await town.store.tell(event("a", "anon", at="2026-03-02T10:00:00Z"), event("a", "bob"), event("a", "stranger"))
    await town.identify("anon", "ann")
    await town.identify("bob", "bob")
    await town.set_traits("stranger", set={"plan": "pro"})

    assert await listed(town, known="KNOWN_IDENTIFIED") == ["ann", "bob"]
    assert await listed(town, known="KNOWN_ANONYMOUS") == ["stranger"]


async def test_the_schema_lists_the_traits_that_persons_have_now(town: Town) -> None:
    await town.identify("anon", "ann", plan="pro", seats=3)
    await town.set_traits("bob", set={"plan": True, "old": "x", "address": {"city": "Bonn"}})
    await town.set_traits("bob", unset=["old"])
    await town.set_traits("part", set={"seats": "many", "plan": "free"})
    await town.merge("part", "ann")
    await told(town)

    found = (await town.insights.get_schema(GetSchemaRequest(), town.call)).traits

    assert {one.key: {type_.name: type_.count for type_ in one.types} for one in found} == {
        "plan": {"string": 1, "boolean": 1},
        "seats": {"number": 1},
        "address.city": {"string": 1},
    }
    assert [one.key for one in (await town.insights.get_schema(GetSchemaRequest(search="CITY"), town.call)).traits] == ["address.city"]
