"""The kinds of insight: each plans its SQL and shapes its rows, both pure."""

from collections.abc import Sequence

from core.errors import MissingField, OfAnotherKind
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryResponse
from services.insights.filters import Placed
from services.insights.kinds import trends
from services.insights.scope import Scope


def plan(insight: Insight, scope: Scope) -> Sql:
    """The SQL that answers the insight."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.plan(insight.trends, scope)
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
        case kind:
            raise NotImplementedError(kind)


def persons(insight: Insight, of: ListPersonsRequest, scope: Scope) -> Sql:
    """The SQL of the persons behind the number that `of` names: their hashes in the column `person`, each once."""
    kind, named = insight.WhichOneof("kind"), of.WhichOneof("of")
    if named is None:
        raise MissingField("Say whose persons to list.", field=kind or "query.insight", hint="Name a number of the answer.")
    if kind != named:
        raise OfAnotherKind(
            f"The query asks for {kind or 'nothing'}, and the number is one of {named}.", field=named, hint="Name a number of the answer."
        )
    match kind:
        case "trends":
            return trends.persons(insight.trends, of.trends, scope)
        case _:
            raise NotImplementedError(kind)


def filters(insight: Insight) -> list[Placed]:
    """The filters inside the insight's kind."""
    match insight.WhichOneof("kind"):
        case "trends":
            return trends.filters(insight.trends)
        case _:
            return []
