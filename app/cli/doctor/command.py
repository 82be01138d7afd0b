"""`pug doctor`: what is wrong, and the fix."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from app.cli.client import CaCertificateOption, CliError, DevNotes, read_ca_certificate, read_dev_notes, read_settings, told_in_one_line
from app.cli.doctor.checks import (
    MARKS,
    Check,
    State,
    bad,
    check_binaries,
    check_folder,
    check_names,
    check_port,
    check_running,
    check_tls_files,
    good,
)
from app.cli.doctor.machine import check_leftovers, check_metrics, check_permissions, check_space
from app.cli.output import AsJson, print_json, print_table, table
from app.disk import space_at
from app.embedded.folder import lock_holder
from core.settings import Settings
from core.telemetry import configure_logs

EPILOG = "Examples:  pug doctor   ·   pug doctor --deep   ·   CLICKHOUSE_URL=http://ch:8123 pug doctor --json"


@told_in_one_line()
def doctor(
    *,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also start the embedded engines in the data folder, which is made if need be, and stop them again."),
    ] = False,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, data folder, engines, ports and the running server; exits with 1 when something is wrong."""
    checks: list[Check] = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        for check in _checks(deep=deep, ca_certificate=read_ca_certificate(ca_certificate)):
            checks.append(check)
            progress.update(task, description=check.name)
    if as_json:
        print_json([{"name": each.name, "state": each.state, "found": each.found, "fix": each.fix} for each in checks])
    else:
        print_table(table(("", "check", "found", "fix"), [(MARKS[each.state], each.name, each.found, each.fix) for each in checks]))
    if any(each.state is State.BAD for each in checks):
        raise typer.Exit(1)


def _checks(*, deep: bool, ca_certificate: bytes | None) -> Iterable[Check]:
    try:
        settings = read_settings()
    except CliError as error:
        yield bad("settings", error.message, error.fix)
        return
    configure_logs(settings.log_format, "critical")
    yield good("settings", "readable")
    yield from check_names()
    yield check_tls_files(settings)
    yield check_folder(settings.data_dir)
    yield check_space(space_at(settings.data_dir))
    yield from check_permissions(settings, Path(".env"))
    yield from check_leftovers(settings.data_dir)
    yield from check_binaries(settings)
    notes = _notes(settings)
    yield from _ports(settings, notes)
    yield check_metrics(settings, notes.metrics_url if notes and lock_holder(settings.data_dir) else None)
    yield from check_running(notes, ca_certificate)
    yield from _engines(settings, deep=deep)


def _notes(settings: Settings) -> DevNotes | None:
    try:
        return read_dev_notes(settings.data_dir)
    except CliError:
        return None


def _ports(settings: Settings, notes: DevNotes | None) -> Iterable[Check]:
    yield check_port("HTTP port", settings.host, settings.http_port, "PUG_HTTP_PORT", notes.http_url if notes else None)
    yield check_port("gRPC port", settings.host, settings.grpc_port, "PUG_GRPC_PORT", notes.grpc_url if notes else None)


def _engines(settings: Settings, *, deep: bool) -> Iterable[Check]:
    from app.cli.doctor.agreement import check_agreement  # noqa: PLC0415 (as below)
    from app.cli.doctor.engines import check_engines  # noqa: PLC0415 (loads the engines' drivers, which other commands need not wait for)

    async def check() -> list[Check]:
        engines = await check_engines(settings, held_by=lock_holder(settings.data_dir), deep=deep)
        return [*engines, *await check_agreement(settings)]

    return asyncio.run(check())
