"""Who is behind a number, page by page, on the real engines."""

import base64
from collections.abc import Mapping

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from app.backends import Backends
from core.errors import InvalidArgument, MissingField, OfAnotherKind, PageTokenInvalid, PugError
from core.person_ids import person_id
from core.sql import sql
from pug.insights.v1.insights_pb2 import ListPersonsRequest, ListPersonsResponse
from services.insights.drill_down import page_query
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project
from story import Store, event
from workers.people import PeopleWorker

JSON = Mapping[str, object]
QUERY: JSON = {
    "insight": {"trends": {"series": [{"event": {"name": "e"}, "metric": {"kind": "KIND_PERSONS"}}]}},
    "timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"},
}
OF_A: JSON = {"series": "A"}


@pytest.fixture
def persons(insights: InsightsService, call: Call) -> "Persons":
    return Persons(insights, call)


class Persons:
    def __init__(self, insights: InsightsService, call: Call) -> None:
        self.insights = insights
        self.call = call

    async def page(self, of: JSON = OF_A, query: JSON = QUERY, **more: object) -> ListPersonsResponse:
        request: dict[str, object] = {"query": dict(query), "trends": dict(of), **more}
        return await self.insights.list_persons(ParseDict(request, ListPersonsRequest()), self.call)

    async def ids(self, size: int) -> list[str]:
        """The distinct ids of all pages."""
        found: list[str] = []
        token = ""
        while True:
            page = await self.page(pageSize=size, pageToken=token)
            assert page.total == 7
            assert len(page.persons) <= size
            found += [one.distinct_id for one in page.persons]
            token = page.next_page_token
            if not token:
                return found


async def test_persons_of_a_point_are_those_it_counts(store: Store, persons: Persons) -> None:
    await store.tell(event("e", "ann"), event("e", "ann"), event("e", "bob", at="2026-03-02T00:00:00Z"), event("other", "cid"))

    whole = await persons.page()
    second = await persons.page({"series": "A", "bucket": "2026-03-02T00:00:00Z"})

    assert {(one.id, one.distinct_id) for one in whole.persons} == {(person_id("ann"), "ann"), (person_id("bob"), "bob")}
    assert [one.id for one in whole.persons] == sorted(one.id for one in whole.persons)
    assert ([one.distinct_id for one in second.persons], second.total, second.next_page_token) == (["bob"], 1, "")
    assert MessageToDict(whole.meta)["completeUntil"] == "2026-03-10T11:59:58Z"


async def test_number_with_nobody_behind_it_lists_nobody(persons: Persons) -> None:
    page = await persons.page()

    assert (list(page.persons), page.total, page.next_page_token) == ([], 0, "")


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
async def test_pages_of_any_size_list_everybody_once(store: Store, persons: Persons, size: int) -> None:
    await store.tell(*(event("e", f"person {number}") for number in range(7)))

    listed = await persons.ids(size)

    assert sorted(listed) == [f"person {number}" for number in range(7)]


async def test_who_comes_in_between_shifts_no_page(store: Store, persons: Persons) -> None:
    await store.tell(*(event("e", f"person {number}") for number in range(7)))
    first = await persons.page(pageSize=3)

    await store.tell(*(event("e", f"new {number}") for number in range(20)))
    rest = await persons.page(pageSize=1000, pageToken=first.next_page_token)

    assert not {one.id for one in first.persons} & {one.id for one in rest.persons}
    assert {f"person {number}" for number in range(7)} <= {one.distinct_id for one in [*first.persons, *rest.persons]}


async def tell_people(backends: Backends, project: int, version: int, ties: Mapping[str, str], traits: Mapping[str, JSON]) -> None:
    worker = PeopleWorker(backends.postgres, backends.clickhouse)
    insert = worker._insert  # pyright: ignore[reportPrivateUsage] (what the worker writes, without PostgreSQL)
    await insert("person_ties", ("project_id", "distinct_id", "root", "version"), [[project, *tie, version] for tie in ties.items()])
    await insert("person_traits", ("project_id", "root", "version", "traits"), [[project, one, version, of] for one, of in traits.items()])
    await insert("identity_versions", ("project_id", "version"), [[project, version]])


