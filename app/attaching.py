"""Reaches the engines of a Pug that runs, from another process: an operator's command beside `pug dev`, `serve` or `work`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from nats.aio.client import Client
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backends import engine_urls, is_embedded, open_nats, open_postgres
from app.embedded.folder import check_account, interrupted_restore, lock_holder, open_folder
from app.embedded.nats import running_nats
from app.embedded.postgres import running_postgres
from app.migrate import migrate_postgres
from app.schema import postgres_migrations, require_current, require_known
from core.errors import SettingsInvalid, StoreUnavailable, StreamUnavailable
from core.jetstream import connect
from core.postgres import create_engine
from core.settings import Settings

_CONNECT_S = 5.0
_POSTGRES_CONNECTIONS = 4
_STARTING_S = 10.0
_POLL_S = 0.05


@asynccontextmanager
async def attach_nats(settings: Settings) -> AsyncGenerator[Client]:
    """A connection to the NATS that Pug uses.

    When it is embedded and no Pug runs on the data folder, the server is started for as long as it is needed.
    """
    url = await _nats_url(settings)
    async with AsyncExitStack() as stack:
        if url is None:
            folder = await stack.enter_async_context(open_folder(settings.data_dir))
            yield await stack.enter_async_context(open_nats(settings, folder))
        else:
            yield await stack.enter_async_context(_connected(url))


@asynccontextmanager
async def attach_running_nats(settings: Settings) -> AsyncGenerator[Client]:
    """A connection to the NATS that Pug uses; raises StreamUnavailable when it is embedded and runs nowhere."""
    url = nats_url_now(settings)
    if url is None:
        raise interrupted_restore(settings.data_dir) or StreamUnavailable(
            "The embedded NATS does not run.", hint="Start Pug with `pug dev`."
        )
    async with _connected(url) as connection:
        yield connection


@asynccontextmanager
async def attach_postgres(settings: Settings) -> AsyncGenerator[AsyncEngine]:
    """Connections to the PostgreSQL that Pug uses, at the schema of this version; one that others use is never migrated under them.

    When it is embedded and no Pug runs on the data folder, the server is started for as long as it is needed.
    """
    async with AsyncExitStack() as stack:
        if postgres_url_now(settings) is not None:
            postgres = await stack.enter_async_context(attach_running_postgres(settings))
            require_current(await postgres_migrations(postgres))
        else:
            folder = await stack.enter_async_context(open_folder(settings.data_dir))
            postgres = await stack.enter_async_context(open_postgres(settings, folder))
            require_known(await postgres_migrations(postgres))
            await migrate_postgres(postgres)
        yield postgres


@asynccontextmanager
async def attach_running_postgres(settings: Settings) -> AsyncGenerator[AsyncEngine]:
    """Connections to the PostgreSQL that Pug uses; raises StoreUnavailable when it is embedded and runs nowhere."""
    url = postgres_url_now(settings)
    if url is None:
        raise interrupted_restore(settings.data_dir) or StoreUnavailable(
            "The embedded PostgreSQL does not run.", hint="Start Pug with `pug dev`."
        )
    engine = create_engine(url, connections=_POSTGRES_CONNECTIONS)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[Client]:
    connection = await connect([part.strip() for part in url.split(",")], within_s=_CONNECT_S)
    try:
        yield connection
    finally:
        await connection.close()


def nats_url_now(settings: Settings) -> str | None:
    """Where Pug's NATS answers now; None when it is embedded and runs nowhere."""
    if not is_embedded(settings, "NATS_URL"):
        return engine_urls(settings)["NATS_URL"]
    data = _own_folder(settings)
    return running_nats(data) if lock_holder(data) else None


def postgres_url_now(settings: Settings) -> URL | None:
    """Where Pug's PostgreSQL answers now; None when it is embedded and runs nowhere."""
    if not is_embedded(settings, "POSTGRES_URL"):
        return make_url(engine_urls(settings)["POSTGRES_URL"]).set(drivername="postgresql+psycopg")
    data = _own_folder(settings)
    return running_postgres(data) if lock_holder(data) else None


def _own_folder(settings: Settings) -> Path:
    data = settings.data_dir.expanduser().absolute()
    check_account(data)
    return data


async def _nats_url(settings: Settings) -> str | None:
    """Where NATS answers, waiting for one that is just being started; None when nobody runs it."""
    if not is_embedded(settings, "NATS_URL"):
        return nats_url_now(settings)
    data = _own_folder(settings)
    if not (data / "nats").is_dir():
        raise SettingsInvalid(
            f"There is no event stream in {data}: no Pug has run there.",
            field="PUG_DATA_DIR",
            hint="Start one with `pug dev`, or say where the stream is with PUG_DATA_DIR or NATS_URL.",
        )
    for _ in range(int(_STARTING_S / _POLL_S)):
        if not lock_holder(data):
            return None
        if url := running_nats(data):
            return url
        await asyncio.sleep(_POLL_S)
    raise StreamUnavailable(
        f"Process {lock_holder(data)} uses {data}, but no NATS of it answers.",
        hint="Try again once it has started or ended; if it uses a NATS elsewhere, set NATS_URL here too.",
    )
