from contextlib import suppress
from datetime import UTC, datetime

import pytest

from core.errors import InvalidArgument
from pug.insights.v1.insights_pb2 import Insight, QueryRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project


@pytest.mark.parametrize("kind", [field.name for field in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields])
def test_every_kind_of_insight_can_be_planned(kind: str) -> None:
    insight = Insight()
    getattr(insight, kind).SetInParent()
    scope = scope_of(QueryRequest(preset="PRESET_TODAY"), Project(1, "UTC"), datetime(2026, 3, 10, tzinfo=UTC))

    # An empty one may lack something, which only its own module can know.
    with suppress(InvalidArgument):
        kinds.plan(insight, scope)