async def test_tied_ids_are_one_person_called_by_the_root_with_its_traits(backends: Backends, store: Store, persons: Persons) -> None:
    await store.tell(event("e", "phone"), event("e", "laptop"), event("e", "cid"))
    traits: JSON = {"plan": "pro", "age": 30, "address": {"city": "Oslo"}, "tags": ["a", 1], "vip": True}
    await tell_people(backends, store.project_id, 1, {"phone": "ann", "laptop": "ann"}, {"ann": traits})

    page = await persons.page()

    listed = {one.distinct_id: MessageToDict(one.traits) for one in page.persons}
    assert listed == {"ann": traits, "cid": {}}
    assert page.total == 2
    assert {one.id for one in page.persons} == {person_id("ann"), person_id("cid")}


async def test_later_pages_are_answered_as_of_the_identity_of_the_first(backends: Backends, store: Store, persons: Persons) -> None:
    await store.tell(event("e", "ann"), event("e", "bob"), event("e", "cid"))
    await tell_people(backends, store.project_id, 1, {}, {"ann": {"plan": "free"}, "bob": {"plan": "free"}, "cid": {"plan": "free"}})
    first = await persons.page(pageSize=1)

    await tell_people(backends, store.project_id, 2, {"ann": "bob", "cid": "bob"}, {"bob": {"plan": "pro"}})
    rest = await persons.page(pageToken=first.next_page_token)

    assert (rest.total, rest.meta.identity_version) == (3, 1)
    assert {one.distinct_id for one in [*first.persons, *rest.persons]} == {"ann", "bob", "cid"}
    assert {str(one.traits["plan"]) for one in [*first.persons, *rest.persons]} == {"free"}
    assert (await persons.page()).total == 1


async def test_token_is_refused_for_another_question_another_project_and_when_it_is_none(
    store: Store, persons: Persons, insights: InsightsService
) -> None:
    await store.tell(event("e", "ann"), event("e", "bob"))
    token = (await persons.page(pageSize=1)).next_page_token
    cut = base64.urlsafe_b64encode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:-1]).decode().rstrip("=")
    elsewhere = Persons(insights, Call(Credential("key", Project(7, "UTC"), frozenset()), "request"))

    other: JSON = {**QUERY, "timeZone": "Asia/Tokyo"}
    attempts = [
        persons.page(query=other, pageToken=token),
        persons.page({"series": "A", "bucket": "2026-03-01T00:00:00Z"}, pageToken=token),
        elsewhere.page(pageToken=token),
        *(persons.page(pageToken=wrong) for wrong in (cut, token + "A", "!", "é", "A" * 10_000, token[1:] + "A")),
    ]

    for attempt in attempts:
        with pytest.raises(PageTokenInvalid) as raised:
            await attempt
        assert raised.value.field == "pageToken"
    assert (await persons.page(pageSize=5, pageToken=token)).total == 2


NO_PROPERTY: JSON = {"event": {"filters": [dict[str, object]()]}}
NO_KIND: JSON = {"query": QUERY}
FUNNEL: JSON = {"query": QUERY, "funnel": {"step": 1}}
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "of nothing": (NO_KIND, MissingField, "trends"),
    "of another kind": (FUNNEL, OfAnotherKind, "funnel"),
    "no query": ({"trends": OF_A}, InvalidArgument, "query.timeRange"),
    "a bad query": (
        {"query": {**QUERY, "insight": {"trends": {"series": [NO_PROPERTY]}}}, "trends": OF_A},
        InvalidArgument,
        "query.insight.trends.series[0].event.filters[0].property",
    ),
    "no such series": ({"query": QUERY, "trends": {"series": "B"}}, InvalidArgument, "trends.series"),
    "too large a page": ({"query": QUERY, "trends": OF_A, "pageSize": 1001}, InvalidArgument, "pageSize"),
    "a negative page": ({"query": QUERY, "trends": OF_A, "pageSize": -1}, InvalidArgument, "pageSize"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_listed_is_refused_with_the_field(insights: InsightsService, call: Call, case: str) -> None:
    request, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await insights.list_persons(ParseDict(dict(request), ListPersonsRequest()), call)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


def test_page_is_made_of_one_pass_over_the_persons() -> None:
    written, _ = page_query(sql("SELECT 1 AS person"), 7, 101).render()

    assert "count() AS total, groupArraySortedIf({rows_1:UInt64})(person, person > {after_2:UInt64})" in written
    assert written.count("SELECT 1 AS person") == 1
