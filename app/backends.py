"""Opens the engines. Which one is decided here and nowhere else, by the URL's scheme; an empty URL is the embedded engine.

CLICKHOUSE_URL  chdb                      in this process     clickhouse, clickhouses, http, https   a server
NATS_URL        embedded                  a child process     nats, tls                              one or more servers
POSTGRES_URL    embedded                  a child process     postgresql, postgresql+psycopg         a server
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client as ClickHouseClient
from nats.aio.client import Client as NatsClient
from nats.js.client import JetStreamContext
from opentelemetry.trace import Tracer
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.embedded.folder import DataFolder, open_folder
from app.embedded.nats import nats_server
from app.embedded.postgres import postgres_server
from app.replicated import CONSISTENT
from core.clickhouse import ClickHouse
from core.errors import SettingsInvalid
from core.jetstream import connect
from core.postgres import create_engine
from core.settings import Settings, StreamSync
from services.insights.turns import LOOKUPS

NO_SETTINGS: Mapping[str, str | int] = {}
_POSTGRES_CONNECTIONS = 10
_EMBEDDED = frozenset({"chdb", "embedded"})
_SCHEMES = {
    "CLICKHOUSE_URL": ("chdb", "clickhouse", "clickhouses", "http", "https"),
    "NATS_URL": ("embedded", "nats", "tls"),
    "POSTGRES_URL": ("embedded", "postgresql", "postgresql+psycopg"),
}


@dataclass(frozen=True, slots=True)
class Backends:
    """The engines, open. The folder exists when one of them is embedded."""

    clickhouse: ClickHouse
    nats: NatsClient
    jetstream: JetStreamContext
    postgres: AsyncEngine
    folder: DataFolder


@asynccontextmanager
async def open_backends(settings: Settings, *, stores: bool = True, tracer: Tracer | None = None) -> AsyncGenerator[Backends]:
    """All three engines, started where they are embedded and stopped at the end; ClickHouse is left closed unless `stores`.

    With a `tracer`, what they are asked within a span has one.
    """
    check_urls(settings)
    async with open_folder(settings.data_dir) as folder, AsyncExitStack() as stack:
        # Both of them come or go before an error is raised, so that none is left half open.
        opened = await asyncio.gather(
            stack.enter_async_context(open_nats(settings, folder)),
            stack.enter_async_context(open_postgres(settings, folder, tracer)),
            return_exceptions=True,
        )
        connection, postgres = opened
        if isinstance(connection, BaseException):
            raise connection
        if isinstance(postgres, BaseException):
            raise postgres
        # After the children: they are started from a process that has no chDB in it yet.
        clickhouse = await stack.enter_async_context(open_store(settings, folder, tracer)) if stores else ClickHouse(_closed, 1)
        yield Backends(clickhouse, connection, connection.jetstream(), postgres, folder)


@asynccontextmanager
async def open_nats(settings: Settings, folder: DataFolder) -> AsyncGenerator[NatsClient]:
    """A connection to NATS."""
    url = settings.nats_url.get_secret_value() or "embedded:"
    scheme = engine_scheme("NATS_URL", url)
    async with AsyncExitStack() as stack:
        if scheme == "embedded":
            url = await stack.enter_async_context(nats_server(folder, sync=settings.nats_sync))
        connection = await connect([part.strip() for part in url.split(",")])
        stack.push_async_callback(connection.close)
        yield connection


@asynccontextmanager
async def open_postgres(settings: Settings, folder: DataFolder, tracer: Tracer | None = None) -> AsyncGenerator[AsyncEngine]:
    """A pool of connections to PostgreSQL."""
    text = settings.postgres_url.get_secret_value() or "embedded:"
    scheme = engine_scheme("POSTGRES_URL", text)
    async with AsyncExitStack() as stack:
        url = (
            await stack.enter_async_context(postgres_server(folder))
            if scheme == "embedded"
            else make_url(text).set(drivername="postgresql+psycopg")
        )
        engine = create_engine(url, connections=_POSTGRES_CONNECTIONS, tracer=tracer)
        stack.push_async_callback(engine.dispose)
        yield engine


@asynccontextmanager
async def open_store(settings: Settings, folder: DataFolder, tracer: Tracer | None = None) -> AsyncGenerator[ClickHouse]:
    """A pool of connections to ClickHouse."""
    url = settings.clickhouse_url.get_secret_value() or f"chdb://{quote(str(folder.path / 'clickhouse'))}"
    if urlsplit(url).scheme == "chdb":
        # chDB locks its own folder too, but its error gives no reason.
        await folder.claim()
    clickhouse = open_clickhouse(
        url,
        # Queries leave some to look-ups.
        connections=settings.clickhouse_connections + LOOKUPS,
        memory_bytes=settings.clickhouse_memory_bytes,
        # It goes on when nothing more is accepted, and so makes the stream shorter; NATS and PostgreSQL go on when it refuses, too.
        keep_free_bytes=settings.disk_reserve_bytes // 4,
        forced=settings.nats_sync is StreamSync.ALWAYS,
        settings=CONSISTENT if settings.clickhouse_cluster else {},
        tracer=tracer,
    )
    try:
        yield clickhouse
    finally:
        await clickhouse.close()


def open_clickhouse(
    url: str,
    *,
    connections: int,
    memory_bytes: int,
    keep_free_bytes: int = 0,
    forced: bool = False,
    settings: Mapping[str, str | int] = NO_SETTINGS,
    tracer: Tracer | None = None,
) -> ClickHouse:
    """A pool of connections to the ClickHouse at the URL.

    The embedded engine uses at most `memory_bytes` as a whole, refuses to store when the disk has less than `keep_free_bytes`, and has an
    insert on the disk before it acknowledges it when `forced`.
    """
    scheme = engine_scheme("CLICKHOUSE_URL", url)
    if scheme == "chdb":
        options = _options(memory_bytes, keep_free_bytes, forced=forced)
        return ClickHouse(_embedded(Path(unquote(urlsplit(url).path)), options), connections, tracer)
    # The driver looks at the port only, and would speak plain HTTP to https://host.
    secure = scheme in {"https", "clickhouses"} or urlsplit(url).port in {443, 8443}
    given = dict(settings)
    return ClickHouse(
        lambda: clickhouse_connect.get_client(dsn=url, secure=secure, autogenerate_session_id=False, settings=given), connections, tracer
    )


def _closed() -> ClickHouseClient:
    raise SettingsInvalid("This process only takes events in and does without ClickHouse.", field="roles", hint="Give it the role query.")


def _options(memory_bytes: int, keep_free_bytes: int, *, forced: bool) -> str:
    # chDB ignores an option it doesn't know, so each of these was seen to act. By default its caches may grow to more than we allow in all.
    # An insert that is not forced to the disk outlives the process, not a power cut.
    # Backups go where their operator says; no query that Pug writes for others has a path in it.
    return f"""\
