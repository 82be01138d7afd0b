"""`pug query retention`."""

import re
from typing import Annotated, cast

import typer

from app.cli.client import UsageError
from app.cli.querying.asking import ask
from app.cli.querying.filters import breakdowns_of, event_of
from app.cli.querying.options import Answering, BreakdownOption, Framing, LimitOption
from app.cli.querying.request import request_of
from app.cli.querying.words import enum_value, names_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.retention_pb2 import Retention

EXAMPLES = """pug query retention --start signed_up --return purchase --period week --periods 8 --preset last_90_days

pug query retention --start page_view --brackets 1,6,23 --entry first_ever --breakdown plan"""

_BRACKETS = re.compile(r"\d{1,3}(\s*,\s*\d{1,3})*")


def retention(
    *,
    start: Annotated[str | None, typer.Option(help="The event that begins it. Default: any.")] = None,
    return_event: Annotated[str | None, typer.Option("--return", help="The event of a return. Default: the same as --start.")] = None,
    period: Annotated[
        str | None, typer.Option(help=f"The unit of time since the start: {', '.join(names_of(Retention.Period, 'PERIOD'))}. Default: day.")
    ] = None,
    periods: Annotated[int | None, typer.Option(min=1, max=365, help="How many of them. Default: 7.")] = None,
    rolling: Annotated[bool, typer.Option("--rolling", help="Periods begin with each person's start, not with the calendar.")] = False,
    entry: Annotated[
        str | None, typer.Option(help=f"Who enters a cohort: {', '.join(names_of(Retention.Entry, 'ENTRY'))}. Default: first_in_range.")
    ] = None,
    or_after: Annotated[bool, typer.Option("--or-after", help="A return counts in its own period and in all before.")] = False,
    brackets: Annotated[str | None, typer.Option(help="Instead of --periods: how many periods each bracket has, such as 1,6,23.")] = None,
    minimum: Annotated[int | None, typer.Option(min=1, help="How many return events in a period make a return. Default: 1.")] = None,
    simple_mean: Annotated[bool, typer.Option("--simple-mean", help="In the mean each cohort weighs the same.")] = False,
    breakdown: BreakdownOption = None,
    limit: LimitOption = None,
    framing: Framing,
    answering: Answering,
) -> None:
    """Who comes back, and after how long."""
    if brackets and or_after:
        raise UsageError("A return counts either in brackets or in its period and all before.", "Give --brackets or --or-after.")
    mode = Retention.MODE_ON_OR_AFTER if or_after else Retention.MODE_UNSPECIFIED
    asked = Retention(
        start=event_of(start or "", "--start"),
        period=cast("Retention.Period", enum_value(Retention.Period, "PERIOD", period, "--period")),
        periods=periods or 0,
        clock=Retention.CLOCK_ROLLING if rolling else Retention.CLOCK_UNSPECIFIED,
        entry=cast("Retention.Entry", enum_value(Retention.Entry, "ENTRY", entry, "--entry")),
        mode=Retention.MODE_BRACKETS if brackets else mode,
        brackets=_brackets(brackets),
        minimum=minimum or 0,
        breakdowns=breakdowns_of(breakdown),
        breakdown_limit=limit or 0,
        simple_mean=simple_mean,
    )
    if return_event is not None:
        # `return` is a keyword, so the message has no attribute of that name.
        getattr(asked, "return").CopyFrom(event_of(return_event, "--return"))
    ask(request_of(pb.Insight(retention=asked), framing), answering)


def _brackets(text: str | None) -> list[int]:
    if not text:
        return []
    if not _BRACKETS.fullmatch(text.strip()):
        raise UsageError(f"--brackets: '{text}' is no list of numbers.", "Write it like 1,6,23.")
    return [int(each) for each in text.split(",")]
