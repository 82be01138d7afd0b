"""What is removed is gone from every table, and what stays is counted as if the rest had never been."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends import Backends
from core.sql import Sql, identifier, join, sql, unsigned
from story import Happening, Store, next_project
from workers.derived import DERIVED
from workers.removal.removing import Removal
from workers.removal.tables import DERIVED_TABLES
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
