"""Stories about who is who, on the real engines: what is said of people counts for everything they ever did."""

import asyncio
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import select

from app.backends import Backends
from core.errors import (
    AlreadyIdentified,
    AlreadyOnePerson,
    AlreadyUnmerged,
    DistinctIdInvalid,
    InvalidArgument,
    MissingField,
    PersonNotFound,
    PugError,
    RowsUnreadable,
    TieNotFound,
    TraitInvalid,
)
from core.person_ids import person_id
from pug.profiles.v1 import profiles_pb2 as pb
from services.accounts.tables import audit_entries, projects
from services.rpc.call import Account, Call, Credential, Project, Scope
from story import event

from .conftest import ANY_EVENT, ANYTHING, KEY, Town

LONG = "ü" * 200
SQL = "'; DROP TABLE events; --"


async def test_who_lands_anonymously_and_then_signs_in_is_one_person(town: Town) -> None:
    await town.store.tell(event("landed", "anon-1"), event("bought", "ann"))
    before = await town.persons()

    await town.identify("anon-1", "ann")

    assert (before, await town.persons()) == (2, 1)


async def test_identifying_before_any_event_and_again_and_late_comes_to_the_same(town: Town) -> None:
    await town.identify("anon-1", "ann")
    await town.store.tell(event("landed", "anon-1"))
    await town.identify("anon-1", "ann")
    await town.store.tell(event("bought", "ann"), event("landed", "anon-2"))
    answer = await town.identify("anon-2", "ann")
    again = await town.identify("anon-2", "ann")

    assert await town.persons() == 1
    assert answer == again


async def test_two_devices_of_one_person_are_one_and_a_device_two_share_is_not_stolen(town: Town) -> None:
    await town.store.tell(event("e", "phone"), event("e", "laptop"), event("e", "ann"), event("e", "bob"))
    await town.identify("phone", "ann")
    await town.identify("laptop", "ann")

    with pytest.raises(AlreadyIdentified) as error:
        await town.identify("laptop", "bob", name="Bob")

    assert error.value.field == "distinctId"
    assert await town.persons() == 2
    assert list((await town.person(distinct_id="laptop")).distinct_ids) == ["ann", "phone", "laptop"]


async def test_chains_are_one_person_and_taking_one_tie_back_gives_back_the_numbers(town: Town) -> None:
    await town.store.tell(*(event("e", one) for one in "abcd"))
    await town.merge("a", "b")
    middle = await town.merge("b", "c")
    await town.merge("c", "d")
    chained = await town.persons()

    await town.unmerge(middle)

    assert (chained, await town.persons()) == (1, 2)
    assert sorted((await town.person(distinct_id="a")).distinct_ids) == ["a", "b"]
    assert sorted((await town.person(distinct_id="c")).distinct_ids) == ["c", "d"]


async def test_an_answer_can_be_had_again_as_of_the_identity_it_was_given_by(town: Town) -> None:
    await town.store.tell(event("e", "a", plan="x"), event("e", "b"), event("e", "c"))
    await town.merge("a", "b")
    first = (await town.ask(ANYTHING)).meta.identity_version
    tie = await town.merge("c", "b")
    second = (await town.ask(ANYTHING)).meta.identity_version
    await town.unmerge(tie)

    assert [await town.persons(as_of=version) for version in (first, second, 0)] == [2, 1, 2]
    with pytest.raises(InvalidArgument) as error:
        await town.persons(as_of=second + 2)
    assert error.value.field == "asOfIdentity"


async def test_traits_filter_and_split_the_events_of_all_ids_of_a_person(town: Town) -> None:
    await town.store.tell(event("e", "anon"), event("e", "ann"), event("e", "bob"), event("e", "cy"), event("e", "dee"))
    await town.identify("anon", "ann", plan="pro", seats=3)
    await town.set_traits("bob", set={"plan": "free"})
    await town.set_traits("cy", set={"plan": ""})
    trait = {"property": "plan", "source": "SOURCE_PERSON"}

    split = await town.ask({"insight": {"trends": {**ANY_EVENT, "breakdowns": [trait]}}, "granularity": "GRANULARITY_MONTH"})

    assert {(one.cell.values[0].value, one.cell.values[0].absent): one.values[0] for one in split.trends.series} == {
        ("pro", False): 2,
        ("free", False): 1,
        ("", False): 1,
        ("", True): 1,
    }
    assert await town.persons(filters=[{**trait, "values": ["pro"]}]) == 1
    assert await town.persons(filters=[{**trait, "op": "OP_IS_NOT", "values": ["pro"]}]) == 3
    assert await town.persons(filters=[{**trait, "op": "OP_IS_NOT_SET"}]) == 1
    assert await town.persons(filters=[{"property": "seats", "source": "SOURCE_PERSON", "op": "OP_GTE", "values": [3]}]) == 1


