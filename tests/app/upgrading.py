"""Run as a script with a folder: makes the schema of long ago with events in it, or upgrades it while a writer stores.

upgrading.py FOLDER old            the old schema, some blocks of events, an org; ends by itself
upgrading.py FOLDER new [STEP]     migrates; killed (SIGKILL) before that step, a statement or a call of a migration, when one is given

Says as JSON what is counted where, when it ends by itself. The writer notes each block before it stores it, as the worker's ledger does.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

from sqlalchemy import event, text

from app import migrate as migrations
from app.backends import Backends, open_backends
from app.schema import State, migrations_of
from core.clickhouse import ClickHouse
from core.errors import PugError
from core.settings import LogFormat, Settings
from core.sql import Sql
from core.telemetry import configure_logs
from workers.block import WRITERS, BlockRecord
from workers.store import EventStore

ROWS = 50
FIRST_BLOCKS = 20
BLOCKS = 40
RECORDED = Path(__file__).parents[1] / "data" / "schema-0004"
COUNTED = {
    "events": "SELECT count() FROM events",
    "ids": "SELECT uniqExact(event_id) FROM events",
    "schema_events": "SELECT sum(count) FROM schema_events",
    "schema_properties": "SELECT sum(count) FROM schema_properties WHERE key = 'plan'",
}
ROLLUPS = {
    "activity_hours": "SELECT sum(events) FROM activity_hours",
    "totals_hours": "SELECT sum(events) FROM totals_hours WHERE key = ''",
    "session_hours": "SELECT sum(events) FROM session_hours",
    "active_days": "SELECT uniqExact(distinct_hash, occurred_at) FROM active_days",
    "days": "SELECT uniqExact(distinct_hash, toDate(occurred_at)) FROM events",
}


async def main(folder: Path, version: str, kill_at: int) -> None:
    settings = Settings.model_validate({"data_dir": folder / "data", "CLICKHOUSE_URL": "", "NATS_URL": "", "POSTGRES_URL": ""})
    async with open_backends(settings) as backends:
        writer = Writer(backends.clickhouse, folder / "noted")
        if version == "old":
            with old_migrations():
                await migrations.migrate(backends, settings)
            await leave(backends)
            await writer.write(FIRST_BLOCKS)
            said = {"states": await states(backends, settings), **await counted(backends.clickhouse, COUNTED)}
        else:
            stepping = Steps(kill_at)
            writing = asyncio.create_task(writer.write(BLOCKS))
            with stepping.counted(backends):
                await migrations.migrate(backends, settings)
            await writing
            said = {
                "steps": stepping.made,
                "states": await states(backends, settings),
                "orgs": await orgs(backends),
                "again": await migrations.migrate(backends, settings),
                **await counted(backends.clickhouse, COUNTED | ROLLUPS),
            }
    sys.stdout.write(json.dumps(said) + "\n")


@contextlib.contextmanager
def old_migrations() -> Generator[None]:
    """The migrations as they were."""
    now = migrations.MIGRATIONS
    with tempfile.TemporaryDirectory() as made:
        old = Path(made)
        shutil.copytree(
            now / "postgres", old / "postgres", ignore=lambda _, names: [name for name in names if name[:4] > "0001" and name[0] == "0"]
        )
        (old / "clickhouse" / "views").mkdir(parents=True)
        for path in sorted((now / "clickhouse").glob("*.sql")):
            if path.stem <= "0004_marks":
                shutil.copy(path, old / "clickhouse")
        for path in RECORDED.glob("*.sql"):
            shutil.copy(path, old / "clickhouse" / "views")
        (old / "jetstream").mkdir()
        streams = (now / "jetstream" / "streams.yaml").read_text()
        (old / "jetstream" / "streams.yaml").write_text(streams.replace("\nrevision: 1\n", "\nrevision: 0\n"))
        migrations.MIGRATIONS = old
        try:
            yield
        finally:
            migrations.MIGRATIONS = now


class Steps:
    """Counts what migrations ask of the engines, and kills this process before the step that was asked for."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at = kill_at
        self.made = 0

    def step(self) -> None:
        self.made += 1
        if self.made == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextlib.contextmanager
    def counted(self, backends: Backends) -> Generator[None]:
        def before(*_: object) -> None:
            self.step()

        event.listen(backends.postgres.sync_engine, "before_cursor_execute", before)
        event.listen(backends.postgres.sync_engine, "commit", before)
        for engine, call in ((backends.clickhouse, "command"), (backends.jetstream, "add_stream"), (backends.jetstream, "update_stream")):
            setattr(engine, call, self._stepping(getattr(engine, call)))
        yield
        self._kill_at = 0

    def _stepping(self, act: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def stepped(*given: object, **named: object) -> object:
            self.step()
            return await act(*given, **named)

        return stepped


class Writer:
    """A writer of events that stores one block after the other, whatever becomes of the schema meanwhile."""

    def __init__(self, clickhouse: ClickHouse, noted: Path) -> None:
        # Not the one whose commands are counted.
        self._store = EventStore(clickhouse.apart(2))
        self._noted = noted

    async def write(self, blocks: int) -> None:
        await self._recover()
        for _ in range(blocks):
            stored_at = time.time_ns() // 1000
            stored_at += -stored_at % WRITERS
            rows = b"\n".join(row(number) for number in range(ROWS))
            self._note(stored_at, rows)
            await self._store.store(rows, BlockRecord(1, 1, 1, stored_at))
            await asyncio.sleep(0.02)

    async def _recover(self) -> None:
        """Complete the block that was being stored when the process was killed, once the tables it takes are there."""
        if not self._noted.exists():
            return
        line, _, rows = self._noted.read_bytes().partition(b"\n")
        while True:
            try:
                await self._store.complete(rows, BlockRecord(1, 1, 1, int(line)))
            except PugError:
                await asyncio.sleep(0.1)
            else:
                return

    def _note(self, stored_at: int, rows: bytes) -> None:
        draft = self._noted.with_suffix(".draft")
        draft.write_bytes(f"{stored_at}\n".encode() + rows)
        draft.replace(self._noted)


def row(number: int) -> bytes:
    at_ms = 1_790_000_000_000 + (number % 7) * 20 * 86_400_000
    properties = {"plan": ["free", "pro"][number % 2]}
    return json.dumps([str(uuid.uuid4()), 1, "seen", f"u{number % 13}", f"s{number}", at_ms, at_ms, properties, ""]).encode()


async def leave(backends: Backends) -> None:
    async with backends.postgres.begin() as connection:
        await connection.execute(text("INSERT INTO orgs (name) VALUES ('acme')"))


async def orgs(backends: Backends) -> list[str]:
    async with backends.postgres.connect() as connection:
        return list((await connection.execute(text("SELECT name FROM orgs"))).scalars())


async def states(backends: Backends, settings: Settings) -> dict[str, list[str]]:
    found = await migrations_of(backends, settings)
    return {state: [each.name for each in found if each.state is state] for state in State}


async def counted(clickhouse: ClickHouse, queries: dict[str, str]) -> dict[str, int]:
    return {name: int(str((await clickhouse.query(Sql((query,)))).rows[0][0])) for name, query in queries.items()}


if __name__ == "__main__":
    configure_logs(LogFormat.JSON, "warning")  # to standard error, out of the way of the answer
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if sys.argv[3:] else 0))
