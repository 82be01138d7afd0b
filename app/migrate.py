"""Brings the engines' schemas up to what the code expects."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from string import Template

import msgspec
import sqlalchemy
import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError
from nats.js.kv import KeyValue
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backends import Backends
from app.replicated import on_cluster
from app.rollups import Rollup, build
from core.clickhouse import ClickHouse
from core.errors import SchemaOlder, SettingsInvalid
from core.postgres import SCHEMA_LOCK, answering
from core.settings import Settings
from core.sql import sql, text
from core.stream import PARTITIONS, partitions_of
from workers.partition import JOB as WORKERS
from workers.turn import taking_part

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MIGRATIONS = Path(__file__).parent.parent / "migrations"

# What the revision of streams.yaml is called among the metadata of each stream.
REVISION = "pug.revision"

_APPLIED = "CREATE TABLE IF NOT EXISTS schema_migrations (name String, applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY name"
# A quoted string, a quoted name or a comment (whose semicolons are not the end of a statement); or a semicolon.
_STEP = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|/\*.*?\*/|(?P<end>;)", re.DOTALL)

# It counts what is stored and then begins to count what comes in: what is stored in between would be left out. (A rollup is not so.)
_WITHOUT_WORKERS = frozenset({"0006_activity"})

_NEW_QUERY = re.compile(r"ALTER TABLE (\w+) MODIFY QUERY\b")


async def migrate(backends: Backends, settings: Settings) -> list[str]:
    """Bring all three engines up to date and return what was applied; processes that do it at once wait for each other.

    Killed anywhere it goes on where it was: PostgreSQL has all of a migration or nothing, ClickHouse's statements may run twice, and a
    rollup is begun anew. Workers may go on meanwhile, but for one migration of long ago. That the schema isn't newer is for whoever calls
    to see (app/schema.py).
    """
    async with alone(backends.postgres) as still_alone:

        async def may_apply(name: str) -> None:
            await still_alone()
            if name in _WITHOUT_WORKERS and await taking_part(backends.postgres, WORKERS):
                raise SchemaOlder(
                    f"{name} cannot be applied while workers store events.",
                    hint="Stop them; capture may go on, and they store afterwards what has come in.",
                )

        return [
            *await migrate_postgres(backends.postgres),
            *await migrate_clickhouse(backends.clickhouse, settings.clickhouse_cluster, may_apply),
            *await migrate_jetstream(backends.jetstream, settings),
        ]


@asynccontextmanager
async def alone(postgres: AsyncEngine) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """While no other process migrates; yields what raises when that isn't certain any more, because PostgreSQL has been away."""
    # The lock is the session's, so it also goes when we are killed.
    async with postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": SCHEMA_LOCK})

        async def still_alone() -> None:
            with answering():
                await connection.execute(sqlalchemy.text("SELECT 1"))

        try:
            yield still_alone
        finally:
            # Returned to the pool it would keep the lock.
            await connection.invalidate()


async def migrate_postgres(postgres: AsyncEngine) -> list[str]:
    """Apply the migrations PostgreSQL has not had yet, in order; returns their names."""
    async with postgres.connect() as connection:
        applied = await connection.run_sync(_upgrade)
        await connection.commit()
    return applied


def _upgrade(connection: sqlalchemy.Connection) -> list[str]:
    config = _alembic()
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    missing = [script.revision for script in postgres_scripts(after=current)]
    command.upgrade(config, "head")
    return missing


def postgres_scripts(*, after: str | None = None) -> list[Script]:
    """PostgreSQL's migrations, in order; those after one of them."""
    return list(ScriptDirectory.from_config(_alembic()).iterate_revisions("head", after or "base"))[::-1]


def _alembic() -> Config:
    config = Config()
    # A percent sign would begin a reference to another option.
    config.set_main_option("script_location", str(MIGRATIONS / "postgres").replace("%", "%%"))
    return config


def postgres_head() -> str:
    """The last of PostgreSQL's migrations."""
    return postgres_scripts()[-1].revision


def postgres_knows(revision: str) -> bool:
    """Whether this version has that migration."""
    return any(script.revision == revision for script in postgres_scripts())


async def _may(_name: str) -> None:
    """Apply anything."""


async def migrate_clickhouse(clickhouse: ClickHouse, cluster: str = "", may_apply: Callable[[str], Awaitable[None]] = _may) -> list[str]:
    """Apply the migrations ClickHouse has not had yet, in order, then the views that have changed, then build rollups; returns their names.

    With the name of a `cluster`, tables are replicated over it. `may_apply` raises what keeps one of them from being applied now.

    Every statement may run twice (`IF NOT EXISTS`), because ClickHouse has no transaction to take back half a file.
    """
    await clickhouse.command(on_cluster(_APPLIED, cluster))
    applied = [name for name, script in scripts() if await _apply_once(clickhouse, name, script, cluster, may_apply)]
    return applied + [rollup.name for rollup in rollups() if await _build_once(clickhouse, rollup, cluster, may_apply)]