async def test_traits_are_set_once_unset_and_counted_up(town: Town) -> None:
    await town.set_traits("ann", set={"plan": "free", "tags": ["a", {"b": None}]}, setOnce={"first": "ad", "plan": "pro"})
    await town.set_traits("ann", setOnce={"first": "search"}, increment={"visits": 2, "spent": 1.5})
    answer = await town.set_traits("ann", unset=["plan"], increment={"visits": -1})

    assert MessageToDict(answer.traits) == {"tags": ["a", {"b": None}], "first": "ad", "visits": 1, "spent": 1.5}
    with pytest.raises(TraitInvalid):
        await town.set_traits("ann", increment={"first": 1})


async def test_a_sum_too_large_for_a_number_is_refused_and_what_was_stays(town: Town) -> None:
    await town.set_traits("ann", increment={"visits": 1.7e308})

    with pytest.raises(TraitInvalid) as error:
        await town.set_traits("ann", increment={"visits": 1.7e308})

    assert error.value.field == "increment.visits"
    assert (await town.person(distinct_id="ann")).traits["visits"] == 1.7e308


async def test_the_traits_of_who_stays_win_and_each_has_their_own_again_afterwards(town: Town) -> None:
    await town.set_traits("a", set={"plan": "pro", "name": "A", "gone": 1})
    await town.set_traits("b", set={"plan": "free"})
    tie = await town.merge("a", "b")
    merged = MessageToDict((await town.person(distinct_id="a")).traits)
    await town.set_traits("a", set={"later": True}, unset=["gone"])
    both = MessageToDict((await town.person(distinct_id="a")).traits)

    await town.unmerge(tie)

    assert merged == {"plan": "free", "name": "A", "gone": 1}
    assert both == {"plan": "free", "name": "A", "later": True}
    assert MessageToDict((await town.person(distinct_id="a")).traits) == {"plan": "pro", "name": "A", "gone": 1}
    assert MessageToDict((await town.person(distinct_id="b")).traits) == {"plan": "free", "later": True}


async def test_a_person_is_found_by_every_name_and_an_anonymous_one_too(town: Town) -> None:
    await town.store.tell(
        event("page_view", "anon", "2026-03-01T10:00:00Z", "s1", **{"$browser": "Firefox"}),
        event("bought", "ann", "2026-03-02T10:00:00Z", "s2", **{"$os": "Linux"}),
        event("page_view", "stranger"),
    )
    await town.identify("anon", "ann", plan="pro")

    person = await town.person(external_id="ann")

    assert person == await town.person(distinct_id="anon") == await town.person(person_id=person_id("anon"))
    assert (person.id, person.external_id, person.traits["plan"]) == (person_id("ann"), "ann", "pro")
    activity = person.activity
    assert (activity.events, activity.sessions, activity.page_views) == (2, 2, 1)
    assert (activity.first_seen.ToDatetime().day, activity.last_seen.ToDatetime().day) == (1, 2)
    assert dict(activity.latest) == {"$browser": "Firefox", "$os": "Linux"}
    stranger = await town.person(person_id=person_id("stranger"))
    assert (stranger.external_id, list(stranger.distinct_ids), stranger.activity.events) == ("", ["stranger"], 1)
    for by in ({"distinct_id": "nobody"}, {"external_id": "stranger"}, {"person_id": "0" * 16}, {"person_id": "x"}):
        with pytest.raises(PersonNotFound) as error:
            await town.person(**by)
        assert error.value.field in {"personId", "distinctId", "externalId"}


async def test_ids_of_any_kind_are_just_ids(town: Town) -> None:
    await town.store.tell(event("e", LONG), event("e", SQL), event("e", "ann\\n'"))
    await town.identify(LONG, SQL, **{"o'brien": "x\\y"})
    await town.merge("ann\\n'", SQL)

    assert await town.persons() == 1
    assert await town.persons(filters=[{"property": "o'brien", "source": "SOURCE_PERSON", "values": ["x\\y"]}]) == 1


@pytest.mark.parametrize("bad", ["", "Guest", " null ", "0", "a" * 201, "a\0b", "cookieless-x"])
async def test_ids_that_are_nobodys_are_refused(town: Town, bad: str) -> None:
    for call in (town.identify(bad, "ann"), town.identify("anon", bad), town.merge("a", bad), town.set_traits(bad, set={"a": 1})):
        with pytest.raises((DistinctIdInvalid, MissingField)):
            await call


