"""The commands about dashboards."""

import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, cast

import typer
from google.protobuf.json_format import MessageToDict, MessageToJson

from app.cli.client import (
    CALL_TIMEOUT_MS,
    CaCertificateOption,
    KeyKind,
    SecretKeyOption,
    Server,
    UrlOption,
    UsageError,
    calling,
    server_for,
    sync_http,
    told_in_one_line,
)
from app.cli.dashboards.rendering import print_board, print_tile
from app.cli.output import AsJson, instant_text, json_text, note, print_json, print_line, print_table, table
from app.cli.querying.words import enum_value
from core.errors import PugError
from core.words import counted
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1.dashboards_connect import DashboardsServiceClientSync
from pug.dashboards.v1.render_pb2 import RenderDashboardRequest
from pug.dashboards.v1.saved_insight_pb2 import ListSavedInsightsRequest
from pug.insights.v1 import insights_pb2
from services.rpc.codecs import read_json

app = typer.Typer(no_args_is_help=True, help="List dashboards, carry them to and from files, look at them here. Needs a secret key.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The dashboard's id, as `pug dashboards list` shows it.")]


@app.command("list", epilog="Example:  pug dashboards list --json")
@told_in_one_line()
def list_dashboards(
    *, url: UrlOption = None, key: SecretKeyOption = None, ca_certificate: CaCertificateOption = None, as_json: AsJson = False
) -> None:
    """List the dashboards of the project, by name."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        boards = list(_pages(server))
    if as_json:
        print_json([MessageToDict(board) for board in boards])
        return
    rows = [(board.id, board.name, instant_text(board.updated_at.ToDatetime(UTC)), _shared(board)) for board in boards]
    print_table(table(("id", "name", "changed", "shared"), rows))


@app.command(epilog="Example:  pug dashboards export 0192f3a4-… shop.json")
@told_in_one_line()
def export(
    *,
    board_id: IdArgument,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to write it; `-` is stdout.")],
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
) -> None:
    """Write a dashboard into a file, without ids and with its saved insights inside: `import` makes it anew anywhere."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        board = _dashboards(server).export_dashboard(pb.ExportDashboardRequest(id=board_id), headers=server.headers).board
    written = MessageToJson(board, indent=2, ensure_ascii=False)
    if file == "-":
        print_line(written)
        return
    Path(file).write_text(f"{written}\n", encoding="utf-8")
    note(f"{board.name!r} with {counted(len(board.tiles), 'tile')} is in {file}.")


@app.command("import", epilog="Example:  pug dashboards import shop.json")
@told_in_one_line()
def import_dashboard(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `pug dashboards export` wrote; `-` is stdin.")],
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a dashboard of a file. The key needs the scope edit."""
    board = _read(file)
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        made = _dashboards(server).import_dashboard(pb.ImportDashboardRequest(board=board), headers=server.headers).dashboard
    if as_json:
        print_json(MessageToDict(made))
        return
    print_line(made.id)
    note(f"This is the id of {made.name!r}, with {counted(len(made.tiles), 'tile')}. `pug dashboards render` shows it.")


@app.command(epilog="Example:  pug dashboards render 0192f3a4-… --preset last_7_days")
@told_in_one_line()
def render(
    *,
    board_id: IdArgument,
    preset: Annotated[str | None, typer.Option(help="Another window than the dashboard's, such as last_7_days.")] = None,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a dashboard's answers, each as soon as it is there. With --json every part is one line."""
    request = RenderDashboardRequest(id=board_id)
    if preset:
        request.window.preset = cast("insights_pb2.Preset", enum_value(insights_pb2.Preset, "PRESET", preset, "--preset"))
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        saved = {} if as_json else _saved_insights(server)
        board = None
        for part in _dashboards(server).render_dashboard(request, headers=server.headers):
            if as_json:
                print_line(json_text(MessageToDict(part)))
            elif part.HasField("board"):
                board = part.board
                print_board(board)
            elif board is not None:
                print_tile(part.tile, board, saved)


def _pages(server: Server) -> Iterator[pb.Dashboard]:
    request = pb.ListDashboardsRequest()
    while True:
        page = _dashboards(server).list_dashboards(request, headers=server.headers)
        yield from page.dashboards
        request.page_token = page.next_page_token
        if not request.page_token:
            return


def _saved_insights(server: Server) -> dict[str, insights_pb2.Insight]:
    """The project's saved insights by id: a tile only names its own."""
    found: dict[str, insights_pb2.Insight] = {}
    request = ListSavedInsightsRequest(page_size=1000)
    while True:
        page = _dashboards(server).list_saved_insights(request, headers=server.headers)
        found |= {saved.id: saved.insight for saved in page.saved_insights}
        request.page_token = page.next_page_token
        if not request.page_token:
            return found


def _dashboards(server: Server) -> DashboardsServiceClientSync:
    return DashboardsServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS)


def _read(file: str) -> pb.ExportedDashboard:
    if file != "-" and not Path(file).is_file():
        raise UsageError(f"There is no file {file}.", "Give one that `pug dashboards export` wrote, or `-` for stdin.")
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    try:
        board = read_json(text.encode(), pb.ExportedDashboard)
    except PugError as error:
        raise UsageError(f"{file} is no dashboard: {error.message}", error.hint) from error
    assert isinstance(board, pb.ExportedDashboard)
    return board


def _shared(board: pb.Dashboard) -> str:
    if not board.HasField("share"):
        return ""
    until = f" until {instant_text(board.share.expires_at.ToDatetime(UTC))}" if board.share.HasField("expires_at") else ""
    return f"by a link{until}"