def scripts() -> list[tuple[str, str]]:
    """The name and the text of every script, in order.

    A view's query is replaced whole, so its file is edited in place, and known by its content.
    """
    folder = MIGRATIONS / "clickhouse"
    tables = [(path.stem, path.read_text()) for path in sorted(folder.glob("*.sql"))]
    views = [(path.stem, path.read_text()) for path in sorted((folder / "views").glob("*.sql"))]
    return [*tables, *((f"{stem}@{sha256(script.encode()).hexdigest()[:16]}", script) for stem, script in views)]


async def _apply_once(clickhouse: ClickHouse, name: str, script: str, cluster: str, may_apply: Callable[[str], Awaitable[None]]) -> bool:
    latest = sql(
        "SELECT argMax(name, applied_at) = {name} FROM schema_migrations WHERE splitByChar('@', name)[1] = {stem}",
        name=text(name),
        stem=text(name.partition("@")[0]),
    )
    if (await clickhouse.query(latest)).rows[0][0]:
        return False
    await may_apply(name)
    for statement in statements(script):
        await _run(clickhouse, statement, cluster)
    await clickhouse.command(f"INSERT INTO schema_migrations (name) VALUES ('{name}')")  # noqa: S608 (our own file name)
    return True


def rollups() -> list[Rollup]:
    """Every rollup, in order."""
    return [Rollup(path.stem, *statements(path.read_text())) for path in sorted((MIGRATIONS / "clickhouse" / "rollups").glob("*.sql"))]


async def _build_once(clickhouse: ClickHouse, rollup: Rollup, cluster: str, may_apply: Callable[[str], Awaitable[None]]) -> bool:
    built = sql("SELECT count() FROM schema_migrations WHERE name = {name}", name=text(rollup.name))
    if (await clickhouse.query(built)).rows[0][0]:
        return False
    await may_apply(rollup.name)
    await build(clickhouse, rollup, cluster)
    await clickhouse.command(f"INSERT INTO schema_migrations (name) VALUES ('{rollup.name}')")  # noqa: S608 (our own file name)
    return True


async def _run(clickhouse: ClickHouse, statement: str, cluster: str) -> None:
    view = _NEW_QUERY.match(statement)
    if not view:
        await clickhouse.command(on_cluster(statement, cluster))
        return
    # A view whose query was replaced gives its blocks other deduplication tokens until it is renamed or the server starts again, so that a
    # block that came again would count twice. A rename loses no insert; killed in the middle, the next migration finds the other name.
    name, aside = view[1], f"{view[1]}_aside"
    renamed = (f"RENAME TABLE {name} TO {aside}", f"RENAME TABLE {aside} TO {name}")
    for step in (f"RENAME TABLE IF EXISTS {aside} TO {name}", statement, *renamed):
        await clickhouse.command(on_cluster(step, cluster))


def statements(script: str) -> list[str]:
    """The statements of a script, without comments; a semicolon in a string, a name or a comment ends nothing."""
    pieces: list[str] = []
    statement, position = "", 0
    for step in _STEP.finditer(script):
        comment = step.group().startswith(("--", "/*"))
        statement += script[position : step.start()] + ("" if comment or step["end"] else step.group())
        position = step.end()
        if step["end"]:
            pieces.append(statement)
            statement = ""
    pieces.append(statement + script[position:])
    return [piece.strip() for piece in pieces if piece.strip()]


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream as streams.yaml describes it."""

    name: str
    subjects: list[str]
    retention: RetentionPolicy
    discard: DiscardPolicy
    max_bytes: int
    max_msg_size: int
    duplicate_window: timedelta
    max_age: timedelta = timedelta()
    # How many partitions its subjects have. It travels with the stream, so that every process goes by the same number.
    partitions: int = 1


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key-value bucket as streams.yaml describes it."""

    name: str
    history: int
    storage: StorageType = StorageType.FILE
    # Whether a value may say how long it is to be kept.
    values_expire: bool = False
    max_age: timedelta = timedelta()
    max_bytes: int | None = None
    backed_up: bool = True

    @property
    def stream(self) -> str:
        """The stream that keeps it."""
        return f"KV_{self.name}"

    @property
    def lasts(self) -> bool:
        """Whether it outlives its server; one in memory is made when it is needed."""
        return self.storage is StorageType.FILE


