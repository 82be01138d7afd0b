"""Which migrations were applied, and what is said of a schema of another version."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from app import migrate
from app.backends import Backends
from app.backup.manifest import Schema
from app.schema import (
    Engine,
    Migration,
    State,
    applied_schema,
    classify_names,
    classify_revisions,
    jetstream_migrations,
    migrations_in,
    migrations_of,
    require_current,
    require_known,
)
from core.errors import SchemaNewer, SchemaOlder
from core.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)
KNOWN = ("0001_a", "0002_b", "0003_c")
# Of streams.yaml, by which each of its revisions is known. Whoever changes the file raises its revision, and puts both here.
REVISION, CONTENT = 1, "a944fdc066013aa7"


def states(migrations: list[Migration]) -> dict[str, State]:
    return {each.name: each.state for each in migrations}


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (None, ["missing", "missing", "missing"]),
        ("0002_b", ["applied", "applied", "missing"]),
        ("0003_c", ["applied", "applied", "applied"]),
        ("0004_d", ["applied", "applied", "applied", "unknown"]),
    ],
)
def test_postgres_has_had_what_comes_before_its_revision(current: str | None, expected: list[str]) -> None:
    assert [each.state for each in classify_revisions(current, KNOWN, {})] == expected


def test_clickhouse_has_had_what_it_names() -> None:
    found = classify_names({"0001_a": NOON, "0009_z": LATER}, ["0001_a", "0002_b"], ["sums"])

    assert states(found) == {"0001_a": "applied", "0002_b": "missing", "sums": "missing", "0009_z": "unknown"}
    assert [each.name for each in found if each.optional] == ["sums"]


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ({}, {"view@2": "missing"}),
        ({"view@1": NOON}, {"view@2": "missing"}),
        ({"view@1": NOON, "view@2": LATER}, {"view@2": "applied"}),
        ({"view@2": NOON, "view@3": LATER}, {"view@3": "unknown"}),
        ({"view@2": NOON, "view@3": NOON + timedelta(microseconds=1)}, {"view@3": "unknown"}),
    ],
)
def test_of_a_view_the_latest_query_counts(applied: dict[str, datetime], expected: dict[str, str]) -> None:
    assert states(classify_names(applied, ["view@2"], [])) == expected


def test_a_schema_is_refused_by_the_names_that_are_missing_or_unknown() -> None:
    missing = Migration(Engine.CLICKHOUSE, "0008_next", State.MISSING)
    unknown = Migration(Engine.POSTGRES, "0009_later", State.UNKNOWN)
    rollup = Migration(Engine.CLICKHOUSE, "sums", State.MISSING, optional=True)

    require_current([rollup])
    require_known([missing])
    with pytest.raises(SchemaOlder, match=r"0008_next \(ClickHouse\)") as older:
        require_current([missing, rollup])
    with pytest.raises(SchemaNewer, match=r"0009_later \(PostgreSQL\)") as newer:
        require_current([missing, unknown])

    assert "pug migrate" in older.value.hint
    assert "newer Pug" in newer.value.hint


async def test_migrated_engines_have_had_all_and_say_when(backends: Backends, engine_settings: Settings) -> None:
    found = await migrations_of(backends, engine_settings)

    assert {each.engine for each in found} == set(Engine)
    assert [each for each in found if each.state is not State.APPLIED] == []
    assert all(each.applied_at and each.applied_at.tzinfo for each in found)


async def test_a_stream_that_is_gone_is_missing_and_one_of_a_later_revision_is_unknown(
    backends: Backends, engine_settings: Settings
) -> None:
    dead = (await backends.jetstream.stream_info("DEAD")).config
    try:
        await backends.jetstream.update_stream(dead.evolve(metadata={**(dead.metadata or {}), migrate.REVISION: "999"}))
        later = states(await jetstream_migrations(backends.jetstream, engine_settings))
        await backends.jetstream.delete_stream("DEAD")
        gone = states(await jetstream_migrations(backends.jetstream, engine_settings))
    finally:
        await migrate.migrate_jetstream(backends.jetstream, engine_settings)

    assert (later["DEAD"], gone["DEAD"], gone["EVENTS"]) == ("unknown", "missing", "applied")
    assert states(await jetstream_migrations(backends.jetstream, engine_settings))["DEAD"] == "applied"


async def test_what_a_backup_says_is_applied_is_what_is_applied(backends: Backends, engine_settings: Settings) -> None:
    written = await applied_schema(backends)

    require_current(migrations_in(written, engine_settings))
    for newer in (
        Schema("0999_later", written.clickhouse, written.jetstream),
        Schema(written.postgres, {**written.clickhouse, "0999_later": NOON}, written.jetstream),
        Schema(written.postgres, written.clickhouse, written.jetstream + 1),
    ):
        with pytest.raises(SchemaNewer):
            require_known(migrations_in(newer, engine_settings))


def test_the_revision_of_the_streams_goes_up_with_their_description(engine_settings: Settings) -> None:
    content = (migrate.MIGRATIONS / "jetstream" / "streams.yaml").read_bytes()

    assert (migrate.described(engine_settings).revision, sha256(content).hexdigest()[:16]) == (REVISION, CONTENT)
