"""Whether the engines that answer are what this version needs: their versions, their clocks and PostgreSQL's schema."""

import asyncio
import json
import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import nats.errors
import sqlalchemy
from nats.aio.client import Client
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from app.attaching import attach_running_nats, attach_running_postgres, is_embedded
from app.backends import open_store
from app.cli.doctor.checks import Check, bad, good, skipped, warning
from app.embedded.folder import open_folder
from app.migrate import postgres_head, postgres_knows
from app.reporting.engine_watch import store_of
from app.reporting.over_nats import ask_processes
from app.reporting.report import Store
from core.errors import PugError
from core.settings import Settings
from workers.partition import STREAM

T = TypeVar("T")

_WITHIN_S = 5.0
_CLOSE = timedelta(seconds=1)
_FAR = timedelta(minutes=1)
# Those that Pug is tested with, and the oldest NATS that publishes to several partitions in one transaction.
_TESTED = {"ClickHouse": (26, 9), "PostgreSQL": (18,), "NATS": (2, 12)}
_CLOCK = sqlalchemy.text("SELECT current_setting('server_version'), clock_timestamp()")
_REVISION = sqlalchemy.text("SELECT max(version_num) FROM alembic_version")


@dataclass(frozen=True, slots=True)
class Seen:
    """An engine that answered: its version, and how far its clock is ahead of ours."""

    engine: str
    version: str
    ahead: timedelta


async def check_agreement(settings: Settings) -> list[Check]:
    """Versions, clocks and schema, of the engines that answer; about those that don't others have spoken."""
    asked = await asyncio.gather(_within(_nats(settings)), _within(_postgres(settings)), _within(_clickhouse(settings)))
    nats_seen, postgres, clickhouse = asked
    seen = [each for each in (nats_seen, postgres[0] if postgres else None, clickhouse) if each]
    if not seen:
        return [skipped(name, "no engine runs to be asked") for name in ("versions", "clocks", "schema")]
    return [*check_versions(seen, settings.event_partitions), check_clocks(seen), check_schema(postgres[1] if postgres else None)]


def check_versions(seen: Sequence[Seen], partitions: int) -> list[Check]:
    """Whether engines are at least those that Pug is tested with."""
    name = "versions"
    found: list[Check] = []
    for each in seen:
        tested = _TESTED[each.engine]
        wanted = ".".join(map(str, tested))
        if _numbers(each.version)[: len(tested)] >= tested:
            continue
        if each.engine == "NATS" and partitions > 1:
            found.append(bad(name, f"NATS {each.version}; several partitions need {wanted}", "Upgrade it, or set PUG_EVENT_PARTITIONS=1."))
        else:
            found.append(
                warning(name, f"{each.engine} {each.version}, older than any that Pug is tested with", f"Upgrade it to {wanted} or newer.")
            )
    return found or [good(name, ", ".join(f"{each.engine} {each.version}" for each in seen))]


def check_clocks(seen: Sequence[Seen]) -> Check:
    """Whether engines have this machine's time: lag, watermarks and ranges such as today are by several clocks."""
    name, fix = "clocks", "Let every machine keep its time by NTP (chrony, systemd-timesyncd)."
    found = ", ".join(f"{each.engine} {each.ahead.total_seconds():+.1f} s" for each in seen)
    worst = max(abs(each.ahead) for each in seen)
    if worst >= _FAR:
        return bad(name, found, fix)
    return warning(name, found, fix) if worst >= _CLOSE else good(name, found)


def check_schema(revision: str | None) -> Check:
    """Whether PostgreSQL's schema is that of this version; `revision` is its last migration, empty for none, None when it isn't known."""
    name, head = "schema", postgres_head()
    if revision is None:
        return skipped(name, "PostgreSQL does not answer")
    if revision == head:
        return good(name, revision)
    if revision and not postgres_knows(revision):
        return bad(name, f"{revision}, which is of a newer Pug", "Install the newer version again.")
    return bad(name, f"{revision or 'none'}; this version has {head}", "Run `pug migrate`; `pug dev` does it by itself.")


async def _nats(settings: Settings) -> Seen:
    async with attach_running_nats(settings) as connection:
        version = connection.connected_server_version
        return Seen("NATS", f"{version.major}.{version.minor}.{version.patch}", await _ahead_of_nats(connection))


async def _ahead_of_nats(connection: Client) -> timedelta:
    """JetStream says its time with what it says of a stream."""
    began = datetime.now(UTC)
    answer = await connection.request(f"$JS.API.STREAM.INFO.{STREAM}", timeout=_WITHIN_S)
    said = json.loads(answer.data).get("ts")
    return _ahead(datetime.fromisoformat(said), began) if said else timedelta()


async def _postgres(settings: Settings) -> tuple[Seen, str]:
    async with attach_running_postgres(settings) as engine, engine.connect() as connection:
        began = datetime.now(UTC)
        version, clock = (await connection.execute(_CLOCK)).one()
        seen = Seen("PostgreSQL", str(version).partition(" ")[0], _ahead(clock, began))
        try:
            return seen, (await connection.execute(_REVISION)).scalar_one() or ""
        except ProgrammingError:
            return seen, ""


async def _clickhouse(settings: Settings) -> Seen | None:
    """A server is asked itself; of an embedded one the process says it that it lives in."""
    if is_embedded(settings, "CLICKHOUSE_URL"):
        async with attach_running_nats(settings) as connection:
            stores = [each.store for each in await ask_processes(connection) if each.store]
        return _seen_store(stores[0]) if stores else None
    async with open_folder(settings.data_dir) as folder, open_store(settings, folder) as clickhouse:
        return _seen_store(await store_of(clickhouse))


def _seen_store(store: Store) -> Seen:
    return Seen("ClickHouse", store.version, store.clock - store.asked_at)


async def _within(asking: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await asking
    except (PugError, SQLAlchemyError, nats.errors.Error, OSError, ValueError):
        return None


def _ahead(clock: datetime, began: datetime) -> timedelta:
    """How far a clock is ahead that was read between then and now; half of the way there is the best guess."""
    return clock - (began + (datetime.now(UTC) - began) / 2)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
