"""Takes a backup where no Pug runs: the engines are started for as long as it takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from app.backends import Backends, open_backends
from app.backup.manifest import Manifest
from app.backup.taking import Tell, require_embedded, take_backup
from app.embedded.folder import was_used
from app.schema import migrations_of, require_current, require_known
from app.working import run_workers
from core.errors import SchemaOlder, SettingsInvalid
from core.instruments import Instruments
from core.settings import Settings
from workers.pause import Pause


async def take_backup_of_stopped(settings: Settings, directory: Path, tell: Tell) -> Manifest:
    """Take a backup of a data folder that no process uses."""
    require_embedded(settings)
    data = settings.data_dir.expanduser().absolute()
    if not was_used(data):
        raise SettingsInvalid(
            f"There is nothing to back up in {data}: no Pug has run there.", field="PUG_DATA_DIR", hint="Say where its data is."
        )
    pause = Pause()
    async with open_backends(settings) as backends, _settling(settings, backends, pause):
        return await take_backup(backends, settings, directory, pause, tell)


@asynccontextmanager
async def _settling(settings: Settings, backends: Backends, pause: Pause) -> AsyncGenerator[None]:
    """While workers settle what a Pug that was killed left in doubt, if the schema is theirs; an older one is copied as it is."""
    migrations = await migrations_of(backends, settings)
    require_known(migrations)
    try:
        require_current(migrations)
    except SchemaOlder:
        yield
        return
    stop = asyncio.Event()
    working = asyncio.create_task(run_workers(settings, backends, Instruments.none(), stop, pause))
    try:
        yield
    finally:
        stop.set()
        await working
