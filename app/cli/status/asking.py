"""Asks each engine how it is, all at once. An engine that doesn't answer is part of the answer."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import cast

import msgspec
import nats.errors
import nats.js.errors
import sqlalchemy
from nats.aio.client import Client
from sqlalchemy import URL
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.attaching import attach_running_nats, is_embedded, postgres_url_now
from app.cli.client import CliError, read_dev_notes
from app.cli.dead.stream import DEAD
from app.cli.doctor.checks import Check, State, bad, check_http, good
from app.cli.doctor.engines import REMOTE_S, answered, clickhouse_version
from app.cli.output import instant_text
from app.cli.status.facts import Consumer, DeadStream, EventStream, OpenJobs, People, Schema, Status, Turn
from app.disk import Space, space_at
from app.embedded.folder import interrupted_restore, lock_holder, open_folder
from app.migrate import postgres_head
from app.reporting.engine_watch import PEOPLE_WAITING
from app.reporting.over_nats import ask_processes
from app.reporting.report import Report
from core.errors import PugError, StreamUnavailable
from core.postgres import create_engine
from core.settings import Settings
from core.stream import PARTITIONS
from workers.erasure.jobs import OPEN as OPEN_ERASURES
from workers.erasure.worker import JOB as ERASER
from workers.partition import JOB, STREAM, Partition
from workers.people import JOB as PEOPLE
from workers.removals import JOB as REMOVALS

_API_WITHIN_S = 3.0
# A lock of two numbers, as workers/turn.py takes them: the job and the partition.
_TURN = sqlalchemy.text("""
    SELECT COALESCE(host(activity.client_addr), 'this machine'), activity.backend_start
    FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 2
      AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid::bigint = hashtext(:job)::bigint & 4294967295 AND objid = :partition + 1
