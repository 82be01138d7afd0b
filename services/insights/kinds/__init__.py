"""The kinds of insight: each plans its SQL and shapes its rows, both pure."""

from collections.abc import Sequence

from core.errors import MissingField
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryResponse
from pug.insights.v1.trends_pb2 import TrendsResult
from services.insights.filters import Placed
from services.insights.kinds import funnel, sessions, trends
from services.insights.scope import Scope


def plan(insight: Insight, scope: Scope) -> Sql:
    """The SQL that answers the insight."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.plan(insight.trends, scope)
        case "funnel":
            return funnel.plan(insight.funnel, scope)
        case "sessions":
            return sessions.plan(insight.sessions, scope)
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
        case "funnel":
            return QueryResponse(funnel=funnel.shape(rows, insight.funnel, scope))
        case "sessions":
            match sessions.shape(rows, insight.sessions, scope):
                case TrendsResult() as lines:
                    return QueryResponse(trends=lines)
                case numbers:
                    return QueryResponse(segmentation=numbers)
        case kind:
            raise NotImplementedError(kind)


def persons(request: ListPersonsRequest, scope: Scope) -> Sql:
    """The SQL that finds the persons behind a number, in one column `person`, each once."""
    insight = request.query.insight
    match insight.WhichOneof("kind"):
        case "funnel":
            return funnel.persons(insight.funnel, request.funnel, scope)
        case "sessions":
            return sessions.persons(insight.sessions, request.sessions, scope)
        case kind:
            raise NotImplementedError(kind)


def filters(insight: Insight) -> list[Placed]:
    """The filters inside the insight's kind."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.filters(insight.trends)
        case "funnel":
            return funnel.filters(insight.funnel)
        case "sessions":
            return sessions.filters(insight.sessions)
        case _:
            return []
