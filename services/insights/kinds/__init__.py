"""The kinds of insight: each plans its SQL and shapes its rows, both pure."""

from collections.abc import Sequence

from core.errors import MissingField
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight, QueryResponse
from services.insights.filters import Placed
from services.insights.kinds import retention, trends
from services.insights.scope import Scope


def plan(insight: Insight, scope: Scope) -> Sql:
    """The SQL that answers the insight."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.plan(insight.trends, scope)
        case "retention":
            return retention.plan(insight.retention, scope)
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
        case "retention":
            return QueryResponse(retention=retention.shape(rows, insight.retention, scope))
        case kind:
            raise NotImplementedError(kind)


def filters(insight: Insight) -> list[Placed]:
    """The filters inside the insight's kind."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.filters(insight.trends)
        case "retention":
            return retention.filters(insight.retention)
        case _:
            return []