class Streams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What JetStream keeps, as streams.yaml describes it."""

    revision: int
    streams: list[Stream]
    buckets: list[Bucket]
    replicas: int

    @property
    def lasting(self) -> list[str]:
        """The names of the streams that outlive their server, buckets' too."""
        return [*(stream.name for stream in self.streams), *(bucket.stream for bucket in self.buckets if bucket.lasts)]

    @property
    def backed_up(self) -> list[str]:
        """The names of those that are in a backup."""
        unwanted = {bucket.stream for bucket in self.buckets if not bucket.backed_up}
        return [name for name in self.lasting if name not in unwanted]


async def migrate_jetstream(jetstream: JetStreamContext, settings: Settings) -> list[str]:
    """Make the streams and buckets, or bring them up to their description; returns the names of those that changed."""
    wanted = described(settings)
    configs = [_stream_config(stream, wanted) for stream in wanted.streams]
    configs += [_bucket_config(bucket, wanted) for bucket in wanted.buckets]
    return [str(config.name) for config in configs if await _apply(jetstream, config)]


async def open_bucket(jetstream: JetStreamContext, settings: Settings, name: str) -> KeyValue:
    """A key-value bucket, made anew when the server has lost it: one in memory ends with a server that stands alone."""
    try:
        return await jetstream.key_value(name)
    except BucketNotFoundError:
        wanted = described(settings)
        bucket = next(bucket for bucket in wanted.buckets if bucket.name == name)
        await jetstream.add_stream(_bucket_config(bucket, wanted))
        return await jetstream.key_value(name)


def described(settings: Settings) -> Streams:
    """The streams and buckets there have to be."""
    text_of_it = Template((MIGRATIONS / "jetstream" / "streams.yaml").read_text()).substitute(
        stream_max_bytes=settings.stream_max_bytes,
        streams_replicas=settings.streams_replicas,
        event_partitions=settings.event_partitions,
    )
    return msgspec.yaml.decode(text_of_it, type=Streams)


def _stream_config(stream: Stream, described: Streams) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=stream.subjects,
        retention=stream.retention,
        storage=StorageType.FILE,
        discard=stream.discard,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_msg_size,
        max_age=stream.max_age.total_seconds(),
        duplicate_window=stream.duplicate_window.total_seconds(),
        allow_direct=True,
        num_replicas=described.replicas,
        # Rows of several partitions are published in one transaction.
        allow_atomic=True,
        metadata={PARTITIONS: str(stream.partitions), REVISION: str(described.revision)},
    )


def _bucket_config(bucket: Bucket, described: Streams) -> StreamConfig:
    # What a bucket is (ADR-8 of NATS); the client library can make one, but not change it.
    return StreamConfig(
        name=bucket.stream,
        subjects=[f"$KV.{bucket.name}.>"],
        storage=bucket.storage,
        discard=DiscardPolicy.NEW,
        max_age=bucket.max_age.total_seconds(),
        max_bytes=bucket.max_bytes,
        allow_msg_ttl=bucket.values_expire or None,
        max_msgs_per_subject=bucket.history,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
        num_replicas=described.replicas,
        metadata={REVISION: str(described.revision)},
    )


async def _apply(jetstream: JetStreamContext, wanted: StreamConfig) -> bool:
    try:
        return await _make_or_change(jetstream, str(wanted.name), wanted)
    except APIError as error:
        raise SettingsInvalid(
            f"JetStream refuses the stream {wanted.name} as it should be: {error.description}.",
            field="PUG_STREAMS_REPLICAS",
            hint="PUG_STREAMS_REPLICAS and PUG_STREAM_MAX_BYTES have to fit the NATS servers; the embedded one keeps one replica.",
        ) from error


async def _make_or_change(jetstream: JetStreamContext, name: str, wanted: StreamConfig) -> bool:
    try:
        found = await jetstream.stream_info(name)
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return True
    # What the description leaves open stays as the server has it.
    unsaid = vars(StreamConfig())
    present = found.config
    changed = present.evolve(**{field: value for field, value in vars(wanted).items() if value != unsaid[field]})
    changed.metadata = {**(present.metadata or {}), **(wanted.metadata or {})} or None
    if found.state.messages and partitions_of(present) != partitions_of(changed):
        # An event that came again could meet another worker than the one that still has to store it.
        log.warning("partitions_kept", stream=name, partitions=partitions_of(present), waiting_messages=found.state.messages)
        changed.metadata = {**(changed.metadata or {}), PARTITIONS: str(partitions_of(present))}
    if changed.as_dict() == present.as_dict():
        return False
    await jetstream.update_stream(changed)
    return True
