"""Storms on one id: right answers or clear errors, and what was acknowledged is there, whoever is killed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import timedelta

import pytest
from google.protobuf.json_format import MessageToDict
from sqlalchemy import text

from app.backends import Backends
from core.errors import AlreadyIdentified, AlreadyOnePerson, PersonNotFound, StoreUnavailable, TooManyChanges, TraitInvalid
from core.server_secrets import ServerSecrets
from pug.profiles.v1 import profiles_pb2 as pb
from services.profiles.acts import Identify, SetTraits
from services.profiles.line import TASK
from services.profiles.repository import ProfilesRepository
from services.profiles.traits import TraitChange
from story import event

from .conftest import Town

STORM = 20_000
_KILL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE application_name = 'pug' AND pid != pg_backend_pid() AND state IN ('active', 'idle in transaction') AND query LIKE '%identity%'"
)


async def test_twenty_thousand_calls_on_one_id_at_once_each_come_to_what_they_say(town: Town, backends: Backends) -> None:
    await town.identify("bobs", "bob")
    before = (await town.set_traits("ann", set={"visits": 0, "name": "Ann"})).identity_version
    refused = Counter[type[BaseException]]()

    async def call(place: int) -> int:
        """The version of the answer; who is refused for the crowd comes again."""
        acts = (
            lambda: town.identify(f"device-{place}", "ann"),
            lambda: town.set_traits("ann", increment={"visits": 1}),
            lambda: town.identify("device-0", "ann", name="Ann"),
            lambda: town.identify("bobs", "ann"),
            lambda: town.set_traits("ann", increment={"name": 1}),
        )
        while True:
            try:
                return (await acts[place % 5]()).identity_version
            except TooManyChanges as error:
                refused[type(error)] += 1
                wait = error.retry_after or timedelta()
            await asyncio.sleep(wait.total_seconds())

    answers = await asyncio.gather(*(call(place) for place in range(STORM)), return_exceptions=True)

    person = await town.person(external_id="ann")
    assert person.traits["visits"] == STORM // 5
    assert refused[TooManyChanges] > 0
    assert [type(answer) for answer in answers[3::5]] == [AlreadyIdentified] * (STORM // 5)
    assert [type(answer) for answer in answers[4::5]] == [TraitInvalid] * (STORM // 5)
    # Each act that changed something has a version of its own, and they are all there are.
    changing = [answer for answer in [*answers[0::5], *answers[1::5]] if isinstance(answer, int)]
    assert sorted(changing) == list(range(before + 1, before + 1 + 2 * STORM // 5))
    assert await _ids_of(backends, town, "ann") == STORM // 5 + 1
    assert (await town.person(external_id="bob")).distinct_ids == ["bob", "bobs"]


async def test_what_clickhouse_is_told_of_a_storm_can_be_asked_as_of_any_version_in_it(town: Town) -> None:
    devices = [f"device-{place}" for place in range(200)]
    await town.store.tell(*(event("e", device) for device in devices))

    answers = await asyncio.gather(*(town.identify(device, "ann") for device in devices))

    versions = [answer.identity_version for answer in answers]
    assert versions == list(range(1, 201))
    assert [await town.persons(as_of=version) for version in (1, 50, 199, 200)] == [200, 151, 2, 1]


async def test_merges_at_once_in_a_ring_make_one_person_and_refuse_the_last(town: Town) -> None:
    names = [f"one-{place}" for place in range(50)]
    await town.store.tell(*(event("e", name) for name in names))

    answers = await asyncio.gather(
        *(town.merge(name, after) for name, after in zip(names, [*names[1:], names[0]], strict=True)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [str] * 49 + [AlreadyOnePerson]
    assert await town.persons() == 1
    await asyncio.gather(*(town.unmerge(str(tie)) for tie in answers[:49:2]))
    assert await town.persons() == 26


async def test_killed_connections_lose_nothing_that_was_acknowledged(town: Town, backends: Backends) -> None:
    answers: list[object] = []
    killed, storms = 0, 0

    # A storm may be over before a batch is met under way.
    while not killed and storms < 10:
        storm = asyncio.gather(*_increments_and_devices(town, storms), return_exceptions=True)
        while not storm.done():
            async with backends.postgres.connect() as connection:
                killed += (await connection.execute(_KILL)).scalar_one()
            await asyncio.sleep(0.02)
        answers += await storm
        storms += 1

    await _check_nothing_acknowledged_is_lost(backends, town, answers)
    assert killed


async def test_killed_batches_lose_nothing_that_was_acknowledged(town: Town, backends: Backends) -> None:
    answers = asyncio.gather(*_increments_and_devices(town), return_exceptions=True)

    for _ in range(5):
        await asyncio.sleep(0.03)
        for task in asyncio.all_tasks():
            if task.get_name() == f"{TASK} {town.call.project.id}":
                task.cancel()

    await _check_nothing_acknowledged_is_lost(backends, town, await answers)


def _increments_and_devices(town: Town, storm: int = 0) -> list[Awaitable[pb.SetTraitsResponse | pb.IdentifyResponse]]:
    async def one(place: int) -> pb.SetTraitsResponse | pb.IdentifyResponse:
        await asyncio.sleep(place / 10_000)
        if place % 2:
            return await town.set_traits("ann", increment={"visits": 1})
        return await town.identify(f"device-{storm}-{place}", "ann")

    return [one(place) for place in range(3_000)]


async def _check_nothing_acknowledged_is_lost(backends: Backends, town: Town, answers: "Sequence[object]") -> None:
    unknown = {type(answer) for answer in answers if isinstance(answer, BaseException)}
    assert unknown <= {StoreUnavailable}
    counted = sum(isinstance(answer, pb.SetTraitsResponse) for answer in answers)
    tied = sum(isinstance(answer, pb.IdentifyResponse) for answer in answers)
    again = await town.set_traits("ann", increment={"visits": 0})
    assert counted <= float(MessageToDict(again.traits)["visits"]) <= len(answers) / 2
    assert tied + 1 <= await _ids_of(backends, town, "ann") <= len(answers) / 2 + 1
    # Of two acts none was given the same version, also when one before failed.
    versions = [answer.identity_version for answer in answers if isinstance(answer, pb.SetTraitsResponse | pb.IdentifyResponse)]
    assert len(versions) == len(set(versions))


async def test_an_act_that_postgres_chokes_on_fails_alone(town: Town, backends: Backends) -> None:
    repository, project = ProfilesRepository(backends.postgres, ServerSecrets(backends.postgres)), town.call.project.id
    nothing = TraitChange()

    answers = await asyncio.gather(
        *(repository.do(project, Identify(f"device-{place}", "ann", nothing)) for place in range(5)),
        repository.do(project, SetTraits("a\0b", TraitChange(set={"a": 1}))),
        *(repository.do(project, Identify(f"phone-{place}", "ann", nothing)) for place in range(5)),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [StoreUnavailable]
    assert isinstance(answers[5], StoreUnavailable)
    assert await _ids_of(backends, town, "ann") == 11


async def test_an_act_that_is_refused_leaves_no_trace_of_its_ids(town: Town, backends: Backends) -> None:
    await town.identify("bobs", "bob")

    with pytest.raises(AlreadyIdentified):
        await town.identify("bobs", "ann")
    with pytest.raises(TraitInvalid):
        await town.identify("new", "ann", **{f"k{place}": "x" * 8_000 for place in range(9)})

    assert [await _ids_of(backends, town, name) for name in ("ann", "new")] == [0, 0]


async def test_a_person_with_very_many_ids_is_joined_and_parted_whole(town: Town, backends: Backends) -> None:
    await town.set_traits("crowd", set={"plan": "pro"})
    many = text(
        "INSERT INTO distinct_ids (project_id, distinct_id, person_id, root)"
        " SELECT :project, 'member-' || place, 'x' || place, 'crowd' FROM generate_series(1, 20000) AS place"
    )
    ties = text(
        "INSERT INTO ties (project_id, id, version, kind, tied, tied_to)"
        " SELECT :project, gen_random_uuid(), -place, 'merge', 'member-' || place, 'crowd' FROM generate_series(1, 20000) AS place"
    )
    async with backends.postgres.begin() as connection:
        await connection.execute(many, {"project": town.call.project.id})
        await connection.execute(ties, {"project": town.call.project.id})

    await town.identify("device", "crowd")
    tie = await town.merge("member-7", "ann")
    joined = [await _ids_of(backends, town, root) for root in ("crowd", "ann")]
    await town.unmerge(tie)

    assert joined == [0, 20_003]
    assert [await _ids_of(backends, town, root) for root in ("crowd", "ann")] == [20_002, 1]
    assert (await town.person(distinct_id="member-9")).traits["plan"] == "pro"
    with pytest.raises(PersonNotFound):
        await town.person(distinct_id="ann")


async def test_a_number_of_many_digits_set_again_changes_nothing(town: Town) -> None:
    first = await town.identify("anon", "ann", large=1e308, long=2.0**60)

    assert await town.identify("anon", "ann", large=1e308, long=2.0**60) == first


async def _ids_of(backends: Backends, town: Town, root: str) -> int:
    async with backends.postgres.connect() as connection:
        count = text("SELECT count(*) FROM distinct_ids WHERE project_id = :project AND root = :root")
        return (await connection.execute(count, {"project": town.call.project.id, "root": root})).scalar_one()
