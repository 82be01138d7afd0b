"""Asks a question and shows the answer."""

import sys

from google.protobuf.json_format import MessageToJson
from rich.syntax import Syntax

from app.cli.client import CALL_TIMEOUT_MS, KeyKind, Server, calling, server_for, sync_http
from app.cli.output import data_console, print_line, print_message, print_table, table
from app.cli.querying.options import Answering
from app.cli.querying.rendering.answers import rendered
from app.cli.querying.rendering.meta import hint_line, meta_line
from core.words import counted
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.insights_connect import InsightsServiceClientSync


def ask(request: pb.QueryRequest, answering: Answering, *, sparkline: bool = False) -> None:
    """Print the answer to a question, or how it would be found, or just the question itself."""
    if answering.dry_run:
        print_line(MessageToJson(request, indent=2, ensure_ascii=False))
        return
    server = server_for(answering.url, answering.key, KeyKind.SECRET, answering.ca_certificate)
    if answering.explain:
        _explain(request, server, as_json=answering.as_json)
        return
    with calling(server):
        answer = insights(server).query(request, headers=server.headers)
    if answering.as_json:
        print_message(answer)
        return
    console = data_console()
    print_table(rendered(answer, request, console.width, sparkline=sparkline))
    console.print(meta_line(answer.meta), style="dim", markup=False, soft_wrap=True)
    if answer.meta.hint:
        console.print(hint_line(answer.meta), style="yellow", markup=False, soft_wrap=True)


def insights(server: Server) -> InsightsServiceClientSync:
    """A client of the server."""
    return InsightsServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS)


def _explain(request: pb.QueryRequest, server: Server, *, as_json: bool) -> None:
    with calling(server):
        explained = insights(server).explain(pb.ExplainRequest(query=request), headers=server.headers)
    if as_json:
        print_message(explained)
        return
    console = data_console()
    if console.is_terminal:
        console.print(Syntax(explained.sql, "sql", background_color="default", word_wrap=True))
    else:
        sys.stdout.write(f"{explained.sql}\n")
    console.print()
    print_table(table(("value", "type", "is"), [(each.name, each.type, each.value) for each in explained.values]))
    source = pb.Meta.Table.Name(explained.source).removeprefix("TABLE_").lower()
    console.print(f"{counted(explained.rows_to_read, 'row')} to read, {source}", style="dim", soft_wrap=True)
