"""Knows which migrations the engines have had, and refuses to serve on a schema of another version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

import sqlalchemy
from alembic.migration import MigrationContext
from nats.js.api import StreamInfo
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backends import Backends
from app.backup.manifest import Schema
from app.migrate import REVISION, described, postgres_scripts, rollups, scripts
from core.clickhouse import ClickHouse
from core.errors import SchemaNewer, SchemaOlder
from core.settings import Settings
from core.sql import sql
from workers.partition import STREAM


class State(StrEnum):
    """What became of a migration; one that this version does not know is of a newer one."""

    APPLIED = "applied"
    MISSING = "missing"
    # A stream that is there, as an older version made it.
    OUTDATED = "outdated"
    UNKNOWN = "unknown"


class Engine(StrEnum):
    """Whose schema it is."""

    POSTGRES = "PostgreSQL"
    CLICKHOUSE = "ClickHouse"
    JETSTREAM = "JetStream"


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration of an engine; without an optional one, which is a rollup, everything is answered all the same."""

    engine: Engine
    name: str
    state: State
    applied_at: datetime | None = None
    optional: bool = False


async def migrations_of(backends: Backends, settings: Settings, *, stores: bool = True) -> list[Migration]:
    """Every migration there is, engine by engine, in order; ClickHouse's only when it is open, which is `stores`."""
    return [
        *await postgres_migrations(backends.postgres),
        *(await clickhouse_migrations(backends.clickhouse) if stores else []),
        *await jetstream_migrations(backends.jetstream, settings),
    ]


def require_known(migrations: Iterable[Migration]) -> None:
    """Refuses a schema that a newer version has made."""
    if unknown := [each for each in migrations if each.state is State.UNKNOWN]:
        raise SchemaNewer(
            f"The schema is newer than this version of Pug, which does not know {_named(unknown)}.",
            hint="Install the newer Pug again. `pug migrate --status` shows all migrations.",
        )


def require_current(migrations: Iterable[Migration]) -> None:
    """Refuses a schema that this version was not written for. Rollups that aren't built yet are no reason."""
    known = list(migrations)
    require_known(known)
    if missing := [each for each in known if each.state in {State.MISSING, State.OUTDATED} and not each.optional]:
        raise SchemaOlder(
            f"The schema is older than this version of Pug: {_named(missing)} not applied.",
            hint="Run `pug migrate`; `pug dev` does it by itself. `pug migrate --status` shows all migrations.",
        )


async def applied_schema(backends: Backends) -> Schema:
    """What has been applied, as a backup's manifest says it."""
    async with backends.postgres.connect() as connection:
        current, _ = await connection.run_sync(_postgres_state)
    stream = await backends.jetstream.stream_info(STREAM)
    return Schema(current or "", await _applied_to_clickhouse(backends.clickhouse), _revision(stream))


def migrations_in(schema: Schema, settings: Settings) -> list[Migration]:
    """The migrations of the engines a backup was made of."""
    known = [script.revision for script in postgres_scripts()]
    wanted = described(settings)
    return [
        *classify_revisions(schema.postgres or None, known, {}),
        *classify_names(schema.clickhouse, [name for name, _ in scripts()], [rollup.name for rollup in rollups()]),
        Migration(Engine.JETSTREAM, STREAM, _compared(schema.jetstream, wanted.revision)),
    ]


def _named(migrations: Sequence[Migration]) -> str:
    return ", ".join(f"{each.name} ({each.engine})" for each in migrations)


async def postgres_migrations(postgres: AsyncEngine) -> list[Migration]:
    """PostgreSQL's migrations."""
    async with postgres.connect() as connection:
        current, applied_at = await connection.run_sync(_postgres_state)
    return classify_revisions(current, [script.revision for script in postgres_scripts()], applied_at)


def _postgres_state(connection: sqlalchemy.Connection) -> tuple[str | None, dict[str, datetime]]:
    current = MigrationContext.configure(connection).get_current_revision()
    if not sqlalchemy.inspect(connection).has_table("schema_history"):
        # It is there from the first migration that wrote down when.
        return current, {}
    return current, {row[0]: row[1] for row in connection.execute(sqlalchemy.text("SELECT name, applied_at FROM schema_history"))}


