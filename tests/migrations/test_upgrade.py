"""What was captured or stored before events had derived columns, and views that change."""

import json
import shutil
from pathlib import Path

import pytest

from app import migrate
from core.clickhouse import ClickHouse
from core.sql import sql, unsigned
from story import Store, event
from workers.block import BlockRecord
from workers.store import COLUMNS, FORMAT, SETTINGS, EventStore

EVENT_ID = "0197c3a0-0000-7000-8000-000000000001"
PAGE = {"$url": "https://a.example/b?utm_source=c"}


async def test_rows_captured_before_there_was_a_context_are_stored_with_those_that_have_one(store: Store) -> None:
    old = ["0197c3a0-0000-7000-8000-000000000001", store.project_id, "old", "ann", "", 1, 1, PAGE]
    new = ["0197c3a0-0000-7000-8000-000000000002", store.project_id, "new", "ann", "", 1, 1, PAGE, '{"$os":"iOS"}']
    rows = b"\n".join(json.dumps(row).encode() for row in (old, new, old[:6] + old[6:]))

    await EventStore(store.clickhouse).store(rows, BlockRecord(1, 1, 1, 1_790_000_000_000_000 + store.project_id, dropped=(2,)))

    found = await store.clickhouse.query(
        sql("SELECT name, pathname, os FROM events WHERE project_id = {project} ORDER BY name DESC", project=unsigned(store.project_id))
    )
    assert found.rows == [("old", "/b", ""), ("new", "/b", "iOS")]


async def test_a_worker_of_before_stores_its_blocks_with_what_can_be_derived_without_a_context(store: Store) -> None:
    row = json.dumps([EVENT_ID, store.project_id, "old", "ann", "", 1, 1, PAGE]).encode()

    await store.clickhouse.insert_bytes("events_in", COLUMNS[:8], row, FORMAT, SETTINGS)

    found = await store.clickhouse.query(
        sql("SELECT utm_source, channel, os FROM events WHERE project_id = {project}", project=unsigned(store.project_id))
    )
    assert found.rows == [("c", "Unassigned", "")]


async def test_events_stored_before_say_their_locale_as_it_was_sent(store: Store) -> None:
    # As parts of before have it: without the column.
    row = json.dumps([store.project_id, "old", "cookieless-a", {"$locale": "de_DE"}]).encode()

    await store.clickhouse.insert_bytes("events", ("project_id", "name", "distinct_id", "properties"), row, FORMAT, SETTINGS)

    found = await store.clickhouse.query(
        sql("SELECT locale, cookieless FROM events WHERE project_id = {project}", project=unsigned(store.project_id))
    )
    assert found.rows == [("de_DE", 1)]


async def test_a_person_is_cookieless_by_the_prefix_of_the_id(store: Store) -> None:
    await store.tell(event("a", "cookieless-x"), event("b", "Cookieless-x"), event("c", "x-cookieless-"))

    found = await store.clickhouse.query(
        sql("SELECT cookieless FROM events WHERE project_id = {project} ORDER BY name", project=unsigned(store.project_id))
    )
    assert found.rows == [(1,), (0,), (0,)]


async def test_a_block_that_comes_again_after_its_views_were_replaced_counts_once(
    clickhouse: ClickHouse, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(migrate.MIGRATIONS / "clickhouse", tmp_path / "clickhouse")
    views = sorted((tmp_path / "clickhouse" / "views").glob("*.sql"))
    for view in views:
        view.write_text(view.read_text() + "-- changed")
    row = json.dumps([EVENT_ID, store.project_id, "seen", "ann", "", 1, 1, PAGE, ""]).encode()
    once = {**SETTINGS, "insert_deduplication_token": f"upgrade-{store.project_id}"}

    await clickhouse.insert_bytes("events_in", COLUMNS, row, FORMAT, once)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(migrate, "MIGRATIONS", tmp_path)
        changed = await migrate.migrate_clickhouse(clickhouse)
    await clickhouse.insert_bytes("events_in", COLUMNS, row, FORMAT, once)
    # As a migration that was killed leaves it.
    await clickhouse.command("RENAME TABLE events_in_to_events TO events_in_to_events_aside")
    restored = await migrate.migrate_clickhouse(clickhouse)
    await clickhouse.insert_bytes("events_in", COLUMNS, row, FORMAT, once)

    counts = [
        (await clickhouse.query(sql(query, project=unsigned(store.project_id)))).rows[0][0]
        for query in (
            "SELECT count() FROM events WHERE project_id = {project}",
            "SELECT sum(count) FROM schema_events WHERE project_id = {project}",
            "SELECT sum(count) FROM schema_properties WHERE project_id = {project} AND key = '$url'",
        )
    ]
    assert counts == [1, 1, 1]
    assert len(changed) == len(restored) == len(views)


async def test_a_view_is_brought_up_to_its_file_whenever_that_has_changed(
    clickhouse: ClickHouse, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(migrate.MIGRATIONS / "clickhouse", tmp_path / "clickhouse")
    view = tmp_path / "clickhouse" / "views" / "events.sql"
    listed = view.read_text()

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(migrate, "MIGRATIONS", tmp_path)
        unchanged = await migrate.migrate_clickhouse(clickhouse)
        view.write_text(listed.replace("'bing.com',", "'bing.com', 'search.example',"))
        changed = await migrate.migrate_clickhouse(clickhouse)
        again = await migrate.migrate_clickhouse(clickhouse)
        await store.tell(event("seen", **{"$url": "https://a.example/", "$referrer": "https://search.example/"}))
    restored = await migrate.migrate_clickhouse(clickhouse)
    await store.tell(event("seen", **{"$url": "https://a.example/", "$referrer": "https://search.example/"}))

    found = await clickhouse.query(
        sql("SELECT channel FROM events WHERE project_id = {project} ORDER BY stored_at", project=unsigned(store.project_id))
    )
    assert found.rows == [("Organic Search",), ("Referral",)]
    assert [len(applied) for applied in (unchanged, changed, again, restored)] == [0, 1, 0, 1]
