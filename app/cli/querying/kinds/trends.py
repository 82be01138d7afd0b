"""`pug query trends`."""

from typing import Annotated

import typer

from app.cli.client import UsageError
from app.cli.querying.asking import ask
from app.cli.querying.filters import breakdowns_of
from app.cli.querying.options import (
    Answering,
    ApproximateOption,
    BreakdownOption,
    CompareOption,
    EventOption,
    FormulaOption,
    Framing,
    GranularityOption,
    LimitOption,
    MetricOption,
    PropertyOption,
    SparklineOption,
)
from app.cli.querying.request import request_of
from app.cli.querying.series import formulas_of, series_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.trends_pb2 import Trends

EXAMPLES = """pug query trends --event purchase --metric sum --property price --granularity week

pug query trends --event page_view --metric persons --breakdown country --limit 3 --sparkline

pug query trends --event 'page_view: persons' --event 'purchase: persons' --formula 'conversion = B / A * 100' --compare previous"""


def trends(
    *,
    event: EventOption = None,
    metric: MetricOption = None,
    property_key: PropertyOption = None,
    formula: FormulaOption = None,
    breakdown: BreakdownOption = None,
    limit: LimitOption = None,
    cumulative: Annotated[bool, typer.Option("--cumulative", help="Each bucket with all before it.")] = False,
    moving_average: Annotated[
        int | None, typer.Option(min=2, max=100, metavar="BUCKETS", help="The mean of the last so many buckets.")
    ] = None,
    granularity: GranularityOption = None,
    compare: CompareOption = None,
    approximate: ApproximateOption = False,
    sparkline: SparklineOption = False,
    framing: Framing,
    answering: Answering,
) -> None:
    """How a metric of events develops over time."""
    if cumulative and moving_average:
        raise UsageError("A line is either cumulative or a moving average.", "Give --cumulative or --moving-average.")
    transform = Trends.TRANSFORM_CUMULATIVE if cumulative else Trends.TRANSFORM_UNSPECIFIED
    asked = Trends(
        series=series_of(event or (), metric, property_key),
        formulas=formulas_of(formula or ()),
        breakdowns=breakdowns_of(breakdown),
        breakdown_limit=limit or 0,
        transform=Trends.TRANSFORM_MOVING_AVERAGE if moving_average else transform,
        window=moving_average or 0,
    )
    request = request_of(pb.Insight(trends=asked), framing, granularity=granularity, compare=compare, approximate=approximate)
    ask(request, answering, sparkline=sparkline)
