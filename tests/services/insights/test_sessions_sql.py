"""The SQL of sessions, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest tests/services/insights/test_sessions_sql.py` writes it anew."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import Sql, sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event

JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PLAN: JSON = {"property": "plan"}
SESSIONS: Mapping[str, JSON] = {
    "sessions": {},
    "median_duration": {"metric": "METRIC_MEDIAN_DURATION", "as": "AS_SEGMENTATION", "scope": {"name": "signed_up"}},
    "entry": {"metric": "METRIC_ENTRY", "as": "AS_SEGMENTATION", "property": "$pathname"},
    "bounce_rate_by_a_property": {"metric": "METRIC_BOUNCE_RATE", "breakdowns": [PLAN], "breakdownLimit": 5},
}
COMPARED: Mapping[str, JSON] = {"exit_compared": {"metric": "METRIC_EXIT", "as": "AS_SEGMENTATION", "property": "$pathname"}}
PERSONS: Mapping[str, tuple[JSON, JSON]] = {
    "persons_of_a_bucket": ({}, {"bucket": "2026-03-08T23:00:00Z"}),
    "persons_of_the_others": ({"breakdowns": [PLAN]}, {"cell": {"others": True}}),
}


def planned(spec: JSON, of: JSON | None = None, project_id: int = 7, **more: object) -> Sql:
    query: JSON = {"insight": {"sessions": spec}, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin", **more}
    request = ParseDict({"query": query, "sessions": of or {}}, ListPersonsRequest())
    scope = scope_of(request.query, Project(project_id, "UTC"), NOW)
    return kinds.plan(request.query.insight, scope) if of is None else kinds.persons(request, scope)


@pytest.mark.parametrize("name", [*SESSIONS, *PERSONS])
def test_sql_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"sessions/{name}", (planned(SESSIONS[name]) if name in SESSIONS else planned(*PERSONS[name])))


@pytest.mark.parametrize("name", COMPARED)
def test_sql_of_a_comparison_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"sessions/{name}", planned(COMPARED[name], compare={}))


async def test_property_is_read_alone_next_to_the_stitching(store: Store) -> None:
    await store.tell(event("signed_up", at="2026-03-09T10:00:00Z", plan="pro", address={"city": "Oslo"}))
    query = planned(SESSIONS["bounce_rate_by_a_property"], project_id=store.project_id)

    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query}", query=query))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert "properties.plan" in plan
    assert "properties JSON" not in plan
