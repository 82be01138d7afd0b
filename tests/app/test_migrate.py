import asyncio
import os
import shutil
from pathlib import Path

import pytest
import sqlalchemy
from nats.js.api import RetentionPolicy
from sqlalchemy.exc import IntegrityError

from app import migrate as migrations
from app.backends import Backends
from app.migrate import migrate, migrate_jetstream, statements
from core.errors import SchemaOlder, SettingsInvalid, StoreUnavailable
from core.settings import Settings
from services.accounts.tables import metadata
from workers.partition import JOB
from workers.turn import in_turns

only_embedded = pytest.mark.skipif("PUG_TEST_NATS_URL" in os.environ, reason="a cluster may have room for three replicas")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("-- a; b\nSELECT 1 -- c; d\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT /* ; '; */ 1; SELECT 2", ["SELECT  1", "SELECT 2"]),
        (r"SELECT 'a;b', 'it''s;', 'it\'s; -- no comment'; SELECT 2", [r"SELECT 'a;b', 'it''s;', 'it\'s; -- no comment'", "SELECT 2"]),
        ('SELECT 1 AS `a;b`, 2 AS "c;d"; -- the end;', ['SELECT 1 AS `a;b`, 2 AS "c;d"']),
        ("-- it's nothing;\n", []),
    ],
)
def test_a_semicolon_ends_a_statement_unless_it_is_in_a_string_a_name_or_a_comment(script: str, expected: list[str]) -> None:
    assert statements(script) == expected


async def test_migrating_again_applies_nothing_also_when_two_do_it_at_once(backends: Backends, engine_settings: Settings) -> None:
    both = await asyncio.gather(migrate(backends, engine_settings), migrate(backends, engine_settings))

    assert both == [[], []]


async def test_the_tables_are_those_the_accounts_service_expects(backends: Backends) -> None:
    async with backends.postgres.connect() as connection:
        made = await connection.run_sync(
            lambda sync: {t: {c["name"] for c in sqlalchemy.inspect(sync).get_columns(t)} for t in metadata.tables}
        )

    assert made == {name: {column.name for column in table.columns} for name, table in metadata.tables.items()}


async def test_a_key_is_a_write_key_or_a_secret_key(backends: Backends) -> None:
    insert = sqlalchemy.text(
        "INSERT INTO api_keys (id, project_id, kind, label, prefix, token_hash, scopes)"
        " VALUES (gen_random_uuid(), 1, 'golden', '', '', 'x', ARRAY['events:write'])"
    )

    with pytest.raises(IntegrityError, match="api_keys_kind"):
        async with backends.postgres.begin() as connection:
            await connection.execute(insert)


async def test_a_changed_limit_is_applied_to_the_stream_that_is_there(backends: Backends, engine_settings: Settings) -> None:
    larger = engine_settings.model_copy(update={"stream_max_bytes": 2**27})

    changed = await migrate_jetstream(backends.jetstream, larger)
    config = (await backends.jetstream.stream_info("EVENTS")).config
    changed_back = await migrate_jetstream(backends.jetstream, engine_settings)

    assert (changed, changed_back) == (["EVENTS"], ["EVENTS"])
    assert (config.max_bytes, config.retention) == (2**27, RetentionPolicy.WORK_QUEUE)


async def test_a_lower_limit_pushes_out_nothing(backends: Backends, engine_settings: Settings) -> None:
    await backends.jetstream.purge_stream("EVENTS")
    for _ in range(4):
        await backends.jetstream.publish("events.captured", bytes(2**20))
    small = engine_settings.model_copy(update={"stream_max_bytes": 2**21})

    await migrate_jetstream(backends.jetstream, small)
    state = (await backends.jetstream.stream_info("EVENTS")).state

    assert (state.messages, state.first_seq) == (4, state.last_seq - 3)
    await migrate_jetstream(backends.jetstream, engine_settings)
    await backends.jetstream.purge_stream("EVENTS")


@only_embedded
async def test_what_jetstream_refuses_names_the_settings(backends: Backends, engine_settings: Settings) -> None:
    with pytest.raises(SettingsInvalid, match="replicas") as raised:
        await migrate_jetstream(backends.jetstream, engine_settings.model_copy(update={"streams_replicas": 3}))

    assert raised.value.field == "PUG_STREAMS_REPLICAS"


async def test_a_migration_that_would_miss_what_comes_in_is_refused_while_workers_store(
    backends: Backends, engine_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(migrations.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "clickhouse" / "9999_counting.sql").write_text("SELECT 1")
    monkeypatch.setattr(migrations, "MIGRATIONS", tmp_path / "migrations")
    monkeypatch.setattr(migrations, "_WITHOUT_WORKERS", frozenset({"9999_counting"}))
    stop, working_now = asyncio.Event(), asyncio.Event()

    async def work(_partition: int, stop: asyncio.Event) -> None:
        working_now.set()
        await stop.wait()

    working = asyncio.create_task(in_turns(backends.postgres, JOB, 1, work, stop))
    await asyncio.wait_for(working_now.wait(), 10)
    with pytest.raises(SchemaOlder, match="9999_counting"):
        await migrate(backends, engine_settings)
    stop.set()
    await working
    applied = await migrate(backends, engine_settings)
    await backends.clickhouse.command("DELETE FROM schema_migrations WHERE name = '9999_counting'")

    assert applied == ["9999_counting"]


async def test_who_cannot_be_sure_to_migrate_alone_ends(backends: Backends) -> None:
    # As when PostgreSQL starts again: the session is gone, and with it the lock.
    end = sqlalchemy.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted")

    async with migrations.alone(backends.postgres) as still_alone:
        await still_alone()
        async with backends.postgres.connect() as other:
            await other.execute(end, {"lock": 0x707567})
        with pytest.raises(StoreUnavailable):
            await still_alone()
