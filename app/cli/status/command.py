"""`pug status`: whether everything runs, and keeps up."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Annotated

import typer
from rich.live import Live

from app.cli.client import CaCertificateOption, read_ca_certificate, read_settings, told_in_one_line
from app.cli.output import AsJson, data_console, json_text, print_json, print_line, print_table
from app.cli.status.facts import Status, problems
from app.cli.status.rendering import status_group, status_json
from core.settings import Settings
from core.telemetry import configure_logs

EPILOG = "Examples:  pug status   ·   pug status --watch   ·   pug status --json"

_EVERY_S = 1.0
# Blocks leave the stream all at once: rates and the pace are those of some seconds.
_REMEMBERED = 6


@told_in_one_line()
def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Ask again every second until Ctrl-C, and say how fast it goes.")] = False,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Show whether engines and workers run, and whether storing keeps up with capture; exits with 1 when something is down."""
    settings = read_settings()
    configure_logs(settings.log_format, "critical")
    trusted = read_ca_certificate(ca_certificate)
    if watch:
        try:
            asyncio.run(_watch(settings, trusted, as_json=as_json))
        except KeyboardInterrupt:
            return
    found = asyncio.run(_ask(settings, trusted))
    if as_json:
        print_json(status_json([found]))
    else:
        print_table(status_group([found]))
    if problems(found):
        raise typer.Exit(1)


async def _ask(settings: Settings, ca_certificate: bytes | None) -> Status:
    from app.cli.status.asking import ask  # noqa: PLC0415 (loads the engines' drivers, which other commands need not wait for)

    return await ask(settings, ca_certificate)


async def _watch(settings: Settings, ca_certificate: bytes | None, *, as_json: bool) -> None:
    history: deque[Status] = deque(maxlen=_REMEMBERED)
    with _shown(as_json=as_json) as show:
        while True:
            # Each time anew, so that an engine that was started again elsewhere is found.
            history.append(await _ask(settings, ca_certificate))
            show(history)
            await asyncio.sleep(_EVERY_S)


@contextlib.contextmanager
def _shown(*, as_json: bool) -> Generator[Callable[[Sequence[Status]], None]]:
    """What shows a status: a line of JSON each time, or tables, on a terminal those before replaced."""
    console = data_console()
    if as_json:
        yield lambda history: print_line(json_text(status_json(history)))
    elif not console.is_terminal:
        yield lambda history: print_table(status_group(history))
    else:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda history: live.update(status_group(history, live=True), refresh=True)