<clickhouse>
  <backups><allowed_path>/</allowed_path></backups>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{memory_bytes // 8}</mark_cache_size>
  <primary_index_cache_size>{memory_bytes // 8}</primary_index_cache_size>
  <storage_configuration>
    <disks><default><keep_free_space_bytes>{keep_free_bytes}</keep_free_space_bytes></default></disks>
  </storage_configuration>
  <merge_tree>
    <fsync_after_insert>{int(forced)}</fsync_after_insert>
    <fsync_part_directory>{int(forced)}</fsync_part_directory>
  </merge_tree>
</clickhouse>
"""


def _embedded(folder: Path, options: str) -> Callable[[], ClickHouseClient]:
    _make_private(folder)
    config = folder.parent / f"{folder.name}.xml"
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(options)
    return lambda: _counting(clickhouse_connect.get_client(interface="chdb", path=str(folder), chdb_options={"config-file": str(config)}))


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        # It may be older than this rule, or lie in a folder that was made before Pug and lets everybody in.
        folder.chmod(0o700)


class _Result(Protocol):
    """What chDB tells about a query that ran."""

    def storage_rows_read(self) -> int: ...

    def storage_bytes_read(self) -> int: ...


def _counting(client: ClickHouseClient) -> ClickHouseClient:
    # The driver gives the number of rows in the result for that of the rows the query read; a server tells the latter.
    def summary(result: _Result) -> dict[str, str]:
        return {"read_rows": str(result.storage_rows_read()), "read_bytes": str(result.storage_bytes_read())}

    setattr(vars(client)["_backend"], "_summary", summary)  # noqa: B010 (it is the driver's own)
    return client


def check_urls(settings: Settings) -> None:
    """Refuses a URL no engine could be opened with, before any of them is."""
    for setting, url in engine_urls(settings).items():
        if url:
            engine_scheme(setting, url)


def engine_urls(settings: Settings) -> dict[str, str]:
    """The URL of each engine by its setting; an empty one is the embedded engine's."""
    urls = (settings.clickhouse_url, settings.nats_url, settings.postgres_url)
    return {setting: url.get_secret_value() for setting, url in zip(_SCHEMES, urls, strict=True)}


def is_embedded(settings: Settings, setting: str) -> bool:
    """Whether the engine of that setting is one Pug starts itself; refuses a URL that leads nowhere."""
    url = engine_urls(settings)[setting]
    return not url or engine_scheme(setting, url) in _EMBEDDED


def engine_scheme(setting: str, url: str) -> str:
    """The scheme of an engine's URL, which says how to open it; refuses a URL that leads nowhere."""
    allowed = _SCHEMES[setting]
    try:
        scheme = urlsplit(url).scheme
        leads_somewhere = scheme not in allowed or _leads_somewhere(scheme, url)
    except (ValueError, ArgumentError):
        # Without the cause: it repeats a part of the URL, which may be that of the password.
        raise _not_a_url(setting) from None
    if scheme not in allowed:
        raise SettingsInvalid(
            f"{setting} has the scheme {scheme!r}, which is none of {', '.join(allowed)}.",
            field=setting,
            hint="Leave it empty for the embedded engine.",
        )
    if not leads_somewhere:
        raise _not_a_url(setting)
    return scheme


def _leads_somewhere(scheme: str, url: str) -> bool:
    if scheme == "embedded" or (scheme.startswith("postgresql") and make_url(url)):
        return True
    if scheme == "chdb":
        return bool(urlsplit(url).path)
    servers = [urlsplit(part.strip()) for part in (url.split(",") if scheme in {"nats", "tls"} else [url])]
    # An @ in the path is the end of a password with a slash in it. Reading a port is what checks it.
    return all(server.scheme == scheme and server.hostname and server.port != 0 and "@" not in server.path for server in servers)


def _not_a_url(setting: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"{setting} is not a complete URL of an engine.",
        field=setting,
        hint="Check host and port, and write special characters of the password in percent: / as %2F, @ as %40.",
    )
