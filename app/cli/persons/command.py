"""The commands about persons."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.client import (
    CaCertificateOption,
    KeyKind,
    SecretKeyOption,
    Server,
    UrlOption,
    calling,
    server_for,
    sync_http,
    told_in_one_line,
)
from app.cli.output import AsJson, bytes_text, note, print_json, print_table, table
from app.cli.persons.folder import ExportFolder, export_folder
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectRequest, ExportDataSubjectResponse
from pug.profiles.v1.profiles_connect import ProfilesServiceClientSync

_EVENTS = "events.ndjson"

app = typer.Typer(no_args_is_help=True, help="Hand over what is held about a person. Needs a secret key with the scope admin.")


class By(StrEnum):
    """What an id of somebody is."""

    DISTINCT_ID = "distinct-id"
    EXTERNAL_ID = "external-id"
    PERSON_ID = "person-id"


@app.callback()
def persons() -> None:
    """Hand over what is held about a person."""


@app.command(epilog="Examples:  pug persons export u1 ./u1   ·   pug persons export 5a1f0c7be2d94a36 ./u1 --by person-id")
@told_in_one_line()
def export(
    *,
    person: Annotated[str, typer.Argument(metavar="ID", help="An id of the person.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that isn't there yet, or is empty. Only you will be able to read it.")
    ],
    by: Annotated[By, typer.Option(help="What the id is.")] = By.DISTINCT_ID,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Write everything that is held about a person into a folder, and check that it came whole.

    Events that are accepted and not stored yet are not in it: the manifest says until when it is complete. The log of changes says who
    did this.
    """
    request = ExportDataSubjectRequest(**{by.replace("-", "_"): person})
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with export_folder(folder) as exported:
        with calling(server), _progress() as progress:
            for step in _asked(server, request):
                _take(step, exported, progress)
        parts = exported.checked()
    if as_json:
        print_json([{"name": part.name, "lines": part.lines, "bytes": part.bytes, "sha256": part.sha256} for part in parts])
        return
    rows = [(part.name, f"{part.lines:,}", bytes_text(part.bytes), part.sha256) for part in parts]
    print_table(table(("part", "lines", "size", "SHA-256"), rows, numbers=(1, 2)))
    note(f"All of it is in {folder}.")


def _asked(server: Server, request: ExportDataSubjectRequest) -> Iterator[ExportDataSubjectResponse]:
    # Millions of events take their time.
    client = ProfilesServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=None)
    yield from client.export_data_subject(request, headers=server.headers)


def _take(step: ExportDataSubjectResponse, exported: ExportFolder, progress: Progress) -> None:
    (task,) = progress.task_ids
    if step.HasField("outlook"):
        progress.update(task, total=step.outlook.events)
        return
    exported.take(step.piece)
    if step.piece.name == _EVENTS:
        progress.advance(task, step.piece.content.count(b"\n"))


@contextmanager
def _progress() -> Generator[Progress]:
    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("events", total=None)
        yield progress
