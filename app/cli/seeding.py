"""`pug seed`: a demo project with people, events and dashboards, made for nothing but looking at."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.client import read_settings, told_in_one_line
from app.cli.output import AsJson, note, print_json, print_table, table
from core.telemetry import configure_logs

EPILOG = "Example:  pug seed --events 100000 --seed 7"
_MOST = 20_000_000


@told_in_one_line()
def seed(
    *,
    events: Annotated[int, typer.Option(min=1_000, max=_MOST, help="How many events.")] = 500_000,
    days: Annotated[int, typer.Option(min=7, max=366, help="Over how many days, up to last midnight in UTC.")] = 122,
    number: Annotated[int, typer.Option("--seed", help="The same seed tells the same story.")] = 1,
    name: Annotated[str, typer.Option(help="What the project and its org are called.")] = "Demo",
    as_json: AsJson = False,
) -> None:
    """Make a project of a product that was never made: visitors, sign-ups, subscriptions, campaigns, weekends, and boards.

    It is a new one, and nothing else is touched. Needs a running Pug, or NATS_URL and POSTGRES_URL.
    """
    made = asyncio.run(_seed(events, days, number, name))
    if as_json:
        print_json(made)
        return
    print_table(table(("project", "write key", "secret key"), [tuple(made.values())]))
    note("Keep the secret key: it is stored as a hash and cannot be shown again.")
    note("Workers store the events now; `pug status` shows how far they are. Then: pug dashboards list --key <secret key>")


async def _seed(events: int, days: int, number: int, name: str) -> dict[str, str]:
    # Other commands need not wait for the engines.
    from app.attaching import attach_running_nats, attach_running_postgres  # noqa: PLC0415
    from app.demo.seeding import seed as seed_demo  # noqa: PLC0415
    from app.demo.telling import Demo  # noqa: PLC0415
    from app.wiring import demo_listeners  # noqa: PLC0415

    settings = read_settings()
    configure_logs(settings.log_format, "warning")
    demo = Demo(events, datetime.now(UTC).date(), number, days)
    columns = (TextColumn("Telling the demo"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with attach_running_nats(settings) as nats, attach_running_postgres(settings) as postgres:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=events)
            listeners = await demo_listeners(settings, nats, postgres)
            return asdict(await seed_demo(demo, name, listeners, lambda told: progress.advance(task, told)))