def classify_revisions(current: str | None, known: Sequence[str], applied_at: Mapping[str, datetime]) -> list[Migration]:
    """Those up to the current revision are applied; one that is not among the known ones came after all of them."""
    count = known.index(current) + 1 if current in known else 0 if current is None else len(known)
    states = [State.APPLIED] * count + [State.MISSING] * (len(known) - count)
    migrations = [Migration(Engine.POSTGRES, name, state, applied_at.get(name)) for name, state in zip(known, states, strict=True)]
    if current is not None and current not in known:
        migrations.append(Migration(Engine.POSTGRES, current, State.UNKNOWN, applied_at.get(current)))
    return migrations


async def clickhouse_migrations(clickhouse: ClickHouse) -> list[Migration]:
    """ClickHouse's migrations: tables, views and rollups."""
    applied = await _applied_to_clickhouse(clickhouse)
    return classify_names(applied, [name for name, _ in scripts()], [rollup.name for rollup in rollups()])


async def _applied_to_clickhouse(clickhouse: ClickHouse) -> dict[str, datetime]:
    there = sql("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'")
    if not (await clickhouse.query(there)).rows[0][0]:
        return {}
    found = await clickhouse.query(sql("SELECT name, max(toDateTime64(applied_at, 6, 'UTC')) FROM schema_migrations GROUP BY name"))
    return {str(name): cast("datetime", at) for name, at in found.rows}


def classify_names(applied: Mapping[str, datetime], known: Sequence[str], optional: Sequence[str]) -> list[Migration]:
    """Tables and rollups are applied once; of a view, whose name ends with a hash of its query, the latest counts."""
    migrations = [_classified(name, applied) for name in known]
    migrations += [_plain(name, applied, optional=True) for name in optional]
    stems = {_stem(name) for name in (*known, *optional)}
    unknown = [name for name in applied if _stem(name) not in stems]
    return [*migrations, *(Migration(Engine.CLICKHOUSE, name, State.UNKNOWN, applied[name]) for name in sorted(unknown))]


def _classified(name: str, applied: Mapping[str, datetime]) -> Migration:
    versions = [each for each in applied if _stem(each) == _stem(name)]
    latest = max(versions, key=lambda each: applied[each], default=None)
    if name in applied and latest is not None and applied[latest] > applied[name]:
        # It was replaced by a query this version doesn't know.
        return Migration(Engine.CLICKHOUSE, latest, State.UNKNOWN, applied[latest])
    return _plain(name, applied)


def _plain(name: str, applied: Mapping[str, datetime], *, optional: bool = False) -> Migration:
    return Migration(Engine.CLICKHOUSE, name, State.APPLIED if name in applied else State.MISSING, applied.get(name), optional)


def _stem(name: str) -> str:
    return name.partition("@")[0]


async def jetstream_migrations(jetstream: JetStreamContext, settings: Settings) -> list[Migration]:
    """The streams and buckets JetStream keeps in files, with when each was made."""
    wanted = described(settings)
    return [await _of_stream(jetstream, name, wanted.revision) for name in wanted.lasting]


async def _of_stream(jetstream: JetStreamContext, name: str, revision: int) -> Migration:
    try:
        found = await jetstream.stream_info(name)
    except NotFoundError:
        return Migration(Engine.JETSTREAM, name, State.MISSING)
    return Migration(Engine.JETSTREAM, name, _compared(_revision(found), revision), found.created)


def _revision(stream: StreamInfo) -> int:
    """By which revision of streams.yaml it was made; 0 by one of before they were numbered."""
    return int((stream.config.metadata or {}).get(REVISION, "0"))


def _compared(revision: int, wanted: int) -> State:
    if revision == wanted:
        return State.APPLIED
    return State.OUTDATED if revision < wanted else State.UNKNOWN
