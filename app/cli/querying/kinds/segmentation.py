"""`pug query segmentation`."""

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
)
from app.cli.querying.request import request_of
from app.cli.querying.series import formulas_of, series_of
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.segmentation_pb2 import Segmentation

EXAMPLES = """pug query segmentation --event purchase --metric median --property price --breakdown country

pug query segmentation --event 'page_view: persons' --event 'purchase: persons' --formula 'conversion = B / A * 100' --compare previous"""


def segmentation(
    *,
    event: EventOption = None,
    metric: MetricOption = None,
    property_key: PropertyOption = None,
    formula: FormulaOption = None,
    breakdown: BreakdownOption = None,
    limit: LimitOption = None,
    granularity: GranularityOption = None,
    compare: CompareOption = None,
    approximate: ApproximateOption = False,
    framing: Framing,
    answering: Answering,
) -> None:
    """A metric of events as one number, or one for each value of a property."""
    asked = Segmentation(
        series=series_of(event or (), metric, property_key),
        formulas=formulas_of(formula or ()),
        breakdowns=breakdowns_of(breakdown),
        breakdown_limit=limit or 0,
    )
    request = request_of(pb.Insight(segmentation=asked), framing, granularity=granularity, compare=compare, approximate=approximate)
    ask(request, answering)
