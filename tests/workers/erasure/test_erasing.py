"""Who is erased is gone from everywhere, whoever is killed when and whatever still comes; and nobody else is touched."""

import asyncio
import itertools
import json

import pytest
from sqlalchemy import text

from core import dead_letters
from core.certificates import public_key_of, verify
from core.clickhouse import ClickHouse
from core.errors import StoreUnavailable
from core.postgres import transaction
from core.server_secrets import ServerSecrets
from core.sql import sql
from pug.profiles.v1 import erasure_pb2 as pb
from workers.erasure.jobs import ATTEMPTS, Jobs, Step
from workers.partition import STREAM
from workers.removal.tables import DERIVED_TABLES, TOLD_TABLES

from .household import DAY_MS, MARCH_MS, Household, Killed, erase_all, eraser, happened, new_household, stored, working

State = pb.Erasure

TABLES = ("events", *(table.name for table in (*DERIVED_TABLES, *TOLD_TABLES)))


async def settle_in(home: Household) -> list[bytes]:
    """Zoe, by three ids, and Bob, who share a session and a day; returns what Zoe did."""
    zoe = [
        happened(home, "zoe-phone", session="shared"),
        happened(home, "zoe-laptop", "only-zoe-does-this", at_ms=MARCH_MS - 40 * DAY_MS),
        *(happened(home, "zoe", at_ms=MARCH_MS + n * DAY_MS) for n in range(5)),
    ]
    bob = [happened(home, "bob", session="shared"), *(happened(home, "bob", at_ms=MARCH_MS + n * DAY_MS) for n in range(4))]
    async with working(home.backends):
        await home.identify("zoe-phone", "zoe", name="zoe-is-my-name")
        await home.identify("zoe-laptop", "zoe")
        await home.identify("bob-phone", "bob", name="Bob")
        await home.does(*zoe, *bob)
        await stored(home.backends)
        await told(home)
    return zoe


async def told(home: Household) -> None:
    async def waits() -> int:
        async with home.backends.postgres.connect() as connection:
            return int((await connection.execute(text("SELECT count(*) FROM identity_changes"))).scalar_one())

    while await waits():  # noqa: ASYNC110 (what is waited for is in another process)
        await asyncio.sleep(0.02)


async def assert_gone(home: Household, erasure_id: str, *, ids: int = 3) -> pb.Erasure:
    """Zoe is, and Bob is all there is."""
    erasure = await home.erasure(erasure_id)
    assert (erasure.state, erasure.error, erasure.steps_done) == (State.STATE_DONE, "", 8)
    assert erasure.distinct_id_count == ids
    assert await home.everywhere("zoe") == {}
    assert await home.counted() == dict.fromkeys(await home.counted(), 5)
    assert {one.after for one in erasure.stores} == {0}
    return erasure


async def test_all_is_gone_totals_fell_by_exactly_that_and_a_certificate_says_so(home: Household) -> None:
    zoe = await settle_in(home)
    before, held = await home.counted(), await home.everywhere("zoe")
    async with home.backends.postgres.begin() as connection:
        await connection.execute(text("ANALYZE distinct_ids, ties"))
    assert await said_by_statistics(home)

    erasure_id = await home.erase("zoe-laptop")
    async with working(home.backends):
        await erase_all(home.backends)

    assert set(before.values()) == {5 + len(zoe)}
    assert {"events", "person_ties", "person_traits", "distinct_ids", "ties", "schema_events"} <= set(held)
    assert await kept_statements(home) == {}
    assert await said_by_statistics(home) == []
    erasure = await assert_gone(home, erasure_id)
    counts = {one.name: one.before for one in erasure.stores}
    assert (counts["clickhouse.events"], counts["postgresql.distinct_ids"], counts["postgresql.ties"]) == (len(zoe), 3, 2)
    key = public_key_of(await ServerSecrets(home.backends.postgres).get("erasure_signing_key"))
    said, _ = verify(await home.certificate(erasure_id), key)
    assert (said["erasure"], said["project"], said["refused_ids"]) == (erasure_id, home.project_id, 3)
    assert said["stores"] == [{"name": one.name, "before": one.before, "after": 0} for one in erasure.stores]
    assert b"zoe" not in await home.certificate(erasure_id)


async def said_by_statistics(home: Household) -> list[str]:
    """Samples of values that PostgreSQL keeps of its tables, where they name her."""
    async with home.backends.postgres.connect() as connection:
        samples = "concat(most_common_vals::text, histogram_bounds::text)"
        query = f"SELECT {samples} FROM pg_stats WHERE schemaname = 'public' AND {samples} LIKE '%zoe%'"
        return [str(row[0]) for row in await connection.execute(text(query))]


