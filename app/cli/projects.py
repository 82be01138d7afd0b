"""`pug projects`: new projects, made in PostgreSQL itself, because their first keys have to come from somewhere."""

import asyncio
from dataclasses import asdict
from typing import Annotated
from zoneinfo import available_timezones

import typer

from app.cli.client import UsageError, read_settings, told_in_one_line
from app.cli.output import AsJson, note, print_json, print_table, table
from core.telemetry import configure_logs

app = typer.Typer(no_args_is_help=True, help="Make a project with its first keys. Also beside a Pug that runs.")

_NAME_LENGTH = 150


@app.callback()
def projects() -> None:
    """Make a project with its first keys. Also beside a Pug that runs."""


@app.command(epilog="Example:  pug projects create 'Web shop' --time-zone Europe/Berlin")
@told_in_one_line()
def create(
    *,
    name: Annotated[str, typer.Argument(help="A name for people, at most 150 characters.")],
    time_zone: Annotated[str, typer.Option(help="The IANA zone its days are cut in.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Make a project, with a write key and a secret key that may read and administer. Both are shown this once."""
    if not 0 < len(name) <= _NAME_LENGTH:
        raise UsageError("The name of a project has 1 to 150 characters.")
    if time_zone not in available_timezones():
        raise UsageError(f"There is no time zone {time_zone!r}.", "Use an IANA name such as Europe/Berlin.")
    made = asyncio.run(_create(name, time_zone))
    if as_json:
        print_json(made)
        return
    print_table(table(("project", "write key", "secret key"), [tuple(made.values())]))
    note("Keep the secret key: it is stored as a hash and cannot be shown again.")


async def _create(name: str, time_zone: str) -> dict[str, str]:
    from app.attaching import attach_postgres  # noqa: PLC0415 (other commands need not wait for the engines)
    from app.projects import create_project  # noqa: PLC0415 (as above)
    from services.accounts.repository import AccountsRepository  # noqa: PLC0415 (as above)

    settings = read_settings()
    configure_logs(settings.log_format, "warning")
    async with attach_postgres(settings) as postgres:
        return asdict(await create_project(AccountsRepository(postgres), name, time_zone))
