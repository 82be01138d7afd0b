"""Has a running Pug take the backup, because no other process may open its ClickHouse.

The command asks through the embedded NATS, which lets in whoever can read its token: the account Pug runs as.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from app.backends import Backends
from app.backup.manifest import Manifest
from app.backup.taking import Progress, Tell, require_embedded, take_backup
from core.errors import BackupInvalid, PugError, SettingsInvalid, StoreFailed
from core.settings import Settings
from workers.pause import Pause

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SUBJECT = "pug.backup"
_TELL_EVERY_S = 0.2
_ANSWER_WITHIN_S = 10.0
_SILENT_FOR_S = 60.0


@asynccontextmanager
async def taking_backups(backends: Backends, settings: Settings, pause: Pause) -> AsyncGenerator[None]:
    """While backups are taken for whoever asks, one at a time; where an engine is a server, for nobody."""
    try:
        require_embedded(settings)
    except SettingsInvalid:
        yield
        return
    taking: set[asyncio.Task[None]] = set()

    async def asked(request: Msg) -> None:
        taker = _Taker(backends, settings, pause, request)
        task = asyncio.create_task(taker.refuse() if taking else taker.take())
        taking.add(task)
        task.add_done_callback(taking.discard)

    subscription = await backends.nats.subscribe(_SUBJECT, cb=asked)
    try:
        yield
    finally:
        await subscription.unsubscribe()
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)


class _Taker:
    """Takes one backup, and says how far it is to whoever asked; when they don't listen any more it ends."""

    def __init__(self, backends: Backends, settings: Settings, pause: Pause, request: Msg) -> None:
        self._backends = backends
        self._settings = settings
        self._pause = pause
        self._request = request
        self._progress = Progress("beginning")

    async def refuse(self) -> None:
        """Say that another is being taken."""
        await self._say({"error": "Another backup is being taken.", "hint": "Wait until it is done."})

    async def take(self) -> None:
        """Take it."""
        directory = Path(json.loads(self._request.data)["directory"])
        taking = asyncio.create_task(take_backup(self._backends, self._settings, directory, self._pause, self._note))
        try:
            while not taking.done():
                await self._say({"progress": asdict(self._progress)})
                await asyncio.wait({taking}, timeout=_TELL_EVERY_S)
            manifest = taking.result()
            log.info("backup_taken", directory=str(directory), bytes=manifest.size)
            await self._say({"manifest": msgspec.to_builtins(manifest)})
        except PugError as error:
            await self._say({"error": error.message, "hint": error.hint})
        except (nats.errors.Error, TimeoutError) as error:
            log.warning("backup_given_up", directory=str(directory), error=str(error) or type(error).__name__)
        except Exception as error:
            log.exception("backup_failed", directory=str(directory))
            await self._say({"error": f"The backup failed: {type(error).__name__}.", "hint": "Pug's log has more."})
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    async def _say(self, what: dict[str, object]) -> None:
        await self._backends.nats.request(self._request.reply, json.dumps(what).encode(), timeout=_ANSWER_WITHIN_S)


async def have_backup_taken(connection: Client, directory: Path, tell: Tell) -> Manifest:
    """Have the Pug that runs with this NATS take a backup."""
    inbox = connection.new_inbox()
    answers = await connection.subscribe(inbox)
    try:
        await connection.publish(_SUBJECT, json.dumps({"directory": str(directory)}).encode(), reply=inbox)
        while True:
            message = await answers.next_msg(_SILENT_FOR_S)
            if (message.headers or {}).get("Status") == "503":
                raise BackupInvalid("The Pug that runs here takes no backups.", hint="Try again once it has started, or stop it first.")
            await message.respond(b"")
            answer = json.loads(message.data)
            if "error" in answer:
                raise BackupInvalid(answer["error"], hint=answer["hint"])
            if "manifest" in answer:
                return msgspec.convert(answer["manifest"], Manifest)
            tell(Progress(**answer["progress"]))
    except (nats.errors.Error, TimeoutError) as error:
        raise StoreFailed("Pug ended, or hangs, before the backup was done.", hint="Nothing is left that looks like a backup.") from error
    finally:
        with contextlib.suppress(nats.errors.Error):
            await answers.unsubscribe()
