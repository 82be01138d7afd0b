"""Opens each engine for `pug doctor` and asks for its version."""

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from app.backends import engine_scheme, engine_urls, open_nats, open_postgres, open_store
from app.cli.doctor.checks import Check, bad, good, skipped
from app.embedded.folder import DataFolder, open_folder
from core.errors import PugError, SettingsInvalid, StoreUnavailable
from core.settings import Settings
from core.sql import sql

REMOTE_S = 5.0
_EMBEDDED_S = 120.0
_EMBEDDED = frozenset({"chdb", "embedded"})

Ask = Callable[[Settings, DataFolder], Awaitable[str]]


async def check_engines(settings: Settings, *, held_by: str | None, deep: bool) -> list[Check]:
    """Every engine: one with a URL is connected to, an embedded one is started only when asked for and nobody runs it."""
    urls = engine_urls(settings)

    async def check(name: str, setting: str, ask: Ask) -> Check:
        url = urls[setting]
        try:
            embedded = not url or engine_scheme(setting, url) in _EMBEDDED
        except SettingsInvalid as error:
            return bad(name, error.message, error.hint)
        if embedded and held_by:
            return good(name, f"embedded, runs under pid {held_by}")
        if embedded and not deep:
            return skipped(name, "embedded; started by `pug dev`, or now with --deep")
        return await answered(name, setting, ask(settings, folder), _EMBEDDED_S if embedded else REMOTE_S)

    async with open_folder(settings.data_dir) as folder:
        nats, postgres = await asyncio.gather(
            check("NATS", "NATS_URL", _nats_version),
            check("PostgreSQL", "POSTGRES_URL", _postgres_version),
        )
        # After the children: they are started from a process that has no chDB in it yet.
        clickhouse = await check("ClickHouse", "CLICKHOUSE_URL", clickhouse_version)
        return [clickhouse, nats, postgres]


async def answered(name: str, setting: str, asking: Awaitable[str], within_s: float) -> Check:
    """What an engine says when it is asked, or why it doesn't."""
    try:
        async with asyncio.timeout(within_s):
            return good(name, await asking)
    except TimeoutError:
        return bad(name, f"no answer within {within_s:.0f} s", f"Check {setting}, and that the server runs and can be reached from here.")
    except PugError as error:
        return bad(name, error.message, error.hint or f"Check {setting}.")
    except (OSError, SQLAlchemyError) as error:
        return bad(
            name, str(getattr(error, "orig", None) or error).strip().partition("\n")[0], f"Check {setting}, and that the server runs."
        )


async def clickhouse_version(settings: Settings, folder: DataFolder) -> str:
    """The version of ClickHouse."""
    async with open_store(settings, folder) as clickhouse:
        try:
            return str((await clickhouse.query(sql("SELECT version()"))).rows[0][0])
        except StoreUnavailable as error:
            # Its own hint is for Pug's callers, and sends them to `pug doctor`.
            raise StoreUnavailable(error.message, hint="Check CLICKHOUSE_URL, and that the server runs.") from error


async def _nats_version(settings: Settings, folder: DataFolder) -> str:
    async with open_nats(settings, folder) as connection:
        found = connection.connected_server_version
        return f"{found.major}.{found.minor}.{found.patch}"


async def _postgres_version(settings: Settings, folder: DataFolder) -> str:
    async with open_postgres(settings, folder) as engine, engine.connect() as connection:
        return str((await connection.execute(sqlalchemy.text("SHOW server_version"))).scalar_one())
