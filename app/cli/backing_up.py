"""`pug backup` and `pug restore`: all that the embedded engines hold, in one folder."""

import asyncio
import resource
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from app.cli.client import read_settings, told_in_one_line
from app.cli.output import AsJson, bytes_text, instant_text, note, print_json, print_table, table
from core.settings import Settings
from core.telemetry import configure_logs

if TYPE_CHECKING:
    # They bring the engines along, which other commands need not wait for.
    from app.backup.manifest import Manifest
    from app.backup.taking import Progress

BACKUP_EPILOG = "Example:  pug backup /backups/2026-03-01"
RESTORE_EPILOG = "Example:  PUG_DATA_DIR=/tmp/rehearsal pug restore /backups/2026-03-01"


@told_in_one_line()
def backup(
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that isn't there yet.")],
    as_json: AsJson = False,
) -> None:
    """Copy all that the embedded engines hold into a folder, while Pug runs or without it. It holds secrets: keep it safe."""
    manifest = _run(_taken, directory)
    if as_json:
        print_json(_facts(directory, manifest))
        return
    _show(directory, manifest)
    note("It is worth as much as the data folder: keep it where nobody else can read it.")


@told_in_one_line()
def restore(
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `pug backup` made.")],
    as_json: AsJson = False,
) -> None:
    """Put a backup into the data folder (PUG_DATA_DIR), which has to be empty. Its checksums are verified first."""
    manifest = _run(_restored, directory)
    if as_json:
        print_json(_facts(directory, manifest))
        return
    _show(directory, manifest)
    note(f"Restored into {read_settings().data_dir}: `pug dev` starts it, and migrates it if it is of an older version.")


def _taken(settings: Settings, directory: Path, tell: "Callable[[Progress], None]") -> "Coroutine[None, None, Manifest]":
    from app.backup.taking import require_embedded  # noqa: PLC0415 (other commands need not wait for the engines)
    from app.embedded.folder import lock_holder  # noqa: PLC0415 (as above)

    require_embedded(settings)
    if lock_holder(settings.data_dir.expanduser().absolute()):
        return _taken_beside(settings, directory, tell)

    from app.backup.stopped import take_backup_of_stopped  # noqa: PLC0415 (not needed beside a running Pug)

    return take_backup_of_stopped(settings, directory, tell)


async def _taken_beside(settings: Settings, directory: Path, tell: "Callable[[Progress], None]") -> "Manifest":
    from app.attaching import attach_nats  # noqa: PLC0415 (as above)
    from app.backup.beside import have_backup_taken  # noqa: PLC0415 (as above)

    async with attach_nats(settings) as connection:
        return await have_backup_taken(connection, directory, tell)


def _restored(settings: Settings, directory: Path, tell: "Callable[[Progress], None]") -> "Coroutine[None, None, Manifest]":
    from app.backup.restoring import restore_backup  # noqa: PLC0415 (other commands need not wait for the engines)

    return restore_backup(settings, directory, tell)


def _run(act: "Callable[[Settings, Path, Callable[[Progress], None]], Coroutine[None, None, Manifest]]", directory: Path) -> "Manifest":
    settings = read_settings()
    configure_logs(settings.log_format, "warning")
    # ClickHouse opens a file for each column of each part.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _bar() as tell:
        return asyncio.run(act(settings, directory.expanduser().absolute(), tell))


@contextmanager
def _bar() -> "Generator[Callable[[Progress], None]]":
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("")
        yield lambda progress: bars.update(task, description=progress.step, completed=progress.done, total=progress.of or None)


def _facts(directory: Path, manifest: "Manifest") -> dict[str, object]:
    import msgspec  # noqa: PLC0415 (as above)

    facts: dict[str, object] = msgspec.to_builtins(manifest)
    return {"directory": str(directory.expanduser().absolute()), "bytes": manifest.size, **facts}


def _show(directory: Path, manifest: "Manifest") -> None:
    watermark = manifest.watermark
    print_table(
        table(
            ("what", "is"),
            [
                ("backup", str(directory)),
                ("of", f"Pug {manifest.pug}"),
                ("events accepted until", instant_text(watermark.accepted_until)),
                ("stored events", f"{watermark.stored_events:,}"),
                ("messages not stored yet", f"{watermark.waiting_messages:,}"),
                ("size", bytes_text(manifest.size)),
            ],
        )
    )
