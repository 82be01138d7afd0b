"""`pug query funnel`."""

import re
from typing import Annotated, cast

import typer

from app.cli.client import UsageError
from app.cli.querying.asking import ask
from app.cli.querying.filters import breakdowns_of, event_of
from app.cli.querying.options import Answering, BreakdownOption, Framing, GranularityOption, LimitOption
from app.cli.querying.request import request_of
from app.cli.querying.words import duration_of, enum_value, names_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.funnel_pb2 import Funnel

EXAMPLES = """pug query funnel --step page_view --step add_to_cart --step purchase

pug query funnel --step signed_up --step 'add_to_cart?' --step 'purchase\\[price>=50]' --window 7d --timing --breakdown plan

pug query funnel --step add_to_cart --step purchase --exclude 'refund between 1 and 2' --count-by sessions --trend"""

_EXCLUSION = re.compile(r"(?P<event>.*?)(?:\s+between\s+(?P<from_step>\d{1,2})\s+and\s+(?P<to_step>\d{1,2}))?", re.DOTALL)
_STEP_NUMBER = re.compile(r"\d{1,2}")
_OPTIONAL = "?"


def funnel(
    *,
    step: Annotated[
        list[str] | None,
        typer.Option(help="A step, such as purchase or 'purchase\\[price>=10]'; 'add_to_cart?' may be left out. 2 to 20 of them."),
    ] = None,
    order: Annotated[str | None, typer.Option(help=f"{', '.join(names_of(Funnel.Order, 'ORDER'))}. Default: ordered.")] = None,
    window: Annotated[str | None, typer.Option(help="How much time there is, such as 30m, 12h or 14d. Default: 14d.")] = None,
    per_step: Annotated[bool, typer.Option("--per-step", help="The window begins anew at each step.")] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="An event that must not happen in between, such as refund or 'refund between 1 and 2'."),
    ] = None,
    exclusion_effect: Annotated[
        str | None,
        typer.Option(help=f"What becomes of who does it: {', '.join(names_of(Funnel.Exclusion.Effect, 'EFFECT'))}. Default: drop_person."),
    ] = None,
    count_by: Annotated[str | None, typer.Option(help=f"{', '.join(names_of(Funnel.CountBy, 'COUNT_BY'))}. Default: persons.")] = None,
    hold_constant: Annotated[
        list[str] | None, typer.Option(help="A property that has the same value at every step; up to 3 times.")
    ] = None,
    breakdown: BreakdownOption = None,
    limit: LimitOption = None,
    attribution: Annotated[
        str | None,
        typer.Option(help="Whose value of a breakdown counts: first_touch, last_touch, all_steps, or the number of a step."),
    ] = None,
    timing: Annotated[bool, typer.Option("--timing", help="Tell how long the steps took.")] = False,
    trend: Annotated[bool, typer.Option("--trend", help="Tell the conversion by the bucket of entry.")] = False,
    granularity: GranularityOption = None,
    framing: Framing,
    answering: Answering,
) -> None:
    """How many go through a sequence of steps, and where the others stay."""
    kind, attribution_step = _attribution(attribution)
    effect = cast("Funnel.Exclusion.Effect", enum_value(Funnel.Exclusion.Effect, "EFFECT", exclusion_effect, "--exclusion-effect"))
    asked = Funnel(
        steps=[_step(each) for each in step or ()],
        order=cast("Funnel.Order", enum_value(Funnel.Order, "ORDER", order, "--order")),
        window=duration_of(window, "--window"),
        window_scope=Funnel.WINDOW_SCOPE_PER_STEP if per_step else Funnel.WINDOW_SCOPE_UNSPECIFIED,
        exclusions=[_exclusion(each, effect) for each in exclude or ()],
        count_by=cast("Funnel.CountBy", enum_value(Funnel.CountBy, "COUNT_BY", count_by, "--count-by")),
        hold_constant=hold_constant or (),
        breakdowns=breakdowns_of(breakdown),
        breakdown_limit=limit or 0,
        attribution=kind,
        attribution_step=attribution_step,
        timing=timing,
        trend=trend,
    )
    ask(request_of(pb.Insight(funnel=asked), framing, granularity=granularity), answering)


def _step(text: str) -> Funnel.Step:
    optional = text.endswith(_OPTIONAL)
    return Funnel.Step(event=event_of(text.removesuffix(_OPTIONAL), "--step"), optional=optional)


def _exclusion(text: str, effect: Funnel.Exclusion.Effect) -> Funnel.Exclusion:
    found = _EXCLUSION.fullmatch(text.strip())
    assert found is not None
    between = {name: int(found[name] or 0) for name in ("from_step", "to_step")}
    return Funnel.Exclusion(event=event_of(found["event"], "--exclude"), effect=effect, **between)


def _attribution(text: str | None) -> tuple[Funnel.Attribution, int]:
    if text and _STEP_NUMBER.fullmatch(text):
        return Funnel.ATTRIBUTION_STEP, int(text)
    kind = cast("Funnel.Attribution", enum_value(Funnel.Attribution, "ATTRIBUTION", text, "--attribution"))
    if kind == Funnel.ATTRIBUTION_STEP:
        raise UsageError("--attribution: which step?", "Give its number, such as --attribution 2.")
    return kind, 0
