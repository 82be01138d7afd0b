"""`pug import`: sends the events of a file through Capture, once, whatever happens on the way."""

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from app.cli.client import (
    CaCertificateOption,
    CliError,
    DevNotes,
    KeyKind,
    Server,
    UrlOption,
    UsageError,
    WriteKeyOption,
    data_dir,
    find_server,
    read_dev_notes,
    told_in_one_line,
)
from app.cli.importing.batches import MOST_EVENTS, batches_of
from app.cli.importing.checkpoint import require_writable, sha256_of
from app.cli.importing.freshness import wait_until_queryable
from app.cli.importing.mapping import ColumnFlags, encoder_for
from app.cli.importing.progress import meter
from app.cli.importing.records import Format
from app.cli.importing.run import CHECKPOINT, REJECTS, Pace, Plan, Report, run_import
from app.cli.importing.sending import capture_at, probe
from app.cli.importing.sources import Source, open_source
from app.cli.output import AsJson, instant_text, note, print_json, print_table, table

_SHOWN_BY_DRY_RUN = 5
_UNITS = {"s": 1, "m": 60, "h": 3600}
EPILOG = """Examples:

pug import events.ndjson

pug import orders.csv --event ordered --distinct-id customer --time ordered_at --property total:number --property country

pug import cdnow.txt --format spaces --columns full_id,distinct_id,occurred_at,cds,dollars --time-format %Y%m%d --event purchase
--property cds:number --property dollars:number

An event without an id gets one made of the file's content and its line, so importing a file again, or going on after a crash,
counts nothing twice: the server remembers ids for PUG_DUPLICATE_WINDOW_DAYS, 7 unless set. Two equal lines of one file are two events.
A line that was imported once stays as it was, also when it is imported again with another mapping.

Exit codes: 0 when every line has had its answer, even if some were rejected; 1 when all were, or when the import failed on the way;
2 when the command cannot work as written; 130 when it was stopped with Ctrl-C. After 1 or 130 the same command goes on where it was."""


