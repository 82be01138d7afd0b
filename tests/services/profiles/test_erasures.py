"""Asking for somebody to be erased: who that is, what holds from then on, and what is told of it."""

import asyncio
import uuid

import pytest
from sqlalchemy import update

from app.backends import Backends
from core.certificates import from_pem, name_of
from core.errors import Erased, ErasureNotFound, InvalidArgument, MissingField, PersonNotFound
from core.person_ids import person_id
from core.postgres import transaction
from pug.profiles.v1 import erasure_pb2 as pb
from pug.profiles.v1 import profiles_pb2
from services.profiles.tables import erasures
from story import event

from .conftest import NOW, Town, new_town

State = pb.Erasure


async def erase(town: Town, **by: str) -> pb.Erasure:
    return (await town.service.erase_data_subject(pb.EraseDataSubjectRequest(**by), town.call)).erasure


async def get(town: Town, erasure_id: str) -> pb.GetErasureResponse:
    return await town.service.get_erasure(pb.GetErasureRequest(id=erasure_id), town.call)


async def make(backends: Backends, erasure: pb.Erasure, **values: object) -> None:
    """Set an erasure to what a worker leaves it in."""
    async with transaction(backends.postgres) as connection:
        await connection.execute(update(erasures).where(erasures.c.id == uuid.UUID(erasure.id)).values(values))


async def test_whoever_is_asked_for_by_any_id_is_one_erasure_with_all_their_ids(town: Town) -> None:
    await town.identify("phone", "ann", name="Ann")
    await town.identify("laptop", "ann")
    person = await town.person(distinct_id="phone")

    first = await erase(town, distinct_id="laptop")
    again = [await erase(town, distinct_id="phone"), await erase(town, external_id="ann"), await erase(town, person_id=person.id)]

    assert (first.state, first.distinct_id_count, first.steps_done, first.steps) == (State.STATE_PENDING, 3, 0, 8)
    assert {one.id for one in again} == {first.id}
    assert (await get(town, first.id)).erasure == first


async def test_two_who_ask_at_once_get_one_erasure(town: Town) -> None:
    await town.identify("phone", "ann")

    asked = await asyncio.gather(*(erase(town, distinct_id=one) for one in ("phone", "ann", "phone", "ann")))

    assert len({one.id for one in asked}) == 1


async def test_somebody_merged_and_parted_again_is_not_taken_along(town: Town) -> None:
    await town.identify("a", "ann")
    await town.identify("b", "bob")
    await town.unmerge(await town.merge("ann", "bob"))

    assert (await erase(town, distinct_id="ann")).distinct_id_count == 2
    await town.set_traits("bob", set={"still": "there"})


async def test_an_id_that_only_ever_sent_events_is_found_and_a_cookieless_visitor_too(town: Town) -> None:
    await town.store.tell(event("landed", "anon"), event("landed", "cookieless-abc"))

    by_id = await erase(town, distinct_id="anon")
    visitor = await erase(town, distinct_id="cookieless-abc")
    by_person = await erase(town, person_id=person_id("anon"))

    assert by_person.id == by_id.id != visitor.id
    assert {by_id.distinct_id_count, visitor.distinct_id_count} == {1}


async def test_an_id_that_is_only_in_what_waits_to_be_stored_or_among_the_dead_is_found(town: Town, backends: Backends) -> None:
    project = town.call.project.id
    for subject, distinct_id in (("events.captured", "waits"), ("dead.events", "is dead")):
        row = f'["{uuid.uuid4()}",{project},"pressed","{distinct_id}","",1,1,{{}}]'
        await backends.jetstream.publish(subject, row.encode())

    for distinct_id in ("waits", "is dead"):
        assert (await erase(town, distinct_id=distinct_id)).state == State.STATE_PENDING

    await backends.jetstream.purge_stream("EVENTS")


@pytest.mark.parametrize("by", [{"distinct_id": "nobody"}, {"external_id": "nobody"}, {"person_id": "0" * 16}, {"person_id": "x"}])
async def test_who_was_never_heard_of_is_not_found(town: Town, by: dict[str, str]) -> None:
    with pytest.raises(PersonNotFound):
        await erase(town, **by)


@pytest.mark.parametrize("by", [{}, {"distinct_id": ""}, {"distinct_id": "null"}, {"external_id": "cookieless-abc"}])
async def test_what_is_nobodys_is_refused(town: Town, by: dict[str, str]) -> None:
    with pytest.raises((MissingField, InvalidArgument)):
        await erase(town, **by)


async def test_from_then_on_nothing_is_taken_of_these_ids_by_any_call(town: Town) -> None:
    tie = await town.merge("phone", "ann")
    await town.identify("other", "bob")
    await erase(town, distinct_id="ann")

    for refused in (
        town.identify("phone", "ann"),
        town.identify("phone", "bob"),
        town.identify("new", "ann"),
        town.set_traits("phone", set={"a": 1}),
        town.merge("ann", "bob"),
        town.merge("bob", "phone"),
        town.unmerge(tie),
    ):
        with pytest.raises(Erased) as error:
            await refused
        assert (error.value.reason, error.value.code.value) == ("ERASED", "failed_precondition")
    await town.identify("new", "bob")


