"""`pug accounts`: an operator's way to let somebody in, made in PostgreSQL itself, because the first owner has to come from somewhere."""

import asyncio
from typing import Annotated

import typer

from app.cli.client import UsageError, read_settings, told_in_one_line
from app.cli.output import AsJson, note, print_json, print_table, table
from core.errors import PugError
from core.telemetry import configure_logs
from services.accounts.sign_in.typed import email_address, name_of_account
from services.rpc.standing import Role

app = typer.Typer(no_args_is_help=True, help="Let somebody in. Also beside a Pug that runs.")


@app.callback()
def accounts() -> None:
    """Let somebody in. Also beside a Pug that runs."""


@app.command(epilog="Example:  pug accounts create --email ada@example.com --project 1 --role owner")
@told_in_one_line()
def create(
    *,
    email: Annotated[str, typer.Option(help="Their address.")],
    name: Annotated[str, typer.Option(help="How they are called.")] = "",
    project: Annotated[int, typer.Option(help="A project, into whose org they come; left out, they get an org of their own.")] = 0,
    role: Annotated[Role, typer.Option(help="What they are in that org.")] = Role.OWNER,
    as_json: AsJson = False,
) -> None:
    """Make an account, if there is none, and a link to sign in by, which works once and for 15 minutes."""
    try:
        address, called = email_address(email), name_of_account(name)
    except PugError as error:
        raise UsageError(error.message, error.hint) from error
    made = asyncio.run(_create(address, called, project, role))
    if as_json:
        print_json(made)
        return
    print_table(table(("account", "email", "org", "role"), [(made["account_id"], address, made["org_id"], made["role"])]))
    note(f"Sign in by: {made['link']}")


async def _create(email: str, name: str, project: int, role: Role) -> dict[str, str]:
    from app.accounts import build_accounts  # noqa: PLC0415 (other commands need not wait for the engines)
    from app.attaching import attach_postgres  # noqa: PLC0415 (as above)
    from app.letting_in import let_in  # noqa: PLC0415 (as above)
    from services.accounts.sign_in.registered import Newcomer  # noqa: PLC0415 (as above)

    settings = read_settings()
    configure_logs(settings.log_format, "warning")
    async with attach_postgres(settings) as postgres:
        links = build_accounts(settings, postgres).sign_in.by_link.links
        made = await let_in(postgres, links, Newcomer(email, name), project or None, role)
    return {"account_id": made.account_id, "org_id": made.org_id, "role": made.role, "link": links.letters.link(made.token)}