@told_in_one_line()
def import_file(
    *,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to import.")],
    file_format: Annotated[
        Format | None,
        typer.Option(
            "--format", help="How the file holds its events; `spaces` is columns split by blanks, no header. Default: by its extension."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Names of the columns of a file without a header, split by commas; an empty name skips a column."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What splits the columns of a CSV file, or `tab`. Default: a comma; a tab in .tsv.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="CSV and spaces: the name of all events in the file.")] = None,
    event_column: Annotated[
        str | None, typer.Option(help="CSV and spaces: the column with the name of the event. Default: `event` or `name`.")
    ] = None,
    distinct_id: Annotated[
        str | None, typer.Option(help="CSV and spaces: the column that says who did it. Default: `distinct_id`.")
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time", help="CSV and spaces: the column that says when. Default: `occurred_at`, `timestamp` or `time`; without one, now."
        ),
    ] = None,
    time_format: Annotated[str | None, typer.Option(help="`iso`, `unix`, `unix_ms`, or a format such as %Y%m%d. Default: iso.")] = None,
    time_zone: Annotated[str, typer.Option(help="The time zone of times that name none.")] = "UTC",
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="COL[:TYPE]",
            help="A column that becomes a property, as `string` (the default), `number` or `boolean`. Default: all others, as strings.",
        ),
    ] = None,
    session_id: Annotated[str | None, typer.Option(help="The column with the id of the visit. Default: `session_id`.")] = None,
    event_id: Annotated[str | None, typer.Option(help="The column with the event's own UUID. Default: `event_id`.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go. Default: FILE.rejects.ndjson.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Where to remember how far it came. Default: FILE.pug-import.json.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin at the first line, even if an earlier import got further.")] = False,
    give_up_after: Annotated[str, typer.Option(help="How long to try again while the server doesn't take events: 30s, 5m, 1h.")] = "5m",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until queries see the events; needs a secret key too.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what the first lines become, and send nothing.")] = False,
    batch_events: Annotated[int, typer.Option(min=1, max=MOST_EVENTS, help="Events per request, at most.")] = MOST_EVENTS,
    in_flight: Annotated[int, typer.Option(min=1, max=16, help="Requests at a time.")] = 4,
    url: UrlOption = None,
    key: WriteKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Import events from a file: NDJSON, CSV or columns split by blanks. Can be stopped and started again at any time."""
    flags = ColumnFlags(
        event,
        event_column,
        distinct_id,
        time_column,
        time_format,
        time_zone,
        session_id,
        event_id,
        tuple(properties or ()),
    )
    source = open_source(path, file_format, columns, delimiter, flags)
    pace = Pace(batch_events, in_flight, duration(give_up_after))
    if dry_run:
        _show_first(source)
        return
    notes = None if url and key else read_dev_notes(data_dir())
    server = find_server(url, key, KeyKind.WRITE, notes, ca_certificate)
    probe(capture_at(server), server)
    plan = Plan(
        source,
        server,
        pace,
        _output(checkpoint, path, CHECKPOINT, "--checkpoint"),
        _output(rejects, path, REJECTS, "--rejects"),
        repr((source.format, source.delimiter, columns, flags)),
        restart,
    )
    with meter() as progress:
        report = run_import(plan, progress)
    reader = _reader(url, notes, ca_certificate) if wait and report.totals.accepted else None
    complete_until = wait_until_queryable(reader, datetime.now(UTC), note) if reader else None
    _print_report(plan, report, complete_until, as_json=as_json)
    if report.totals.rejected and not report.totals.accepted + report.totals.duplicates:
        raise typer.Exit(1)


def duration(text: str) -> timedelta:
    """`30s`, `5m` or `1h`."""
    if not (parts := re.fullmatch(r"(\d{1,6})([smh])", text)):
        raise UsageError(f"--give-up-after: '{text}' is not a duration.", "Write it like 30s, 5m or 1h.")
    return timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])


def _show_first(source: Source) -> None:
    encode = encoder_for(source.format, source.columns, sha256_of(source.path, source.size, lambda _: None))
    with source.records() as records:
        for batch in batches_of(islice(records, _SHOWN_BY_DRY_RUN), encode, source.begin):
            for entry in batch.entries:
                sys.stdout.write(entry.event.decode() + "\n")
            for reject in batch.rejects:
                note(f"line {reject.line} would be rejected: {reject.message}")
    note("Nothing was sent.")


def _reader(url: str | None, notes: DevNotes | None, ca_certificate: Path | None) -> Server | None:
    try:
        return find_server(url, os.environ.get("PUG_SECRET_KEY"), KeyKind.SECRET, notes, ca_certificate)
    except CliError:
        return None


def _output(given: Path | None, source: Path, ending: str, option: str) -> Path:
    path = given or source.with_name(f"{source.name}{ending}")
    if path.absolute() == source.absolute():
        raise UsageError(f"{option} is the file to import itself.", "Give another path.")
    require_writable(path.absolute(), option)
    return path


def _print_report(plan: Plan, report: Report, complete_until: datetime | None, *, as_json: bool) -> None:
    totals = report.totals
    if as_json:
        print_json(
            {
                "file": str(plan.source.path),
                "sha256": report.sha256,
                "accepted": totals.accepted,
                "duplicates": totals.duplicates,
                "rejected": totals.rejected,
                "rejects_file": str(plan.rejects) if totals.rejected else None,
                "warnings": {reason: warned.events for reason, warned in totals.warnings.items()},
                "resumed_from_line": report.resumed_from_line,
                "seconds": round(report.seconds, 3),
                "complete_until": complete_until.isoformat() if complete_until else None,
            },
        )
        return
    rows = [(f"{totals.accepted:,}", f"{totals.duplicates:,}", f"{totals.rejected:,}", f"{report.seconds:.1f} s")]
    print_table(table(("accepted", "duplicates", "rejected", "took"), rows, numbers=range(4)))
    if totals.rejected:
        note(f"The rejected lines and what is wrong with them: {plan.rejects}")
    for reason, warned in totals.warnings.items():
        note(f"{warned.events:,} of the accepted events have the warning {reason}: {warned.message}")
    if complete_until:
        note(f"Queries see all of it (complete until {instant_text(complete_until)}).")
