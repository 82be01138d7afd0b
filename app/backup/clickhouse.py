"""Copies ClickHouse by its own BACKUP, which holds on to the parts there are when it begins, and RESTORE."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from core.clickhouse import ClickHouse
from core.errors import StoreFailed
from core.sql import sql, text

_LOOK_EVERY_S = 0.05
_RUNNING = frozenset({"CREATING_BACKUP", "RESTORING"})
_DONE = frozenset({"BACKUP_CREATED", "RESTORED"})

Progress = Callable[[int, int], None]


class Copying:
    """A BACKUP that is under way."""

    def __init__(self, clickhouse: ClickHouse, number: str) -> None:
        self._clickhouse = clickhouse
        self._number = number

    async def parts_held(self) -> None:
        """Return once everything that will be in it is held: what is stored from now on is not."""
        while True:
            status, files, _ = await self._look()
            # Files are counted as they are written, and the first is when all parts of all tables have been collected.
            if files or status in _DONE:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def done(self, progress: Callable[[int], None]) -> None:
        """Return when it is written; says now and then how many bytes are so far."""
        while True:
            status, _, size = await self._look()
            progress(size)
            if status in _DONE:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def end(self) -> None:
        """End it if it is still under way, and return when it has ended."""
        running = sql("SELECT query_id FROM system.backups WHERE id = {number} AND status = 'CREATING_BACKUP'", number=text(self._number))
        while found := (await self._clickhouse.query(running)).rows:
            await self._clickhouse.command(f"KILL QUERY WHERE query_id = '{found[0][0]}' ASYNC")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self) -> tuple[str, int, int]:
        found = await self._clickhouse.query(
            sql("SELECT toString(status), num_files, total_size, error FROM system.backups WHERE id = {number}", number=text(self._number))
        )
        status, files, size, error = cast("tuple[str, int, int, str]", found.rows[0])
        if status not in _RUNNING | _DONE:
            raise StoreFailed(f"ClickHouse could not write its part: {error.partition(chr(10))[0][:500]}")
        return status, files, size


@asynccontextmanager
async def copying(clickhouse: ClickHouse, target: Path) -> AsyncGenerator[Copying]:
    """A BACKUP of all tables and views into a file, ended when it isn't done."""
    number = f"pug-{uuid.uuid4().hex}"
    await clickhouse.command(f"BACKUP DATABASE default TO File({_quoted(target)}) SETTINGS id = '{number}' ASYNC")
    backup = Copying(clickhouse, number)
    try:
        yield backup
    finally:
        await backup.end()


async def restore_copy(clickhouse: ClickHouse, source: Path) -> None:
    """Put the copy into a ClickHouse that has no tables yet."""
    await clickhouse.command(f"RESTORE DATABASE default FROM File({_quoted(source)})")


async def size_of(clickhouse: ClickHouse) -> int:
    """About how many bytes a copy will have."""
    found = await clickhouse.query(sql("SELECT toUInt64(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = 'default'"))
    return cast("int", found.rows[0][0])


async def stored_events(clickhouse: ClickHouse) -> int:
    """How many events are stored."""
    return cast("int", (await clickhouse.query(sql("SELECT count() FROM events"))).rows[0][0])


def _quoted(path: Path) -> str:
    # A driver binds values to SELECTs only; this is how ClickHouse reads any text.
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
