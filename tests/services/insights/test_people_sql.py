"""The SQL of stickiness, lifecycle and top K, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest` on this file writes it anew."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import Sql, sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from services.insights import kinds
from services.insights.profiles_of import people_named
from services.insights.scope import Scope, scope_of
from services.rpc.call import Project
from story import Store, event

JSON = Mapping[str, object]

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SIGNED_UP: JSON = {"name": "signed_up", "filters": [{"property": "plan", "values": ["pro"]}]}
PERSONS: JSON = {"kind": "KIND_PERSONS"}
BY_PLAN: JSON = {"dimension": "DIMENSION_PROPERTY", "property": "plan"}
# The query, and for drill-down the number of it.
ANSWERS: Mapping[str, JSON] = {
    "stickiness/days": {"stickiness": {"event": SIGNED_UP}},
    "stickiness/days_as_of_an_identity": {"stickiness": {"event": {"name": "signed_up"}}},
    "lifecycle/days": {"lifecycle": {"event": SIGNED_UP}},
    "lifecycle/days_as_of_an_identity": {"lifecycle": {"event": {"name": "signed_up"}}},
    "top_k/names": {"topK": {}},
    "top_k/values_without_others": {"topK": {**BY_PLAN, "omitOthers": True}},
    "top_k/values_by_persons": {"topK": {**BY_PLAN, "scope": {"name": "signed_up"}, "metric": PERSONS, "limit": 5}},
    "top_k/persons_by_a_sum_as_of_an_identity": {
        "topK": {"dimension": "DIMENSION_PERSON", "metric": {"kind": "KIND_SUM", "property": "price"}}
    },
}
FIRST_DAY = "2026-03-07T23:00:00Z"
DRILL_DOWNS: Mapping[str, tuple[JSON, JSON]] = {
    "stickiness/persons_of_at_least_two_days": (
        {"stickiness": {"event": {"name": "signed_up"}, "mode": "MODE_CUMULATIVE"}},
        {"stickiness": {"buckets": 2}},
    ),
    "lifecycle/resurrecting_persons": (
        {"lifecycle": {"event": {"name": "signed_up"}}},
        {"lifecycle": {"bucket": FIRST_DAY, "state": "STATE_RESURRECTING"}},
    ),
    "top_k/persons_of_a_value": ({"topK": BY_PLAN}, {"topK": {"value": "pro"}}),
    "top_k/persons_of_others": ({"topK": BY_PLAN}, {"topK": {"others": True}}),
}


def asked(insight: JSON, of: JSON | None = None) -> ListPersonsRequest:
    # The first day is cut.
    between: JSON = {"from": "2026-03-08T05:00:00Z", "to": "2026-03-09T23:00:00Z"}
    return ParseDict({"query": {"insight": insight, "timeRange": between, "timeZone": "Europe/Berlin"}, **(of or {})}, ListPersonsRequest())


def scope(request: ListPersonsRequest, version: int = 0, project_id: int = 7) -> Scope:
    return scope_of(request.query, Project(project_id, "UTC"), NOW, version)


@pytest.mark.parametrize("name", ANSWERS)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    request = asked(ANSWERS[name])

    assert_reads_as(name, kinds.plan(request.query.insight, scope(request, 42 if "identity" in name else 0)))


@pytest.mark.parametrize("name", DRILL_DOWNS)
def test_sql_of_drill_down_reads_as_its_golden_file(name: str) -> None:
    request = asked(*DRILL_DOWNS[name])

    assert_reads_as(name, kinds.persons(request, scope(request)))


def test_sql_that_names_people_reads_as_its_golden_file() -> None:
    assert_reads_as("top_k/people_named", people_named([3, 2**64 - 1], scope(asked(ANSWERS["top_k/names"]), 42)))


@pytest.mark.parametrize("name", ["stickiness/days", "lifecycle/days", "top_k/values_by_persons"])
async def test_property_is_read_alone_and_not_with_all_the_others(store: Store, name: str) -> None:
    await store.tell(event("signed_up", at="2026-03-08T10:00:00Z", plan="pro"))
    request = asked(ANSWERS[name])
    query = kinds.plan(request.query.insight, scope(request, project_id=store.project_id))

    # What moves to PREWHERE is not in a header.
    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query} SETTINGS optimize_move_to_prewhere = 0", query=query))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert "properties.plan" in plan
    assert "properties JSON" not in plan


@pytest.mark.parametrize("name", ANSWERS)
async def test_console_sql_returns_the_rows_of_the_query(store: Store, name: str) -> None:
    told = (("ann", "2026-03-08T10:00:00Z"), ("ann", "2026-03-09T10:00:00Z"), ("bob", "2026-03-07T23:00:00Z"))
    await store.tell(*(event("signed_up", who, at, plan="pro", price=2) for who, at in told))
    request = asked(ANSWERS[name])
    query = kinds.plan(request.query.insight, scope(request, 42 if "identity" in name else 0, store.project_id))

    pasted = await store.clickhouse.query(Sql((query.for_console(),)))

    assert pasted.rows == (await store.clickhouse.query(query)).rows != []


async def test_row_of_the_others_names_no_value(store: Store) -> None:
    at = "2026-03-08T10:00:00Z"
    await store.tell(*(event("e", at=at, plan=plan) for plan in ("pro", "pro", "free")))
    request = asked({"topK": {**BY_PLAN, "limit": 1}})

    found = await store.clickhouse.query(kinds.plan(request.query.insight, scope(request, project_id=store.project_id)))

    assert found.rows == [(1, 2.0, "pro"), (0, 1.0, None)]
