"""The commands that run Pug itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from app.cli.client import read_settings, told_in_one_line
from core.errors import PugError
from core.settings import Settings, check_sign_in, check_tls, unknown_settings
from core.telemetry import configure_logs

if TYPE_CHECKING:
    # They bring the engines along, which commands other than these need not wait for.
    from app.projects import ProjectKeys
    from app.serving import Ports

notes = Console(stderr=True, highlight=False)


def dev() -> None:
    """Start everything on this machine: engines, migrations, a first project and a demo, both ports and the workers."""
    from app.running import run_dev  # noqa: PLC0415 (loads the engines, which other commands need not wait for)

    settings = serving_settings(serves=True)
    for found, fix in unknown_settings():
        notes.print(f"[yellow]warning:[/] {escape(f'{found} {fix}')}", soft_wrap=True)
    run_command(
        run_dev(
            settings,
            lambda ports, metrics_url, first, demo: _banner(settings, ports, metrics_url, first, demo),
            lambda line: notes.print(f"[dim]{escape(line)}[/]"),
        )
    )


_ROLES = "capture", "query", "work"


def serve(
    roles: Annotated[str, typer.Option(help="What to do: capture, query or work, or several of them joined by commas.")] = "capture,query",
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the ports.")] = 1,
    shared_ports: Annotated[bool, typer.Option("--shared-ports", hidden=True)] = False,  # noqa: FBT002 (how typer is told of a flag)
) -> None:
    """Serve RPCs, on engines that `pug migrate` has prepared."""
    from app.running import run, run_fleet  # noqa: PLC0415 (as above)
    from app.wiring import Role  # noqa: PLC0415 (as above)

    asked = {role.strip() for role in roles.split(",")}
    if not asked <= set(_ROLES):
        raise typer.BadParameter(f"Give {', '.join(_ROLES[:-1])} or {_ROLES[-1]}, or several joined by commas.", param_hint="--roles")
    settings = serving_settings(serves=True)
    parts = frozenset(Role(role) for role in asked)
    if workers == 1:
        run_command(run(settings, parts, shared_ports=shared_ports))
    else:
        command = (sys.executable, "-m", "app.cli", "serve", "--roles", roles, "--shared-ports")
        run_command(run_fleet(settings, parts, command, workers))


def work(worker: Annotated[str, typer.Argument(help="Which worker: `events`.")] = "events") -> None:
    """Run a worker, on engines that `pug migrate` has prepared. Several share the partitions of the stream (PUG_EVENT_PARTITIONS)."""
    from app.running import run  # noqa: PLC0415 (as above)
    from app.wiring import Role  # noqa: PLC0415 (as above)

    if worker != "events":
        raise typer.BadParameter("There is one worker: events.", param_hint="worker")
    run_command(run(serving_settings(), frozenset({Role.WORK})))


@told_in_one_line()
def serving_settings(*, serves: bool = False) -> Settings:
    """The settings, checked, and logs as they say; of a process that `serves`, also what it serves with."""
    settings = read_settings()
    if serves:
        check_tls(settings)
        check_sign_in(settings)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def run_command(main: Awaitable[None]) -> None:
    """Run to the end, and end the command with one line about what went wrong."""
    from app.running import run_to_end  # noqa: PLC0415 (as above)

    try:
        run_to_end(main)
    except PugError as error:
        notes.print(f"[bold red]error:[/] {escape(error.message)} {escape(error.hint)}", soft_wrap=True)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None


def _banner(settings: Settings, ports: Ports, metrics_url: str | None, first: ProjectKeys, demo: ProjectKeys | None) -> None:
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://localhost:{ports.http}"
    out = Console(highlight=False, soft_wrap=True)
    out.print(
        f"\n[bold]Pug is ready.[/]  Connect and gRPC-Web [cyan]{url}[/]   gRPC [cyan]localhost:{ports.grpc}[/]   data {settings.data_dir}"
    )
    out.print(f"  write key   [green]{first.write_key}[/]   (sends events; may sit in a web page)")
    out.print(f"  secret key  [green]{first.secret_key}[/]   (reads and administers; keep it)\n")
    out.print("Try:", style="bold")
    for line in curl_lines(url, first):
        out.print(line, markup=False)
    if settings.tls_certificate:
        out.print(f"A self-signed certificate needs more: curl --cacert {settings.tls_certificate}, pug --ca-certificate.", style="dim")
    if demo:
        out.print("\nA product that was never made, with people, events and boards, to look at:", style="bold")
        out.print(f"pug dashboards list --key {demo.secret_key}", markup=False)
    if metrics_url:
        out.print(f"\nMetrics for Prometheus: {metrics_url}", style="dim")
    out.print("\n[dim]Ctrl-C stops everything.[/]")


def curl_lines(url: str, project: ProjectKeys) -> list[str]:
    """Three requests that work when pasted: send an event, ask for a trend, ask what there is."""
    capture = '{"events":[{"name":"signed_up","distinctId":"u1","properties":{"plan":"pro","seats":3}}]}'
    query = '{"insight":{"trends":{"series":[{"event":{"name":"signed_up"}}]}},"preset":"PRESET_LAST_7_DAYS"}'
    return [
        f"curl {url}/pug.{service} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"
        for service, key, body in (
            ("capture.v1.CaptureService/Capture", project.write_key, capture),
            ("insights.v1.InsightsService/Query", project.secret_key, query),
            ("insights.v1.InsightsService/GetSchema", project.secret_key, "{}"),
        )
    ]
