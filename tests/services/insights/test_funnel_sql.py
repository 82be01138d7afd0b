"""The SQL of funnels, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest tests/services/insights/test_funnel_sql.py` writes it anew."""

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

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
JSON = Mapping[str, object]
VIEWED: JSON = {"event": {"name": "viewed"}}
TRIED: JSON = {"event": {"name": "tried"}, "optional": True}
BOUGHT: JSON = {"event": {"name": "bought", "filters": [{"property": "plan", "values": ["pro"]}]}}
LEFT: JSON = {"event": {"name": "left"}}
FUNNELS: Mapping[str, JSON] = {
    "ordered": {"steps": [VIEWED, BOUGHT]},
    "timing_and_trend": {"steps": [VIEWED, BOUGHT], "timing": True, "trend": True},
    "same_step_twice": {"steps": [VIEWED, VIEWED], "windowScope": "WINDOW_SCOPE_PER_STEP", "window": "3600s"},
    "optional_step_and_exclusions": {
        "steps": [VIEWED, TRIED, BOUGHT],
        "exclusions": [LEFT, {"event": {"name": "paused"}, "fromStep": 2, "effect": "EFFECT_CUT_THERE"}],
    },
    "any_order": {"steps": [VIEWED, BOUGHT], "order": "ORDER_ANY_ORDER"},
    "strict_with_a_value_held_constant": {"steps": [VIEWED, BOUGHT], "order": "ORDER_STRICT", "holdConstant": ["cart"]},
    "totals_by_two_properties": {
        "steps": [VIEWED, BOUGHT],
        "countBy": "COUNT_BY_TOTALS",
        "breakdowns": [{"property": "plan"}, {"property": "$browser"}],
        "breakdownLimit": 5,
    },
    "sessions": {"steps": [VIEWED, BOUGHT], "countBy": "COUNT_BY_SESSIONS"},
    "all_steps_of_a_trait_as_of_an_identity": {
        "steps": [VIEWED, BOUGHT],
        "breakdowns": [{"property": "plan", "source": "SOURCE_PERSON"}],
        "attribution": "ATTRIBUTION_ALL_STEPS",
    },
}
PERSONS: Mapping[str, tuple[str, JSON]] = {
    "persons_who_left": ("ordered", {"step": 2, "dropped": True, "entered": "2026-03-08T23:00:00Z"}),
    "persons_of_the_others": ("totals_by_two_properties", {"cell": {"others": True}, "step": 2}),
}


def request(name: str, of: JSON) -> ListPersonsRequest:
    query = {"insight": {"funnel": FUNNELS[name]}, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"}
    return ParseDict({"query": query, "funnel": of}, ListPersonsRequest())


def planned(name: str, project_id: int = 7) -> Sql:
    funnel, of = PERSONS.get(name, (name, {}))
    asked = request(funnel, of)
    scope = scope_of(asked.query, Project(project_id, "UTC"), NOW, 42 if "identity" in name else 0)
    return kinds.persons(asked, scope) if name in PERSONS else kinds.plan(asked.query.insight, scope)


@pytest.mark.parametrize("name", [*FUNNELS, *PERSONS])
def test_sql_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"funnel/{name}", planned(name))


async def test_events_are_read_once_and_properties_alone(store: Store) -> None:
    await store.tell(event("viewed", plan="pro"))

    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query}", query=planned("totals_by_two_properties", store.project_id)))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert plan.count("ReadFromMergeTree") == 1
    assert "properties JSON" not in plan


async def test_only_events_of_the_funnel_are_read(store: Store) -> None:
    await store.tell(*(event("other", at="2026-03-09T10:00:00Z") for _ in range(20_000)), event("viewed", at="2026-03-09T10:00:00Z"))

    found = await store.clickhouse.query(planned("ordered", store.project_id))

    assert found.rows[0][2] == 1
    assert found.rows_read < 20_000


async def test_one_person_with_many_events_takes_no_more_memory_than_as_many_persons(store: Store) -> None:
    names = ("viewed", "bought")
    await store.tell(*(event(names[number % 2], at=f"2026-03-09T10:00:{number % 60:02}Z", plan="pro") for number in range(30_000)))

    # Were an array copied for every place, it would be 30,000 times 30,000 numbers.
    query = sql("{query} SETTINGS max_memory_usage = 200000000", query=planned("timing_and_trend", store.project_id))
    found = await store.clickhouse.query(query)

    assert [row[2] for row in found.rows] == [1, 1]
