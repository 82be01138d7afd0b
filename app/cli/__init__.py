"""The command line: `pug`."""

import importlib.metadata
from typing import Annotated

import typer

from app.cli import accounts, backing_up, keys, migrating, projects, seeding, server
from app.cli.dashboards import command as dashboards
from app.cli.dead import command as dead
from app.cli.doctor import command as doctor
from app.cli.erasure import command as erasure
from app.cli.importing import command as importing
from app.cli.persons import command as persons
from app.cli.queries import command as queries
from app.cli.querying import command as querying
from app.cli.querying import schema
from app.cli.status import command as status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Start with `pug dev`; then, in another terminal, `pug import`, `pug query` and `pug schema` find it by themselves.",
)


def main() -> None:
    """Run the command line."""
    app()


def _version(asked: bool) -> None:  # noqa: FBT001 (typer calls it so)
    if asked:
        typer.echo(f"pug {importlib.metadata.version('pug')}")
        raise typer.Exit


@app.callback()
def pug(
    *,
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Pug: self-hosted product analytics."""


for command in (server.dev, server.serve, server.work):
    app.command(rich_help_panel="Run Pug")(command)
app.command(epilog=migrating.EPILOG, rich_help_panel="Run Pug")(migrating.migrate)
app.add_typer(projects.app, name="projects", rich_help_panel="Run Pug")
app.add_typer(accounts.app, name="accounts", rich_help_panel="Run Pug")
app.command(epilog=seeding.EPILOG, rich_help_panel="Run Pug")(seeding.seed)
app.command(epilog=backing_up.BACKUP_EPILOG, rich_help_panel="Run Pug")(backing_up.backup)
app.command(epilog=backing_up.RESTORE_EPILOG, rich_help_panel="Run Pug")(backing_up.restore)
app.command("import", epilog=importing.EPILOG, rich_help_panel="Use Pug")(importing.import_file)
app.add_typer(querying.app, name="query", rich_help_panel="Use Pug")
app.command(epilog=schema.EPILOG, rich_help_panel="Use Pug")(schema.schema)
app.add_typer(dashboards.app, name="dashboards", rich_help_panel="Use Pug")
app.add_typer(persons.app, name="persons", rich_help_panel="Use Pug")
app.add_typer(keys.app, name="keys", rich_help_panel="Use Pug")
app.add_typer(erasure.app, name="erasure", rich_help_panel="Use Pug")
app.command(epilog=doctor.EPILOG, rich_help_panel="Run Pug")(doctor.doctor)
app.command(epilog=status.EPILOG, rich_help_panel="Run Pug")(status.status)
app.add_typer(queries.app, name="queries", rich_help_panel="Run Pug")
app.add_typer(dead.app, name="dead", rich_help_panel="Run Pug")