async def kept_statements(home: Household) -> dict[str, str]:
    """By table the last mutation, where that is not one that says nothing, and where more than it would be kept."""
    last = await home.backends.clickhouse.query(
        sql("SELECT table, argMax(command, block_numbers.number) FROM system.mutations GROUP BY table")
    )
    of_table = {str(table): str(command) for table, command in last.rows if table in TABLES}
    tables = sql("SELECT name FROM system.tables WHERE position(create_table_query, 'finished_mutations_to_keep = 1') > 0")
    forgetting = {str(name) for (name,) in (await home.backends.clickhouse.query(tables)).rows}
    assert set(TABLES) <= forgetting
    return {table: command for table, command in of_table.items() if command != "(DELETE WHERE false)"}


async def test_what_comes_during_it_and_old_batches_sent_again_afterwards_are_left_out(home: Household) -> None:
    zoe = await settle_in(home)
    bobs: set[str] = set()
    stop = asyncio.Event()

    async def go_on() -> None:
        while not stop.is_set():
            bob = happened(home, "bob", at_ms=MARCH_MS)
            await home.does(happened(home, "zoe"), bob, happened(home, "zoe-phone"))
            bobs.add(json.loads(bob)[0])
            await asyncio.sleep(0.01)

    async with working(home.backends):
        going_on = asyncio.create_task(go_on())
        await asyncio.sleep(0.3)
        erasure_id = await home.erase("zoe")
        await erase_all(home.backends)
        stop.set()
        await going_on
        await home.does(*zoe)
        await stored(home.backends)

    assert (await home.erasure(erasure_id)).state == State.STATE_DONE
    assert await home.everywhere("zoe") == {}
    assert len(bobs) > 20
    assert bobs <= await home.event_ids()
    assert await home.counted() == dict.fromkeys(await home.counted(), 5 + len(bobs))


async def test_killed_at_every_step_before_and_after_it_is_done_the_next_one_goes_on(home: Household) -> None:
    zoe = await settle_in(home)
    erasure_id = await home.erase("zoe")
    async with working(home.backends):
        for step, done in itertools.product(Step, (False, True)):
            worker = eraser(home.backends)
            worker.dies_at(step, done=done)
            with pytest.raises(Killed):
                await worker.work(asyncio.Event())
            if step is Step.CERTIFYING and done:
                break
            assert (await home.erasure(erasure_id)).steps_done == list(Step).index(step)
            await home.does(happened(home, "zoe-laptop"))

        await erase_all(home.backends)

    erasure = await assert_gone(home, erasure_id)
    assert {one.name: one.before for one in erasure.stores}["clickhouse.events"] == len(zoe)


async def test_a_block_that_was_begun_before_and_its_worker_killed_is_taken_along(home: Household) -> None:
    await settle_in(home)
    for distinct_id in ("zoe", "bob"):
        await home.does(happened(home, distinct_id))
    erasure_id = await home.erase("zoe")

    erasing = asyncio.create_task(erase_all(home.backends))
    await asyncio.sleep(0.5)
    waits = (await home.erasure(erasure_id)).step
    async with working(home.backends):
        await erasing

    assert waits == State.STEP_SETTLING
    assert await home.everywhere("zoe") == {}
    assert await home.counted() == dict.fromkeys(await home.counted(), 6)


async def test_two_people_at_once_each_have_their_own_counts_and_certificate(home: Household) -> None:
    zoe = await settle_in(home)
    async with working(home.backends):
        await home.does(happened(home, "kim"), happened(home, "kim"))
        await stored(home.backends)
        erasures = [await home.erase("zoe"), await home.erase("kim")]
        assert await eraser(home.backends).work(asyncio.Event())

    counts = [{one.name: one.before for one in (await home.erasure(one)).stores}["clickhouse.events"] for one in erasures]
    assert counts == [len(zoe), 2]
    assert len({await home.certificate(one) for one in erasures}) == 2
    await assert_gone(home, erasures[0])
    assert await home.everywhere("kim") == {}


async def test_the_same_ids_in_another_project_stay(home: Household) -> None:
    other = await new_household(home.backends)
    for household in (home, other):
        await settle_in(household)
    before = (await other.everywhere("zoe"), await other.counted())

    erasure_id = await home.erase("zoe")
    async with working(home.backends):
        await erase_all(home.backends)

    await assert_gone(home, erasure_id)
    assert (await other.everywhere("zoe"), await other.counted()) == before


async def test_their_rows_leave_the_dead_letters_and_their_neighbours_stay(home: Household) -> None:
    await settle_in(home)
    await home.backends.jetstream.purge_stream("DEAD")
    bob, reason = happened(home, "bob"), {"Pug-Reason": "Cannot parse", "Pug-Rows": "2"}
    letters = [happened(home, "zoe") + b"\n" + bob, happened(home, "zoe-phone"), b"torn: zoe", bob, b"torn: bob"]
    for letter in letters:
        await home.backends.jetstream.publish("dead.events", letter, headers=reason)

    erasure_id = await home.erase("zoe")
    async with working(home.backends):
        await erase_all(home.backends)

    erasure = await assert_gone(home, erasure_id)
    assert {one.name: one.before for one in erasure.stores}["nats.DEAD"] == 3
    left = [letter async for letter in dead_letters.letters(home.backends.jetstream)]
    assert sorted(letter.data for letter in left) == sorted([bob, bob, b"torn: bob"])
    (again,) = (message for message in left if (message.headers or {}).get("Pug-Rows") == "1")
    assert (again.headers or {})["Pug-Reason"] == "Cannot parse"


