"""Copies PostgreSQL by its own pg_dump, as of one snapshot, and puts the copy back by pg_restore."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.embedded.postgres import programs, server_environment
from app.embedded.server import ChildServer, Launch

_WITHIN_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the database, for as long as the connection that took it is open."""

    connection: AsyncConnection
    name: str

    async def rows(self) -> dict[str, int]:
        """How many rows each table has in it."""
        tables = await self.connection.run_sync(lambda sync: sorted(inspect(sync).get_table_names()))
        counted: dict[str, int] = {}
        for table in tables:
            quoted = self.connection.dialect.identifier_preparer.quote(table)
            counted[table] = int((await self.connection.execute(text(f"SELECT count(*) FROM {quoted}"))).scalar_one())  # noqa: S608 (quoted)
        return counted


@asynccontextmanager
async def snapshot_of(postgres: AsyncEngine) -> AsyncGenerator[Snapshot]:
    """This moment of the database."""
    async with postgres.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        name = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
        yield Snapshot(connection, str(name))


async def dump(url: URL, snapshot: Snapshot, target: Path, data: Path, lock: int) -> None:
    """Write the database, as of the snapshot, into a file."""
    await _run("pg_dump", [f"--snapshot={snapshot.name}", "--format=custom", f"--file={target}"], url, data, lock)


async def restore_dump(url: URL, source: Path, data: Path, lock: int) -> None:
    """Put a dump into an empty database, all of it or nothing."""
    await _run("pg_restore", ["--single-transaction", "--exit-on-error", "--no-owner", str(source)], url, data, lock)


async def _run(program: str, arguments: list[str], url: URL, data: Path, lock: int) -> None:
    where = [f"--host={url.query['host']}", f"--port={url.port}", f"--username={url.username}", f"--dbname={url.database}", "--no-password"]
    launch = Launch(
        name=program,
        command=(str(programs() / program), *where, *arguments),
        folder=data,
        log=data / "postgres.log",
        lock=lock,
        death_signal=signal.SIGKILL,
        environment=server_environment(),
    )
    await ChildServer(launch).finished(_WITHIN_S)
