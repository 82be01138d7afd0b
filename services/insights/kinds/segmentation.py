"""Segmentation: metrics over the whole range, as one number or as a table. It is Trends with the range as the only bucket."""

from collections.abc import Sequence

from core.sql import Sql
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.segmentation_pb2 import Segmentation, SegmentationResult
from services.insights import lines
from services.insights.answers import lines_of
from services.insights.behind import persons_behind
from services.insights.filters import Placed
from services.insights.scope import Scope
from services.insights.series import filters_of

FIELD = "insight.segmentation"


def plan(spec: Segmentation, scope: Scope) -> Sql:
    """The rows of the lines (services/insights/lines.py), where something happened."""
    return lines.plan(_question(spec), scope.as_one_bucket())


def shape(rows: Sequence[Sequence[object]], spec: Segmentation, scope: Scope) -> SegmentationResult:
    """The answer: one row for each series or formula, and cell."""
    return SegmentationResult(
        rows=[
            SegmentationResult.Row(
                series=line.series,
                cell=line.cell,
                value=line.values[0],
                compare_value=line.compare_values[0] if line.compare_values else None,
            )
            for line in lines_of(rows, _question(spec), scope.as_one_bucket())
        ]
    )


def filters(spec: Segmentation) -> list[Placed]:
    """The filters of every series."""
    return filters_of(spec.series, FIELD)


def persons(spec: Segmentation, of: ListPersonsRequest.OfSegmentation, scope: Scope) -> Sql:
    """The persons of a row."""
    whole = scope.as_one_bucket()
    return persons_behind(_question(spec), of.series, of.cell, whole.buckets, scope=whole, field="segmentation")


def estimates(spec: Segmentation, scope: Scope) -> bool:
    """Whether a number of the answer is an estimate."""
    return lines.estimates(_question(spec), scope)


def _question(spec: Segmentation) -> lines.Question:
    return lines.Question(FIELD, spec.series, spec.formulas, spec.breakdowns, spec.breakdown_limit)