async def test_a_cookieless_visitor_is_erased_with_their_sessions_and_nobody_elses(home: Household) -> None:
    visitor, other = "cookieless-" + "a" * 22, "cookieless-" + "b" * 22
    bucket = await home.backends.jetstream.key_value("COOKIELESS_SESSIONS")
    for one in (visitor, other):
        await bucket.put(f"{home.project_id}.{one.removeprefix('cookieless-')}", b"[[1,2,3]]")
    async with working(home.backends):
        await home.does(happened(home, visitor), happened(home, other))
        await stored(home.backends)
        erasure_id = await home.erase(visitor)
        await erase_all(home.backends)

    erasure = await home.erasure(erasure_id)
    assert {one.name: one.before for one in erasure.stores}["nats.COOKIELESS_SESSIONS"] == 1
    assert await home.everywhere("a" * 22) == {}
    assert [key for key in await bucket.keys() if key.startswith(f"{home.project_id}.")] == [f"{home.project_id}.{'b' * 22}"]
    assert len(await home.event_ids()) == 1


async def test_an_id_that_looks_like_a_visitors_names_no_other_keys(home: Household) -> None:
    bucket = await home.backends.jetstream.key_value("COOKIELESS_SESSIONS")
    await bucket.put(f"{home.project_id}.{'c' * 22}", b"[[1,2,3]]")
    async with working(home.backends):
        await home.does(happened(home, "cookieless->"), happened(home, "cookieless-*"))
        await stored(home.backends)
        for distinct_id in ("cookieless->", "cookieless-*"):
            await home.erase(distinct_id)
        await erase_all(home.backends)

    assert await bucket.get(f"{home.project_id}.{'c' * 22}")
    assert await home.event_ids() == set()


async def test_one_that_keeps_failing_is_put_off_and_at_last_given_up_without_saying_whose_it_is(home: Household) -> None:
    await settle_in(home)
    erasure_id = await home.erase("zoe")

    def nobody() -> None:
        raise StoreUnavailable("ClickHouse does not answer.")

    broken = ClickHouse(nobody, 1)  # pyright: ignore[reportArgumentType] (it never connects)
    seen: list[pb.Erasure] = []
    for _ in range(ATTEMPTS):
        await eraser(home.backends, broken).work(asyncio.Event())
        assert not await eraser(home.backends, broken).work(asyncio.Event())
        seen.append(await home.erasure(erasure_id))
        async with transaction(home.backends.postgres) as connection:
            await connection.execute(text("UPDATE erasures SET next_attempt_at = now()"))

    assert [one.failed_attempts for one in seen] == list(range(1, ATTEMPTS + 1))
    assert {one.state for one in seen[:-1]} == {State.STATE_RUNNING}
    assert (seen[-1].state, seen[-1].step) == (State.STATE_FAILED, State.STEP_COUNTING)
    assert "zoe" not in seen[-1].error
    assert seen[-1].error
    assert await home.erase("zoe-phone") == erasure_id
    async with working(home.backends):
        await erase_all(home.backends)
    await assert_gone(home, erasure_id)


async def test_what_is_found_again_when_all_is_counted_is_removed_at_the_next_attempt(home: Household) -> None:
    await settle_in(home)
    erasure_id = await home.erase("zoe")
    async with working(home.backends):
        worker = eraser(home.backends)
        worker.dies_at(Step.VERIFYING, done=False)
        with pytest.raises(Killed):
            await worker.work(asyncio.Event())
        # As by a backup that was put back meanwhile.
        async with transaction(home.backends.postgres) as connection:
            query = "INSERT INTO distinct_ids (project_id, distinct_id, person_id, root) VALUES (:project, 'zoe', 'x', 'zoe')"
            await connection.execute(text(query), {"project": home.project_id})
        await eraser(home.backends).work(asyncio.Event())
        failed = await home.erasure(erasure_id)
        async with transaction(home.backends.postgres) as connection:
            await connection.execute(text("UPDATE erasures SET next_attempt_at = now()"))
        await erase_all(home.backends)

    assert failed.error == "Something is left, or came again, in postgresql.distinct_ids."
    await assert_gone(home, erasure_id)


async def test_told_to_stop_it_stops_between_steps_and_also_while_it_waits(home: Household) -> None:
    await settle_in(home)
    await home.does(happened(home, "bob"))
    erasure_id = await home.erase("zoe")
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)

    await asyncio.wait_for(eraser(home.backends).run(stop), 10)

    erasure = await home.erasure(erasure_id)
    assert (erasure.state, erasure.step, erasure.failed_attempts) == (State.STATE_RUNNING, State.STEP_SETTLING, 0)
    assert (await Jobs(home.backends.postgres).open())[0] == 1
    await home.backends.jetstream.purge_stream(STREAM)
