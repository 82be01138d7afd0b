"""`pug queries`: what queries take."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.client import CliError, read_settings, told_in_one_line
from app.cli.output import AsJson, data_console, instant_text, print_json, print_table, table
from app.cli.status.work import slow_json
from core.errors import PugError
from core.pulse import SlowQuery
from core.settings import Settings
from core.telemetry import configure_logs

app = typer.Typer(no_args_is_help=True, help="See what queries take, of all processes that run.")


@app.callback()
def queries() -> None:
    """See what queries take, of all processes that run."""


@app.command("slow", epilog="Examples:  pug queries slow   ·   pug queries slow --limit 5 --json")
@told_in_one_line()
def slow(*, limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20, as_json: AsJson = False) -> None:
    """List the slow queries of the last hour (PUG_SLOW_QUERY_S), the slowest first, without names of events and values."""
    settings = read_settings()
    configure_logs(settings.log_format, "critical")
    try:
        found = asyncio.run(_slow(settings))[:limit]
    except PugError as error:
        raise CliError(error.message, error.hint) from error
    if as_json:
        print_json([slow_json(each) for each in found])
    elif not found:
        data_console().print(f"No query of the last hour took longer than {settings.slow_query_s:g} s.")
    else:
        _print(found)


async def _slow(settings: Settings) -> list[SlowQuery]:
    from app.attaching import attach_running_nats  # noqa: PLC0415 (loads the engines' drivers, which other commands need not wait for)
    from app.reporting.over_nats import ask_processes  # noqa: PLC0415 (as above)

    async with attach_running_nats(settings) as connection:
        found = [query for process in await ask_processes(connection) for query in process.slow]
    return sorted(found, key=lambda each: -each.seconds)


def _print(found: Sequence[SlowQuery]) -> None:
    """Numbers side by side, and the questions below, which are long."""
    columns = ("#", "seconds", "waited", "at", "project", "kind", "source", "rows read")
    rows = [
        (
            str(place),
            f"{each.seconds:,.1f}",
            f"{each.waited_seconds:,.1f}",
            instant_text(each.at),
            str(each.project),
            f"{each.kind} · {each.error}" if each.error else each.kind,
            each.source,
            f"{each.rows_read:,}",
        )
        for place, each in enumerate(found, 1)
    ]
    print_table(table(columns, rows, numbers=(0, 1, 2, 4, 7)))
    questions = [(str(place), f"{each.outline} [{each.fingerprint}]") for place, each in enumerate(found, 1)]
    print_table(table(("#", "question"), questions, numbers=(0,)))