async def test_ties_that_cannot_be_are_refused_and_change_nothing(town: Town) -> None:
    await town.store.tell(event("e", "a"), event("e", "b"))
    tie = await town.merge("a", "b")
    refused: list[type[PugError]] = []
    for act in (
        lambda: town.merge("a", "a"),
        lambda: town.merge("b", "a"),
        lambda: town.merge("a", "b"),
        lambda: town.unmerge(str(uuid.uuid4())),
        lambda: town.unmerge("no uuid"),
    ):
        with pytest.raises(PugError) as error:
            await act()
        refused.append(type(error.value))
    await town.unmerge(tie)
    with pytest.raises(AlreadyUnmerged):
        await town.unmerge(tie)

    assert refused == [AlreadyOnePerson, AlreadyOnePerson, AlreadyOnePerson, TieNotFound, TieNotFound]
    assert await town.persons() == 2


async def test_two_identified_persons_are_merged_by_hand_and_parted_again(town: Town) -> None:
    await town.store.tell(event("e", "ann"), event("e", "anna"), event("e", "anon"))
    await town.identify("anon", "anna")
    await town.identify("x", "ann")
    tie = await town.merge("anna", "ann")
    person = await town.person(distinct_id="anon")

    assert (await town.persons(), person.external_id) == (1, "ann")
    await town.unmerge(tie)
    assert await town.persons() == 2
    assert (await town.person(distinct_id="anon")).external_id == "anna"


async def test_ties_are_listed_newest_first_in_pages(town: Town) -> None:
    ties = [await town.merge(str(place), str(place + 1)) for place in range(100, 105)]
    await town.unmerge(ties[2])

    first = await town.service.list_merges(pb.ListMergesRequest(page_size=3), town.call)
    rest = await town.service.list_merges(pb.ListMergesRequest(page_size=3, page_token=first.next_page_token), town.call)

    assert [tie.id for tie in [*first.merges, *rest.merges]] == ties[::-1]
    assert [tie.HasField("unmerged_at") for tie in [*first.merges, *rest.merges]] == [False, False, True, False, False]
    assert rest.next_page_token == ""


async def test_a_storm_on_one_id_ends_in_one_person(town: Town) -> None:
    await town.store.tell(*(event("e", f"anon-{place}") for place in range(100)))

    await asyncio.gather(*(town.identify(f"anon-{place % 100}", "ann", name="Ann") for place in range(300)))

    assert await town.persons() == 1
    assert len((await town.person(external_id="ann")).distinct_ids) == 101


async def test_another_projects_people_are_nobody_here(town: Town) -> None:
    tie = await town.merge("a", "b")
    elsewhere = Call(Credential("key", Project(town.call.project.id + 100_000, "UTC"), frozenset(Scope)), "request")

    with pytest.raises(PersonNotFound):
        await town.service.get_person(pb.GetPersonRequest(distinct_id="a"), elsewhere)
    assert not (await town.service.list_merges(pb.ListMergesRequest(), elsewhere)).merges
    await town.unmerge(tie)


async def test_what_was_told_twice_counts_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.store.tell(event("e", "a"), event("e", "b"))
    await town.merge("a", "b")
    await town.set_traits("b", set={"plan": "pro"})

    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("workers.people.AsyncEngine.begin", killed)
        with pytest.raises(KilledError):
            await town.worker.tell()

    assert await town.persons() == 1
    assert await town.persons(filters=[{"property": "plan", "source": "SOURCE_PERSON", "values": ["pro"]}]) == 1


ODD: list[dict[str, object]] = [
    {".": 1},
    {"a.": 1, ".a": 2, "a..b": 3, "a": {"b": 4}, "a.b": 5},
    {"`": 1, "\\": "\\", "'": '"', "\n": "\t", "ü": "😀", " ": ""},
    {"$x": [1, "a", True, None, {"b": [1]}], "y": [], "z": {}},
    {"big": 1e308, "small": -1e-300, "long": 9007199254740992, "time": "2026-01-01T00:00:00Z"},
    {"a" * 200: "b" * 8_000},
    {f"k{place}": place for place in range(255)},
    {"a": {"b": {"c": {"d": 1}}}},
    {"x": "1", "n": None},
]


async def test_the_log_says_who_made_and_took_back_which_tie_and_names_nobody(town: Town, backends: Backends) -> None:
    await town.identify("phone", "ann")
    ada = Account(uuid.uuid4(), "ada@team.example", uuid.uuid4())
    by_ada = replace(town.call, credential=replace(town.call.credential, key_id=str(ada.id), account=ada), request_id="hers")
    town_of_ada = replace(town, call=by_ada)

    first, second = await asyncio.gather(town.merge("ann", "bob"), town_of_ada.merge("cid", "dan"))
    with pytest.raises(AlreadyOnePerson):
        await town.merge("ann", "bob")
    await town_of_ada.unmerge(first)
    with pytest.raises(AlreadyUnmerged):
        await town.unmerge(first)
    identified = (await town.service.list_merges(pb.ListMergesRequest(), town.call)).merges[-1]
    await town.unmerge(identified.id)

    made, ended = ({"kind": {"before": None, "after": "merge"}}, {"kind": {"before": "merge", "after": None}})
    assert await logged(backends, town) == [
        (f"key:{KEY}", "Merge", "tie", first, made, "request"),
        ("ada@team.example", "Merge", "tie", second, made, "hers"),
        ("ada@team.example", "Unmerge", "tie", first, ended, "hers"),
        (f"key:{KEY}", "Unmerge", "tie", identified.id, {"kind": {"before": "identify", "after": None}}, "request"),
    ]


