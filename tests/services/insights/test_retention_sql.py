"""The SQL of retention, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest tests/services/insights/test_retention_sql.py` writes it anew."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from services.insights import kinds
from services.insights.kinds import retention
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
JSON = Mapping[str, object]

JOIN_AND_USE: JSON = {"start": {"name": "join"}, "return": {"name": "use"}, "periods": 2}
PRO: JSON = {"property": "plan", "values": ["pro"]}
BY_PLAN: JSON = {"breakdowns": [{"property": "plan"}, {"property": "country", "source": "SOURCE_PERSON"}], "breakdownLimit": 5}
RETENTION: Mapping[str, JSON] = {
    "same_event": {"start": {"name": "use", "filters": [PRO]}, "periods": 2},
    "two_events": JOIN_AND_USE,
    "on_or_after_several_times": {**JOIN_AND_USE, "mode": "MODE_ON_OR_AFTER", "minimum": 3},
    "first_ever_rolling": {**JOIN_AND_USE, "clock": "CLOCK_ROLLING", "entry": "ENTRY_FIRST_EVER"},
    "brackets_by_two_properties_as_of_an_identity": {
        "start": {"name": "join"},
        "return": {"name": "use", "filters": [PRO]},
        "mode": "MODE_BRACKETS",
        "brackets": [1, 2],
        **BY_PLAN,
    },
    "recurring_by_two_properties": {**JOIN_AND_USE, "entry": "ENTRY_RECURRING", **BY_PLAN},
}
PERSONS: Mapping[str, tuple[JSON, JSON]] = {
    "persons": (JOIN_AND_USE, {"period": 1}),
    "persons_of_the_others": ({**JOIN_AND_USE, "breakdowns": [{"property": "plan"}]}, {"period": 2, "cell": {"others": True}}),
    "persons_of_a_cell": (
        {**JOIN_AND_USE, **BY_PLAN, "mode": "MODE_ON_OR_AFTER"},
        {"period": 2, "cell": {"values": [{"value": "pro"}, {"absent": True}]}},
    ),
}


def request(spec: JSON) -> QueryRequest:
    return ParseDict({"insight": {"retention": spec}, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"}, QueryRequest())


@pytest.mark.parametrize("name", RETENTION)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    asked = request(RETENTION[name])

    query = kinds.plan(asked.insight, scope_of(asked, Project(7, "UTC"), NOW, 42 if "identity" in name else 0))

    assert_reads_as(f"retention/{name}", query)


@pytest.mark.parametrize("name", PERSONS)
def test_sql_of_persons_reads_as_its_golden_file(name: str) -> None:
    spec, of = PERSONS[name]
    asked = request(spec)
    scope = scope_of(asked, Project(7, "UTC"), NOW)
    number = ParseDict({"cohort": "2026-03-08T23:00:00Z", **of}, ListPersonsRequest.OfRetention())

    assert_reads_as(f"retention/{name}", retention.persons(asked.insight.retention, number, scope))


@pytest.mark.parametrize("name", RETENTION)
async def test_events_are_read_once_by_name_and_a_property_alone(store: Store, name: str) -> None:
    await store.tell(event("join", plan="pro"), event("use", plan="pro"), event("else", plan="pro"))
    asked = request(RETENTION[name])
    query = kinds.plan(asked.insight, scope_of(asked, Project(store.project_id, "UTC"), NOW))

    explained = await store.clickhouse.query(sql("EXPLAIN indexes = 1, header = 1 {query}", query=query))

    plan = [str(row[0]).strip(" │├└─") for row in explained.rows]
    assert sum(line.startswith("ReadFromMergeTree") and "events" in line for line in plan) == 1
    assert any("name in" in line for line in plan)
    assert not any("properties JSON" in line for line in plan)