""")
_SCHEMA = sqlalchemy.text("SELECT max(version_num), pg_database_size(current_database()) FROM alembic_version")

_DELETIONS = sqlalchemy.text("SELECT count(*), min(requested_at) FROM project_deletions WHERE state != 'done'")


class _State(msgspec.Struct, frozen=True):
    messages: int = 0
    bytes: int = 0
    last_seq: int = 0
    first_ts: datetime | None = None
    subjects: dict[str, int] = {}


class _Config(msgspec.Struct, frozen=True):
    max_bytes: int = -1
    metadata: dict[str, str] = {}


class _Info(msgspec.Struct, frozen=True):
    state: _State
    config: _Config


@dataclass(frozen=True, slots=True)
class _Told:
    """What can be asked over NATS."""

    events: EventStream
    consumers: tuple[Consumer, ...]
    dead: DeadStream
    processes: tuple[Report, ...]


@dataclass(slots=True)
class _Found:
    """What PostgreSQL says."""

    turns: tuple[Turn, ...] = ()
    people: People | None = None
    erasures: OpenJobs | None = None
    deletions: OpenJobs | None = None
    schema: Schema | None = None


async def ask(settings: Settings, ca_certificate: bytes | None) -> Status:
    """How everything is now."""
    clickhouse, (nats_check, told) = await asyncio.gather(_clickhouse(settings, ca_certificate), _nats(settings))
    count = told.events.partitions if told else 1
    postgres, found = await _postgres(settings, [Partition(number, count) for number in range(count)])
    return Status(
        datetime.now(UTC),
        (clickhouse, nats_check, postgres),
        events=told.events if told else None,
        consumers=told.consumers if told else (),
        dead=told.dead if told else None,
        turns=found.turns if found else None,
        people=found.people if found else None,
        erasures=found.erasures if found else None,
        deletions=found.deletions if found else None,
        processes=told.processes if told else None,
        disk=_disk(settings),
        schema=found.schema if found else None,
    )


def _disk(settings: Settings) -> Space | None:
    """That of the data folder, where an engine keeps its data there."""
    try:
        embedded = any(is_embedded(settings, setting) for setting in ("CLICKHOUSE_URL", "NATS_URL", "POSTGRES_URL"))
    except PugError:
        return None
    return space_at(settings.data_dir) if embedded else None


async def _clickhouse(settings: Settings, ca_certificate: bytes | None) -> Check:
    name, setting = "ClickHouse", "CLICKHOUSE_URL"
    try:
        embedded = is_embedded(settings, setting)
    except PugError as error:
        return bad(name, error.message, error.hint)
    if not embedded:
        async with open_folder(settings.data_dir) as folder:
            return await answered(name, setting, clickhouse_version(settings, folder), REMOTE_S)
    holder = lock_holder(settings.data_dir)
    if holder is None:
        return _not_running(name, settings)
    # It lives in that process and nowhere else, so how the process answers says how it is.
    found = f"{version('chdb-core')}, embedded, in process pid {holder}"
    answers = await asyncio.to_thread(_check_pug, settings, ca_certificate)
    if answers and answers.state is State.BAD:
        return bad(name, f"{found}; {answers.found}", answers.fix)
    return good(name, found)


def _not_running(name: str, settings: Settings) -> Check:
    """An embedded engine that nobody runs, of which `pug dev` makes one that runs unless it would refuse the data folder."""
    if restore := interrupted_restore(settings.data_dir):
        return bad(name, restore.message, restore.hint)
    return bad(name, f"embedded, and no Pug runs it on {settings.data_dir}", "Start it with `pug dev`.")


def _check_pug(settings: Settings, ca_certificate: bytes | None) -> Check | None:
    try:
        notes = read_dev_notes(settings.data_dir)
    except CliError:
        return None
    # Only `pug dev` writes down where it listens.
    return check_http(notes.http_url, ca_certificate) if notes else None


async def _nats(settings: Settings) -> tuple[Check, _Told | None]:
    told: list[_Told] = []

    async def ask_nats() -> str:
        async with attach_running_nats(settings) as connection:
            told.append(
                _Told(*await asyncio.gather(_events(connection), _consumers(connection), _dead(connection), _processes(connection)))
            )
            found = connection.connected_server_version
            return f"{found.major}.{found.minor}.{found.patch}, {_place(settings, 'NATS_URL')}"

    check = await answered("NATS", "NATS_URL", ask_nats(), 2 * REMOTE_S)
    return check, told[0] if told else None


async def _processes(connection: Client) -> tuple[Report, ...]:
    return tuple(await ask_processes(connection))


async def _events(connection: Client) -> EventStream:
    info = await _info(connection, STREAM)
    state = info.state
    oldest = state.first_ts if state.messages else None
    return EventStream(state.messages, state.bytes, info.config.max_bytes, state.last_seq, oldest, state.subjects, _partitions(info.config))


def _partitions(config: _Config) -> int:
    return int(config.metadata.get(PARTITIONS, 1))


async def _consumers(connection: Client) -> tuple[Consumer, ...]:
    try:
        found = await connection.jetstream().consumers_info(STREAM)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
        raise _silent(STREAM, error) from error
    return tuple(
        Consumer(
            each.name,
            each.num_pending or 0,
            each.num_ack_pending or 0,
            each.delivered.stream_seq if each.delivered else 0,
            each.delivered.last_active if each.delivered else None,
        )
        for each in sorted(found, key=lambda each: each.name)
    )


async def _dead(connection: Client) -> DeadStream:
    state = (await _info(connection, DEAD)).state
    if not state.messages:
        return DeadStream(0, 0, None, "")
    return DeadStream(state.messages, state.bytes, state.first_ts, await _last_reason(connection))


async def _last_reason(connection: Client) -> str:
    try:
        last = await connection.jetstream().get_msg(DEAD, subject="dead.>", direct=True)
    except nats.js.errors.NotFoundError:
        return ""
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
        raise _silent(DEAD, error) from error
    return cast("dict[str, str]", last.headers or {}).get("Pug-Reason", "")


async def _info(connection: Client, stream: str) -> _Info:
    # Asked of the server itself, because nats-py leaves `first_ts` out of what it returns of a stream's state.
    question = json.dumps({"subjects_filter": ">"}).encode()
    try:
        answer = await connection.request(f"$JS.API.STREAM.INFO.{stream}", question, timeout=_API_WITHIN_S)
        return msgspec.json.decode(answer.data, type=_Info)
    except msgspec.ValidationError:
        raise StreamUnavailable(f"NATS has no stream {stream}.", hint="`pug migrate` makes it.") from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise _silent(stream, error) from error


def _silent(stream: str, error: Exception) -> StreamUnavailable:
    return StreamUnavailable(f"NATS does not answer about the stream {stream}: {str(error) or type(error).__name__}.")


async def _postgres(settings: Settings, partitions: Sequence[Partition]) -> tuple[Check, _Found | None]:
    name = "PostgreSQL"
    try:
        url = postgres_url_now(settings)
    except PugError as error:
        return bad(name, error.message, error.hint), None
    if url is None:
        return _not_running(name, settings), None
    found = _Found()
    check = await answered(name, "POSTGRES_URL", _ask_postgres(settings, url, partitions, found), REMOTE_S)
    return check, found if check.state is State.GOOD else None


async def _ask_postgres(settings: Settings, url: URL, partitions: Sequence[Partition], found: _Found) -> str:
    engine = create_engine(url, connections=1)
    try:
        async with engine.connect() as connection:
            jobs = [
                *((JOB, each.number, each.worker) for each in partitions),
                (PEOPLE, 0, PEOPLE),
                (ERASER, 0, ERASER),
                (REMOVALS, 0, REMOVALS),
            ]
            found.turns = tuple([await _turn(connection, *job) for job in jobs])
            version = str((await connection.execute(sqlalchemy.text("SHOW server_version"))).scalar_one())
            # Last, and no reason to call PostgreSQL bad: before `pug migrate` the tables aren't there, or not as they are now.
            with contextlib.suppress(ProgrammingError):
                revision, size = (await connection.execute(_SCHEMA)).one()
                found.schema = Schema(revision, postgres_head(), size)
                found.erasures = OpenJobs(*(await connection.execute(OPEN_ERASURES)).one())
                found.deletions = OpenJobs(*(await connection.execute(_DELETIONS)).one())
                found.people = People(*(await connection.execute(PEOPLE_WAITING)).one())
        return f"{version}, {_place(settings, 'POSTGRES_URL')}"
    finally:
        await engine.dispose()


async def _turn(connection: AsyncConnection, job: str, partition: int, worker: str) -> Turn:
    row = (await connection.execute(_TURN, {"job": job, "partition": partition})).first()
    return Turn(worker, _holder(row[0], row[1]) if row else None)


def _holder(address: str, since: datetime | None) -> str:
    # PostgreSQL tells one role nothing of another's sessions but that they are there.
    return f"from {address}, connected since {instant_text(since)}" if since else "as another role"


def _place(settings: Settings, setting: str) -> str:
    return f"embedded, under pid {lock_holder(settings.data_dir)}" if is_embedded(settings, setting) else "a server"