async def test_the_same_id_of_another_project_is_somebody_else(town: Town, backends: Backends) -> None:
    other = await new_town(backends)
    for project in (town, other):
        await project.identify("phone", "ann")

    erasure = await erase(town, distinct_id="ann")

    await other.identify("phone", "ann")
    with pytest.raises(ErasureNotFound):
        await get(other, erasure.id)


async def test_one_that_was_given_up_is_revived_by_asking_again(town: Town, backends: Backends) -> None:
    await town.identify("phone", "ann")
    failed = await erase(town, distinct_id="ann")
    await make(backends, failed, state="failed", step="people", failed_attempts=8, error="PostgreSQL does not answer.", finished_at=NOW)
    seen = (await get(town, failed.id)).erasure

    revived = await erase(town, distinct_id="phone")

    assert (seen.state, seen.step, seen.error, seen.failed_attempts) == (
        State.STATE_FAILED,
        State.STEP_PEOPLE,
        "PostgreSQL does not answer.",
        8,
    )
    assert revived.id == failed.id
    assert (revived.state, revived.step, revived.error, revived.failed_attempts) == (State.STATE_PENDING, State.STEP_PEOPLE, "", 0)


async def test_who_is_erased_and_of_whom_nothing_came_since_is_the_erasure_that_was_done(town: Town, backends: Backends) -> None:
    await backends.jetstream.publish("dead.events", f'["{uuid.uuid4()}",{town.call.project.id},"e","once","",1,1,{{}}]'.encode())
    done = await erase(town, distinct_id="once")
    await backends.jetstream.purge_stream("DEAD")
    await make(backends, done, state="done", distinct_ids=[], finished_at=NOW, certificate="{}\n", counts={"events": [3, 0]})

    again = await erase(town, distinct_id="once")

    assert (again.id, again.state, again.steps_done) == (done.id, State.STATE_DONE, 8)
    assert [(one.name, one.before, one.after) for one in again.stores] == [("events", 3, 0)]
    assert (await get(town, done.id)).certificate == "{}\n"


async def test_if_something_is_there_again_as_from_a_backup_it_is_erased_again(town: Town, backends: Backends) -> None:
    await town.store.tell(event("landed", "anon"))
    done = await erase(town, distinct_id="anon")
    await make(backends, done, state="done", distinct_ids=[], finished_at=NOW)

    again = await erase(town, distinct_id="anon")

    assert (again.id != done.id, again.state) == (True, State.STATE_PENDING)


async def test_erasures_are_listed_page_by_page_newest_first_and_only_the_projects_own(town: Town) -> None:
    for name in "abc":
        await town.set_traits(name, set={"name": name})
    made = [(await erase(town, distinct_id=name)).id for name in "abc"]

    first = await town.service.list_erasures(pb.ListErasuresRequest(page_size=2), town.call)
    rest = await town.service.list_erasures(pb.ListErasuresRequest(page_size=2, page_token=first.next_page_token), town.call)

    assert [one.id for one in (*first.erasures, *rest.erasures)] == made[::-1]
    assert rest.next_page_token == ""
    for token in ("x", "W3RydWVd"):  # the other is [true]
        with pytest.raises(InvalidArgument):
            await town.service.list_erasures(pb.ListErasuresRequest(page_token=token), town.call)


@pytest.mark.parametrize("erasure_id", ["", "x", "0192f3a4-0000-7000-8000-000000000000"])
async def test_an_erasure_that_is_not_there_is_not_found(town: Town, erasure_id: str) -> None:
    with pytest.raises(ErasureNotFound):
        await get(town, erasure_id)


async def test_nothing_that_is_told_says_who_it_is(town: Town) -> None:
    await town.identify("phone-4711", "ann@example.com", name="Ann")
    erasure = await erase(town, external_id="ann@example.com")

    told = str(await get(town, erasure.id)) + str(await town.service.list_erasures(pb.ListErasuresRequest(), town.call))

    assert not any(word in told for word in ("ann", "phone", "4711", person_id("ann@example.com")))


async def test_the_key_that_certificates_are_checked_with_is_the_same_at_every_call(town: Town) -> None:
    keys = [await town.service.get_certificate_key(pb.GetCertificateKeyRequest(), town.call) for _ in range(2)]

    assert keys[0] == keys[1]
    assert name_of(from_pem(keys[0].public_key.encode())) == keys[0].key_name


async def test_listing_merges_goes_on_while_somebody_is_being_erased(town: Town) -> None:
    await town.merge("a", "b")
    await erase(town, distinct_id="a")

    assert len((await town.service.list_merges(profiles_pb2.ListMergesRequest(), town.call)).merges) == 1
