"""`pug migrate`: brings the engines' schemas up to this version, or says how far they are."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.client import CliError, told_in_one_line
from app.cli.output import AsJson, data_console, instant_text, note, print_json, print_table, table
from app.cli.server import run_command, serving_settings
from core.settings import Settings

if TYPE_CHECKING:
    from app.schema import Migration

EPILOG = "Examples:  pug migrate   ·   pug migrate --status --json"


@told_in_one_line()
def migrate(
    *,
    status: Annotated[bool, typer.Option("--status", help="Change nothing: say what is applied; exit with 1 unless all of it is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the engines' schemas up to what this version expects. Events may come in meanwhile; killed, it goes on the next time."""
    settings = serving_settings()
    if status:
        _show_status(settings, as_json=as_json)
        return
    applied: list[str] = []

    async def apply() -> None:
        from app.backends import open_backends  # noqa: PLC0415 (loads the engines, which other commands need not wait for)
        from app.migrate import migrate as migrate_engines  # noqa: PLC0415 (as above)
        from app.schema import migrations_of, require_known  # noqa: PLC0415 (as above)
        from app.schema_beside import telling_schema  # noqa: PLC0415 (as above)

        async with open_backends(settings) as backends, telling_schema(backends, settings):
            require_known(await migrations_of(backends, settings))
            applied.extend(await migrate_engines(backends, settings))

    run_command(apply())
    if as_json:
        print_json({"applied": applied})
    else:
        note("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


def _show_status(settings: Settings, *, as_json: bool) -> None:
    from app.attaching import is_embedded  # noqa: PLC0415 (as above)
    from app.embedded.folder import lock_holder, was_used  # noqa: PLC0415 (as above)
    from app.schema import State  # noqa: PLC0415 (as above)

    if is_embedded(settings, "POSTGRES_URL") and not was_used(settings.data_dir):
        # To ask the engines would make them.
        raise CliError(
            f"No Pug has run in {settings.data_dir.absolute()}: there is nothing to tell of.", "Say by PUG_DATA_DIR where its data is."
        )
    migrations: list[Migration] = []

    async def ask() -> None:
        if is_embedded(settings, "NATS_URL") and lock_holder(settings.data_dir.expanduser().absolute()):
            from app.attaching import attach_nats  # noqa: PLC0415 (as above)
            from app.schema_beside import have_schema_told  # noqa: PLC0415 (as above)

            async with attach_nats(settings) as connection:
                migrations.extend(await have_schema_told(connection))
            return

        from app.backends import open_backends  # noqa: PLC0415 (as above)
        from app.schema import migrations_of  # noqa: PLC0415 (as above)

        async with open_backends(settings) as backends:
            migrations.extend(await migrations_of(backends, settings))

    run_command(ask())
    if as_json:
        print_json([_facts(each) for each in migrations])
    else:
        print_table(table(("engine", "migration", "state", "applied"), [_row(each) for each in migrations]))
    counts = {state: sum(each.state is state for each in migrations) for state in State}
    if counts[State.APPLIED] == len(migrations):
        return
    if not as_json:
        console = data_console()
        if behind := counts[State.MISSING] + counts[State.OUTDATED]:
            console.print(f"{behind} missing or outdated: run `pug migrate`.", markup=False)
        if counts[State.UNKNOWN]:
            console.print(f"{counts[State.UNKNOWN]} of a newer Pug than this one: install that.", markup=False)
    raise typer.Exit(1)


def _row(migration: "Migration") -> tuple[str, str, str, str]:
    when = instant_text(migration.applied_at) if migration.applied_at else ""
    return migration.engine, migration.name, migration.state, when


def _facts(migration: "Migration") -> dict[str, object]:
    return {
        "engine": migration.engine,
        "name": migration.name,
        "state": migration.state,
        "appliedAt": migration.applied_at.isoformat() if migration.applied_at else None,
        "optional": migration.optional,
    }
