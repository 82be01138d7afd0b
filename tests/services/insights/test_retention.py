"""Stories about retention, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from core.errors import InvalidArgument, MissingField, PugError, RangeTooLong, TooLong, TooMany
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from pug.insights.v1.retention_pb2 import RetentionResult
from services.insights.kinds import retention
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event, next_project

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def asking(periods: int = 2, *, start: str = "join", end: str = "use", days: JSON = THREE_DAYS, query: JSON | None = None, **spec: object) -> JSON:
    """A query about those who join and use; 0 periods leaves them out."""
    retention: JSON = {"start": {"name": start}, "return": {"name": end}, **({"periods": periods} if periods else {}), **spec}
    return {"insight": {"retention": retention}, "timeRange": days, **(query or {})}


def counts(response: QueryResponse, table: int = 0) -> list[list[int]]:
    return [list(cohort.counts) for cohort in response.retention.series[table].cohorts]


def join(who: str, day: int, time: str = "10:00:00", **properties: object):
    return event("join", who, at=f"2026-03-{day:02}T{time}Z", **properties)


def use(who: str, day: int, time: str = "10:00:00"):
    return event("use", who, at=f"2026-03-{day:02}T{time}Z")


async def test_cohorts_are_those_who_started_on_a_day_and_counts_who_of_them_came_back_on_each_day_after(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("bob", 1), join("cid", 2), use("ann", 2), use("ann", 3), use("bob", 3), use("cid", 3), use("dan", 3))

    response = await ask(asking())

    assert counts(response) == [[2, 1, 2], [1, 1, 0], [0, 0, 0]]
    assert [cohort.size for cohort in response.retention.series[0].cohorts] == [2, 1, 0]
    assert [cohort.start.ToDatetime(UTC).day for cohort in response.retention.series[0].cohorts] == [1, 2, 3]
