"""`pug query` and `pug schema`: questions about a project's events."""

import sys
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer
from rich.syntax import Syntax

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
from app.cli.output import AsJson, data_console, instant_text, print_message, print_table, table
from app.cli.querying.rendering import answer_table, meta_line, spark_table
from app.cli.querying.request import (
    Framing,
    Shorthand,
    additive_series,
    as_list,
    framed,
    request_of_shorthand,
    request_of_text,
    series_names,
)
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.insights_connect import InsightsServiceClientSync

QUERY_EPILOG = """Examples:

pug query --event purchase --metric sum --property dollars --granularity month --from 1997-01-01 --to 1998-07-01

pug query --event signed_up --metric persons --breakdown plan --preset last_30_days --sparkline

pug query question.json --json        (a QueryRequest, or an Insight with --preset, --granularity, …)

echo '{"trends":{"series":[{"event":{"name":"page_view"}}]}}' | pug query - --preset today --granularity hour"""
SCHEMA_EPILOG = "Examples:  pug schema   ·   pug schema --event purchase --json"


@told_in_one_line()
def query(
    *,
    question: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="A QueryRequest or an Insight as JSON; `-` reads stdin.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="Without a file: the event to count. Any event when left out.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Without a file: total, persons, sessions, per_person, sum, avg, min, max, median, p90, p95 or p99.")
    ] = None,
    property_key: Annotated[
        str | None, typer.Option("--property", help="Without a file: the numeric property of sum, avg, min and so on.")
    ] = None,
    breakdown: Annotated[list[str] | None, typer.Option(help="Without a file: a property to split by; may be given several times.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=100, help="Without a file: how many cells a breakdown keeps.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="The first day or instant, such as 2026-03-01.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The first day or instant after the range. Default: now.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A range such as today, last_7_days, last_30_days or this_month. Default: last_30_days.")
    ] = None,
    granularity: Annotated[str | None, typer.Option(help="The size of a bucket: minute, hour, day, week or month. Default: day.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="The time zone buckets are cut in. Default: the project's; --from and --to are in UTC then.")
    ] = None,
    sparkline: Annotated[bool, typer.Option("--sparkline", help="One line per series, with a small chart.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the SQL and its values instead of the answer.")] = False,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question and print the answer as a table."""
    shorthand = Shorthand(event, metric, property_key, as_list(breakdown), limit)
    framing = Framing(begin, end, preset, granularity, time_zone)
    request = framed(_request(question, shorthand, framing), framing)
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    if explain:
        _explain(request, server, as_json=as_json)
        return
    with calling(server):
        answer = _insights(server).query(request, headers=server.headers)
    if as_json:
        print_message(answer)
        return
    names = series_names(request)
    print_table(
        spark_table(answer.trends, names, additive_series(request)) if sparkline else answer_table(answer, request.granularity, names)
    )
    partial = not sparkline and any(bucket.partial for bucket in answer.trends.buckets)
    data_console().print(meta_line(answer.meta, partial=partial), style="dim", markup=False, soft_wrap=True)


@told_in_one_line()
def schema(
    *,
    event: Annotated[str | None, typer.Option(help="Only properties of this event.")] = None,
    url: UrlOption = None,
    key: SecretKeyOption = None,
    ca_certificate: CaCertificateOption = None,
    as_json: AsJson = False,
) -> None:
    """List the event names and property keys the project has sent."""
    server = server_for(url, key, KeyKind.SECRET, ca_certificate)
    with calling(server):
        found = _insights(server).get_schema(pb.GetSchemaRequest(event_name=event or ""), headers=server.headers)
    if as_json:
        print_message(found)
        return
    events = [(each.name, f"{each.count:,}", instant_text(each.last_seen.ToDatetime(UTC))) for each in found.events]
    properties = [
        (
            each.key,
            ", ".join(f"{kind.name} {kind.count:,}" for kind in each.types),
            f"{each.count:,}",
            instant_text(each.last_seen.ToDatetime(UTC)),
        )
        for each in found.properties
    ]
    print_table(table(("event", "count", "last seen"), events, numbers=(1,)))
    data_console().print()
    print_table(table(("property", "types", "count", "last seen"), properties, numbers=(2,)))


def _request(question: str | None, shorthand: Shorthand, framing: Framing) -> pb.QueryRequest:
    if question is None and not shorthand.is_given and framing == Framing():
        raise UsageError("What is the question?", "Give a file, `-` for stdin, or options such as --event purchase.")
    if question is None:
        return request_of_shorthand(shorthand)
    if shorthand.is_given:
        raise UsageError("A question comes from a file or from options, not from both.", "Leave out one of them.")
    if question == "-":
        return request_of_text(sys.stdin.read())
    path = Path(question)
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Give a file with a QueryRequest, or `-` for stdin.")
    return request_of_text(path.read_text(encoding="utf-8"))


def _explain(request: pb.QueryRequest, server: Server, *, as_json: bool) -> None:
    with calling(server):
        explained = _insights(server).explain(pb.ExplainRequest(query=request), headers=server.headers)
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
    console.print(f"{explained.rows_to_read:,} rows to read, {source}", style="dim", soft_wrap=True)


def _insights(server: Server) -> InsightsServiceClientSync:
    return InsightsServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS)
