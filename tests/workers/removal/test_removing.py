"""What is removed is gone from every table, and what stays is counted as if the rest had never been."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends import Backends
from core.errors import StoreUnavailable
from core.sql import Sql, identifier, join, sql, text, texts, unsigned
from story import Happening, Store, event, next_project
from workers.block import WRITERS, BlockRecord
from workers.block_lock import BlockLock
from workers.derived import DERIVED
from workers.ledger import Ledger
from workers.partition import STREAM, Partition
from workers.removal import removing
from workers.removal.removing import Removal
from workers.removal.tables import ALL_TABLES, DERIVED_TABLES, KEPT_TABLES, TOLD_TABLES
from workers.store import EventStore
from workers.views import view_over

AROUND = (datetime(2026, 3, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, tzinfo=UTC))
IDS = ("ann", "bob", "cid", "cookieless-x", "it's \\ \n\t{odd}")
SESSIONS = ("", "s1", "s2")
VALUES: Sequence[object] = ("Firefox", "", 3, 1.5, True, None, ["a"], {"deep": "x"}, "it's \\")
KEYS = ("$browser", "$os", "$pathname", "$utm_source", "plan")

moments = st.one_of(
    st.integers(-50, 50).map(lambda hours: timedelta(hours=hours)),
    st.integers(-50, 50).map(lambda hours: timedelta(hours=hours) - timedelta(milliseconds=1)),
    st.integers(-2 * 86_400_000, 2 * 86_400_000).map(lambda at: timedelta(milliseconds=at)),
)


@st.composite
def happenings(draw: st.DrawFn, around: datetime) -> Happening:
    sent = {key: draw(st.sampled_from(VALUES)) for key in KEYS if draw(st.booleans())}
    told = Happening(
        draw(st.sampled_from(["page_view", "click", "it's"])),
        draw(st.sampled_from(IDS)),
        around + draw(moments),
        draw(st.sampled_from(SESSIONS)),
        {key: value for key, value in sent.items() if value is not None},
    )
    return replace(told, context={"$country": "DE", "$browser": "Chrome"} if draw(st.booleans()) else {})


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Happening], list[str] | datetime]:
    around = draw(st.sampled_from(AROUND))
    told = draw(st.lists(happenings(around), min_size=4, max_size=24))
    if draw(st.booleans()):
        return told, draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True))
    return told, around + draw(moments)


@pytest.fixture
def removal(backends: Backends) -> Removal:
    return Removal(backends.postgres, backends.clickhouse, backends.jetstream)


class Killed(BaseException):
    """The end of a process."""


@given(stories(), st.integers(0, 2**32).map(Random))
@settings(max_examples=5, deadline=None)
async def test_all_tables_are_as_if_what_is_removed_had_never_been(
    backends: Backends, story: tuple[list[Happening], list[str] | datetime], random: Random
) -> None:
    told, gone = story
    store, stranger = Store(backends.clickhouse, next_project()), Store(backends.clickhouse, next_project())
    random.shuffle(told)
    for happened in (told[::3], told[1::3], told[2::3]):
        await store.tell(*happened)
    await stranger.tell(*told[:5])
    before = await rows_of(stranger)
    removal = Removal(backends.postgres, backends.clickhouse, backends.jetstream)

    removed = await (removal.remove_ids if isinstance(gone, list) else removal.remove_before)(store.project_id, gone)  # pyright: ignore[reportArgumentType] (the one that fits)

    leaving = {one.event_id for one in told if (one.distinct_id in gone if isinstance(gone, list) else one.at < gone)}
    assert await event_ids(store) == {one.event_id for one in told} - leaving
    assert await rows_of(store) == await rows_built_anew(store)
    assert await rows_of(stranger) == before
    assert (removed.before[0].events, removed.before[0].rows) == (len(leaving), len(leaving))
    assert {(count.rows, count.events) for count in removed.after} == {(0, 0)}


async def test_nothing_that_only_a_removed_person_said_is_left_in_any_table(store: Store, removal: Removal) -> None:
    mine = {"$pathname": "/of/ann@example.com", "plan of ann@example.com": "x", "mail": "ann@example.com"}
    await store.tell(
        Happening("by ann@example.com", "ann@example.com", AROUND[0], "s-ann@example.com", mine), event("seen", "bob", plan="free")
    )
    await store.know(1, ties={"ann@example.com": "ann", "x": "ann@example.com"}, traits={"ann@example.com": {"name": "ann@example.com"}})

    await removal.remove_ids(store.project_id, ["ann@example.com"])

    assert await tables_that_say(store, "ann@example.com") == []
    assert await tables_that_say(store, "free") == ["events", "schema_values"]
    assert await tables_that_will_remember(store, "ann@example.com") == []


async def tables_that_will_remember(store: Store, what: str) -> list[str]:
    """The tables of which not just the last mutation will be kept, in the background and within minutes, or whose last one says it."""
    found = await store.clickhouse.query(
        sql(
            "SELECT table"
            " FROM (SELECT table, argMax(command, block_numbers.number) AS last FROM system.mutations GROUP BY table) AS mutation"
            " JOIN (SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()) AS made ON name = table"
            " WHERE table IN {tables}"
            " AND (position(last, {what}) > 0 OR position(create_table_query, 'finished_mutations_to_keep = 1') = 0)",
            tables=texts(sorted(ALL_TABLES.difference(KEPT_TABLES))),
            what=text(what),
        )
    )
    return [str(row[0]) for row in found.rows]


async def tables_that_say(store: Store, what: str) -> list[str]:
    """The tables in which a text is anywhere, sorted."""
    saying: list[str] = []
    for table in sorted(ALL_TABLES - {"schema_migrations"}):
        query = sql(
            "SELECT count() FROM {table} WHERE project_id IN (0, {project}) AND position(formatRow('JSONEachRow', *), {what}) > 0",
            table=identifier(table),
            project=unsigned(store.project_id),
            what=text(what),
        )
        if (await store.clickhouse.query(query)).rows[0][0]:
            saying.append(table)
    return saying


async def test_a_project_is_removed_whole_and_its_neighbour_stays(store: Store, removal: Removal) -> None:
    stranger = Store(store.clickhouse, next_project())
    for one in (store, stranger):
        await one.tell(event("seen", "ann", session_id="s", plan="pro"), event("seen", "bob"))
        await one.know(1, ties={"ann": "bob"}, traits={"bob": {"tier": "gold"}})
    before = await rows_of(stranger)

    removed = await removal.remove_project(store.project_id)

    assert {count.table: count.rows > 0 for count in removed.before} == dict.fromkeys(
        ["events", *(table.name for table in (*DERIVED_TABLES, *TOLD_TABLES))], True
    ) | {"identified_ids": False}
    assert {count.rows for count in removed.after} == {0}
    assert await rows_of(stranger) == before


async def test_a_whole_month_goes_by_its_partition(store: Store, removal: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.tell(event("seen", at="1931-05-03T10:00:00Z"), event("seen", at="1931-06-03T10:00:00Z"))
    statements: list[str] = []
    command = store.clickhouse.command

    async def noting(statement: str) -> None:
        statements.append(statement)
        await command(statement)

    monkeypatch.setattr(store.clickhouse, "command", noting)
    await removal.remove_before(store.project_id, datetime(1931, 6, 1, tzinfo=UTC))

    assert "ALTER TABLE events DROP PARTITION ID '193105'" in statements
    assert await rows_of(store) == await rows_built_anew(store)


@pytest.mark.parametrize("kind", ["ids", "before"])
async def test_a_removal_that_is_killed_again_and_again_goes_on_where_it_was(
    store: Store, removal: Removal, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    told = [event("seen", who, f"2026-03-{day:02}T10:00:00Z", "s", plan=who) for who in ("ann", "bob") for day in (1, 2, 3)]
    writing = Writing(store)
    await writing.store(*told)
    command, left, kills = store.clickhouse.command, 0, 0

    async def dying(statement: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        await command(statement)

    async def remove() -> None:
        if kind == "ids":
            await removal.remove_ids(store.project_id, ["ann"])
        else:
            await removal.remove_before(store.project_id, datetime(2026, 3, 2, 10, 30, tzinfo=UTC))

    with monkeypatch.context() as broken:
        broken.setattr(store.clickhouse, "command", dying)
        while True:
            left = kills
            try:
                await remove()
                break
            except Killed:
                kills += 5
            # The same people go on between one attempt and the next, also in the same hours.
            await writing.store(event("seen", "ann", "2026-03-01T10:20:00Z", "s", plan="late"), event("new", "bob", session_id="s"))

    assert kills > 20
    assert not {one.event_id for one in told if one.distinct_id == "ann"} & await event_ids(store) or kind == "before"
    assert await rows_of(store) == await rows_built_anew(store)

    await remove()

    assert await rows_of(store) == await rows_built_anew(store)
    assert await tables_that_say(store, "late") == []


async def test_an_unfinished_removal_is_finished_before_another_of_the_project(
    store: Store, removal: Removal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.tell(event("seen", "ann"), event("seen", "bob"), event("seen", "ann", "2026-03-05T10:00:00Z"))
    with monkeypatch.context() as broken:

        async def killed(*_given: object) -> None:
            raise Killed

        broken.setattr(removing, "rebuild", killed)
        with pytest.raises(Killed):
            await removal.remove_ids(store.project_id, ["ann"])

    await removal.remove_before(store.project_id, datetime(2026, 3, 2, tzinfo=UTC))

    assert await event_ids(store) == set()
    assert await rows_of(store) == await rows_built_anew(store)


async def test_numbers_are_right_though_events_come_in_while_some_are_removed(store: Store, removal: Removal, backends: Backends) -> None:
    await Writing(store, writer=2).store(*(event("seen", who, session_id="s", plan=who) for who in ("ann", "bob") for _ in range(5)))
    lock, stop = BlockLock(backends.postgres), asyncio.Event()

    async def write(writer: int) -> int:
        writing, blocks = Writing(store, writer), 0
        while not stop.is_set():
            async with lock.block():
                await writing.store(
                    event("seen", "bob", session_id="s", plan="bob"), event("seen", "ann", session_id="s"), event(f"n{blocks}")
                )
            blocks += 1
            await asyncio.sleep(0.2)
        return blocks

    async with contextlib.AsyncExitStack() as stack:
        stack.callback(stop.set)
        writers = [asyncio.create_task(write(writer)) for writer in (3, 4)]
        for share in (["ann"], ["bob"]):
            await removal.remove_ids(store.project_id, share)
        await removal.remove_before(store.project_id, datetime(2026, 3, 1, 10, 30, tzinfo=UTC))
    blocks = await asyncio.gather(*writers)

    assert min(blocks) > 2
    rows, built = await rows_of(store), await rows_built_anew(store)
    # Of an estimate only what there is to choose is compared: an event that came in meanwhile may count twice.
    del rows["schema_values"], built["schema_values"]
    assert rows == built


async def test_a_block_in_doubt_is_waited_for(store: Store, removal: Removal, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.tell(event("seen", "ann"))
    sequence = (await backends.jetstream.publish("events.captured.7", b"a block whose worker died")).seq
    ledger = Ledger(await backends.jetstream.key_value("BLOCKS"), Partition(7, WRITERS).worker)
    await ledger.take_over()
    await ledger.write(BlockRecord(sequence, sequence, 1, 7))
    monkeypatch.setattr(removing, "_SETTLE_WITHIN_S", 0.2)

    with pytest.raises(StoreUnavailable):
        await removal.remove_ids(store.project_id, ["ann"])
    await backends.jetstream.delete_msg(STREAM, sequence)
    await removal.remove_ids(store.project_id, ["ann"])

    assert await event_ids(store) == set()


async def test_every_table_says_how_it_loses_a_share(store: Store) -> None:
    tables = sql(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT IN ('Null', 'View', 'MaterializedView')"
        # Of tests that build a rollup while this runs.
        " AND name NOT LIKE 'plans\\_%'"
    )

    assert {str(row[0]) for row in (await store.clickhouse.query(tables)).rows} == ALL_TABLES


class Writing:
    """A writer that stores one block after the other."""

    def __init__(self, store: Store, writer: int = 5) -> None:
        self._store = store
        self._events = EventStore(store.clickhouse)
        self._writer = writer
        self._stored_at = 0

    async def store(self, *told: Happening) -> None:
        self._stored_at = max(time.time_ns() // 1000, self._stored_at + 1)
        self._stored_at += (self._writer - self._stored_at) % WRITERS
        rows = b"\n".join(self._row(one) for one in told)
        await self._events.store(rows, BlockRecord(1, 1, 1, self._stored_at))

    def _row(self, told: Happening) -> bytes:
        at = int(told.at.timestamp() * 1000)
        row = [str(uuid.UUID(told.event_id)), self._store.project_id, told.name, told.distinct_id, told.session_id, at, at]
        return json.dumps([*row, dict(told.properties), ""]).encode()


async def event_ids(store: Store) -> set[str]:
    found = await store.clickhouse.query(
        sql("SELECT toString(event_id) FROM events WHERE project_id = {project}", project=unsigned(store.project_id))
    )
    return {str(row[0]) for row in found.rows}


async def rows_of(store: Store) -> dict[str, list[object]]:
    """The rows of each derived table, merged."""
    return {table.name: await rows_in(store, table.name, Sql((f"{table.name} FINAL",))) for table in DERIVED_TABLES}


async def rows_built_anew(store: Store) -> dict[str, list[object]]:
    """The rows that each derived table would have of the events there are."""
    built: dict[str, list[object]] = {}
    for table in DERIVED_TABLES:
        events = sql("project_id = {project}", project=unsigned(store.project_id))
        view = await view_over(store.clickhouse, DERIVED[table.name].view, events)
        built[table.name] = await rows_in(store, table.name, sql("({view})", view=view))
    return built


async def rows_in(store: Store, table: str, source: Sql) -> list[object]:
    known = DERIVED[table]
    columns = [one for one in (*known.same, *known.sums) if one != "last_block"]
    found = await store.clickhouse.query(
        sql(
            "SELECT toString(tuple({columns})) FROM {source} WHERE project_id = {project} ORDER BY 1",
            columns=join(", ", [identifier(one) for one in columns]),
            source=source,
            project=unsigned(store.project_id),
        )
    )
    return [row[0] for row in found.rows]