async def test_in_a_project_that_is_being_deleted_people_are_merged_without_a_log(town: Town, backends: Backends) -> None:
    async with backends.postgres.begin() as connection:
        await connection.execute(projects.update().where(projects.c.id == town.call.project.id).values(org_id=None))

    await town.merge("ann", "bob")

    assert list((await town.person(distinct_id="ann")).distinct_ids) == ["bob", "ann"]
    assert await logged(backends, town) == []


async def logged(backends: Backends, town: Town) -> list[tuple[object, ...]]:
    """The org's log of people, oldest first."""
    entry = audit_entries.c
    query = select(entry.actor, entry.action, entry.object_kind, entry.object_id, entry.changes, entry.request_id)
    async with backends.postgres.connect() as connection:
        found = await connection.execute(
            query.where(entry.project_id == town.call.project.id, entry.object_kind == "tie").order_by(entry.id)
        )
        return [tuple(row) for row in found]


@pytest.mark.parametrize("place", range(len(ODD)))
async def test_odd_traits_reach_clickhouse_and_come_back_as_they_were(town: Town, place: int) -> None:
    await town.store.tell(event("e", "ann"))
    await town.set_traits("ann", set={**ODD[place], "mark": "here"})

    assert await town.persons(filters=[{"property": "mark", "source": "SOURCE_PERSON", "values": ["here"]}]) == 1
    assert MessageToDict((await town.person(distinct_id="ann")).traits) == {
        **{key: value for key, value in ODD[place].items() if value is not None},
        "mark": "here",
    }


async def test_traits_that_clickhouse_cannot_read_keep_nobody_elses_from_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.store.tell(event("e", "ann"), event("e", "bob"))
    await town.set_traits("ann", set={"plan": "pro"})
    await town.set_traits("bob", set={"plan": "pro"})
    insert = town.store.clickhouse.insert_bytes

    async def refusing(table: str, columns: Sequence[str], data: bytes, input_format: str, settings: Mapping[str, object]) -> None:
        if b'"ann"' in data and b"pro" in data:
            raise RowsUnreadable("no")
        await insert(table, columns, data, input_format, settings)

    monkeypatch.setattr(town.store.clickhouse, "insert_bytes", refusing)

    assert await town.persons(filters=[{"property": "plan", "source": "SOURCE_PERSON", "values": ["pro"]}]) == 1


@pytest.mark.parametrize(
    ("x", "path"), [(math.nan, "x"), (math.inf, "x"), (-math.inf, "x"), ([1, {"y": math.nan}], "x[1].y"), ({"y": [math.inf]}, "x.y[0]")]
)
async def test_a_trait_that_is_no_finite_number_is_refused_with_its_path(town: Town, x: object, path: str) -> None:
    traits = struct(x)

    for field, attempt in {
        "set": town.service.set_traits(pb.SetTraitsRequest(distinct_id="ann", set=traits), town.call),
        "setOnce": town.service.set_traits(pb.SetTraitsRequest(distinct_id="ann", set_once=traits), town.call),
        "traits": town.service.identify(pb.IdentifyRequest(distinct_id="phone", external_id="ann", traits=traits), town.call),
    }.items():
        with pytest.raises(TraitInvalid) as error:
            await attempt
        assert error.value.field == f"{field}.{path}"
    with pytest.raises(PersonNotFound):
        await town.person(distinct_id="ann")


def struct(x: object) -> Struct:
    """Of one key, read as JSON is."""
    return Parse(json.dumps({"x": x}), Struct())


@pytest.mark.parametrize(
    "bad",
    [
        {"set": {"a" * 201: 1}},
        {"set": {"a\0": 1}},
        {"set": {"a": "b\0"}},
        {"set": {"a": "b" * 8_193}},
        {"set": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}},
        {"set": {f"k{place}": 1 for place in range(257)}},
        {"set": {f"k{place}": "x" * 8_000 for place in range(9)}},
        {"increment": {"a": "NaN"}},
        {},
    ],
)
async def test_traits_that_cannot_be_are_refused_with_the_field(town: Town, bad: dict[str, object]) -> None:
    with pytest.raises((TraitInvalid, MissingField)) as error:
        await town.set_traits("ann", **bad)

    assert error.value.field.startswith(("set", "increment"))
    with pytest.raises(PersonNotFound):
        await town.person(distinct_id="ann")
