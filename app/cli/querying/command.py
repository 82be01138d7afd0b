"""`pug query`: questions about a project's events, one subcommand for each kind of insight."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.client import UsageError, told_in_one_line
from app.cli.option_groups import with_option_groups
from app.cli.querying.asking import ask
from app.cli.querying.filters import FILTER_HELP
from app.cli.querying.kinds import flow, funnel, lifecycle, retention, segmentation, sessions, stickiness, top_k, trends
from app.cli.querying.options import Answering, ApproximateOption, CompareOption, Framing, GranularityOption, SparklineOption
from app.cli.querying.request import framed, request_of_text
from pug.insights.v1 import insights_pb2 as pb

_EXAMPLES = """Examples:

pug query trends --event purchase --metric sum --property price --granularity week

pug query funnel --step page_view --step 'purchase\\[price>=10]' --where plan=pro --breakdown country

pug query --file question.json --preset last_7_days --json     (a QueryRequest or an Insight; `-` reads stdin)"""

app = typer.Typer(rich_markup_mode="rich")


@app.callback(invoke_without_command=True, epilog=_EXAMPLES)
@told_in_one_line()
@with_option_groups
def query(
    *,
    context: typer.Context,
    file: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="A QueryRequest or an Insight as protobuf JSON; `-` reads stdin.")
    ] = None,
    granularity: GranularityOption = None,
    compare: CompareOption = None,
    approximate: ApproximateOption = False,
    sparkline: SparklineOption = False,
    framing: Framing,
    answering: Answering,
) -> None:
    """Ask a question: a kind of insight with its options, or --file. Options win over what the file says."""
    if context.invoked_subcommand is not None:
        _refuse_options_before_the_kind(context)
        return
    if file is None:
        raise UsageError("What is the question?", "Name a kind, such as `pug query trends --event purchase`, or give --file; see --help.")
    request = framed(_request(file), framing, granularity=granularity, compare=compare, approximate=approximate)
    ask(request, answering, sparkline=sparkline)


for name, command, examples in (
    ("trends", trends.trends, trends.EXAMPLES),
    ("segmentation", segmentation.segmentation, segmentation.EXAMPLES),
    ("funnel", funnel.funnel, funnel.EXAMPLES),
    ("retention", retention.retention, retention.EXAMPLES),
    ("stickiness", stickiness.stickiness, stickiness.EXAMPLES),
    ("lifecycle", lifecycle.lifecycle, lifecycle.EXAMPLES),
    ("flow", flow.flow, flow.EXAMPLES),
    ("top-k", top_k.top_k, top_k.EXAMPLES),
    ("sessions", sessions.sessions, sessions.EXAMPLES),
):
    app.command(name, epilog=f"Examples:\n\n{examples}\n\n{FILTER_HELP}")(told_in_one_line()(with_option_groups(command)))


def _request(file: str) -> pb.QueryRequest:
    if file == "-":
        return request_of_text(sys.stdin.read())
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Give a file with a QueryRequest, or `-` for stdin.")
    return request_of_text(path.read_text(encoding="utf-8"))


def _refuse_options_before_the_kind(context: typer.Context) -> None:
    source = context.get_parameter_source
    given = [name for name in context.params if (found := source(name)) is not None and found.name == "COMMANDLINE"]
    if given:
        kind = context.invoked_subcommand
        raise UsageError(f"Options of a kind come after it: `pug query {kind} …`.", "What stands before it would not be heard.")
