"""The kinds of insight: each plans its SQL and shapes its rows, both pure."""

from collections.abc import Sequence

from core.errors import InvalidArgument, MissingField
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryResponse
from services.insights.filters import Placed
from services.insights.kinds import segmentation, trends
from services.insights.scope import Scope


def plan(insight: Insight, scope: Scope) -> Sql:
    """The SQL that answers the insight."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.plan(insight.trends, scope)
        case "segmentation":
            return segmentation.plan(insight.segmentation, scope)
        case None:
            raise MissingField("The insight says nothing to ask.", field="insight", hint="Give one of its kinds, such as `trends`.")
        case kind:
            # WhichOneof is not typed by its names; tests/services/insights/test_kinds.py walks them all instead.
            raise NotImplementedError(kind)


def shape(rows: Sequence[Sequence[object]], insight: Insight, scope: Scope) -> QueryResponse:
    """The answer, without its meta."""
    match insight.WhichOneof("kind"):
        case "trends":
            return QueryResponse(trends=trends.shape(rows, insight.trends, scope))
        case "segmentation":
            return QueryResponse(segmentation=segmentation.shape(rows, insight.segmentation, scope))
        case kind:
            raise NotImplementedError(kind)


def filters(insight: Insight) -> list[Placed]:
    """The filters inside the insight's kind."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.filters(insight.trends)
        case "segmentation":
            return segmentation.filters(insight.segmentation)
        case _:
            return []


def persons(request: ListPersonsRequest, scope: Scope) -> Sql:
    """The SQL that lists the persons behind a number of the insight's answer."""
    insight = request.query.insight
    if (of := request.WhichOneof("of")) != (kind := insight.WhichOneof("kind")):
        raise InvalidArgument(f"The query is of the kind {kind}, not {of}.", field=of or "of", hint="Name a number of the answer to it.")
    match of:
        case "trends":
            return trends.persons(insight.trends, request.trends, scope)
        case "segmentation":
            return segmentation.persons(insight.segmentation, request.segmentation, scope)
        case _:
            raise NotImplementedError(of)


def estimates(insight: Insight, scope: Scope) -> bool:
    """Whether any number of the answer is an estimate."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.estimates(insight.trends, scope)
        case "segmentation":
            return segmentation.estimates(insight.segmentation, scope)
        case _:
            return False
