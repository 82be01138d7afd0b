"""The kinds of insight: each plans its SQL and shapes its rows, both pure."""

from collections.abc import Sequence

from core.errors import MissingField, OfAnotherKind
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryResponse
from pug.insights.v1.person_pb2 import Person
from pug.insights.v1.trends_pb2 import TrendsResult
from services.insights.filters import Placed
from services.insights.kinds import flow, funnel, lifecycle, retention, segmentation, sessions, stickiness, top_k, trends
from services.insights.scope import Scope


def plan(insight: Insight, scope: Scope) -> Sql:  # noqa: C901, PLR0911 (one for each kind)
    """The SQL that answers the insight."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.plan(insight.trends, scope)
        case "segmentation":
            return segmentation.plan(insight.segmentation, scope)
        case "funnel":
            return funnel.plan(insight.funnel, scope)
        case "retention":
            return retention.plan(insight.retention, scope)
        case "stickiness":
            return stickiness.plan(insight.stickiness, scope)
        case "lifecycle":
            return lifecycle.plan(insight.lifecycle, scope)
        case "flow":
            return flow.plan(insight.flow, scope)
        case "top_k":
            return top_k.plan(insight.top_k, scope)
        case "sessions":
            return sessions.plan(insight.sessions, scope)
        case None:
            raise MissingField("The insight says nothing to ask.", field="insight", hint="Give one of its kinds, such as `trends`.")
        case kind:
            # WhichOneof is not typed by its names; tests/services/insights/test_kinds.py walks them all instead.
            raise NotImplementedError(kind)


def shape(rows: Sequence[Sequence[object]], insight: Insight, scope: Scope) -> QueryResponse:  # noqa: C901, PLR0911 (one for each kind)
    """The answer, without its meta."""
    match insight.WhichOneof("kind"):
        case "trends":
            return QueryResponse(trends=trends.shape(rows, insight.trends, scope))
        case "segmentation":
            return QueryResponse(segmentation=segmentation.shape(rows, insight.segmentation, scope))
        case "funnel":
            return QueryResponse(funnel=funnel.shape(rows, insight.funnel, scope))
        case "retention":
            return QueryResponse(retention=retention.shape(rows, insight.retention, scope))
        case "stickiness":
            return QueryResponse(stickiness=stickiness.shape(rows, insight.stickiness, scope))
        case "lifecycle":
            return QueryResponse(lifecycle=lifecycle.shape(rows, scope))
        case "flow":
            return QueryResponse(flow=flow.shape(rows, insight.flow))
        case "top_k":
            return QueryResponse(top_k=top_k.shape(rows))
        case "sessions":
            match sessions.shape(rows, insight.sessions, scope):
                case TrendsResult() as lines:
                    return QueryResponse(trends=lines)
                case numbers:
                    return QueryResponse(segmentation=numbers)
        case kind:
            raise NotImplementedError(kind)


def unnamed(response: QueryResponse) -> Sequence[Person]:
    """The persons in an answer, of whom only the ids are known yet."""
    return [row.person for row in response.top_k.rows if row.HasField("person")]


def persons(request: ListPersonsRequest, scope: Scope) -> Sql:  # noqa: C901, PLR0911 (one for each kind)
    """The SQL that finds the persons behind a number, in one column `person`, each once."""
    insight = request.query.insight
    kind, named = insight.WhichOneof("kind"), request.WhichOneof("of")
    if named is None:
        raise MissingField("Say whose persons to list.", field=kind or "query.insight", hint="Name a number of the answer.")
    if kind != named:
        raise OfAnotherKind(
            f"The query asks for {kind or 'nothing'}, and the number is one of {named}.", field=named, hint="Name a number of the answer."
        )
    match kind:
        case "trends":
            return trends.persons(insight.trends, request.trends, scope)
        case "segmentation":
            return segmentation.persons(insight.segmentation, request.segmentation, scope)
        case "funnel":
            return funnel.persons(insight.funnel, request.funnel, scope)
        case "retention":
            return retention.persons(insight.retention, request.retention, scope)
        case "stickiness":
            return stickiness.persons(insight.stickiness, request.stickiness, scope)
        case "lifecycle":
            return lifecycle.persons(insight.lifecycle, request.lifecycle, scope)
        case "flow":
            return flow.persons(insight.flow, request.flow, scope)
        case "top_k":
            return top_k.persons(insight.top_k, request.top_k, scope)
        case "sessions":
            return sessions.persons(insight.sessions, request.sessions, scope)
        case _:
            raise NotImplementedError(kind)


def filters(insight: Insight) -> list[Placed]:  # noqa: PLR0911 (one for each kind)
    """The filters inside the insight's kind."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.filters(insight.trends)
        case "segmentation":
            return segmentation.filters(insight.segmentation)
        case "funnel":
            return funnel.filters(insight.funnel)
        case "retention":
            return retention.filters(insight.retention)
        case "stickiness":
            return stickiness.filters(insight.stickiness)
        case "lifecycle":
            return lifecycle.filters(insight.lifecycle)
        case "flow":
            return flow.filters(insight.flow)
        case "top_k":
            return top_k.filters(insight.top_k)
        case "sessions":
            return sessions.filters(insight.sessions)
        case _:
            return []


def estimates(insight: Insight, scope: Scope) -> bool:
    """Whether any number of the answer is an estimate."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.estimates(insight.trends, scope)
        case "segmentation":
            return segmentation.estimates(insight.segmentation, scope)
        case _:
            return False
