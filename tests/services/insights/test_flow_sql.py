"""The SQL of flows, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest tests/services/insights/test_flow_sql.py` writes it anew."""

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
FLOWS: Mapping[str, JSON] = {
    "sessions": {},
    "from_a_page_to_another": {"node": "NODE_PROPERTY", "property": "$pathname", "start": "/", "end": "/thanks", "keepRepeats": True},
    "to_a_group_of_values": {"node": "NODE_PROPERTY", "property": "plan", "groups": [{"pattern": "p*", "label": "paid"}], "end": "paid"},
    "persons": {"unit": "UNIT_PERSON", "scope": {"name": "signed_up"}},
}
PERSONS: Mapping[str, tuple[JSON, JSON]] = {
    "persons_of_a_node": ({"unit": "UNIT_PERSON"}, {"source": 21}),
    "persons_of_a_link": ({"end": "signed_up"}, {"source": 22, "target": 43}),
}


def planned(spec: JSON, of: JSON | None = None, project_id: int = 7) -> Sql:
    query: JSON = {"insight": {"flow": spec}, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"}
    request = ParseDict({"query": query, "flow": of or {}}, ListPersonsRequest())
    scope = scope_of(request.query, Project(project_id, "UTC"), NOW)
    return kinds.plan(request.query.insight, scope) if of is None else kinds.persons(request, scope)


@pytest.mark.parametrize("name", [*FLOWS, *PERSONS])
def test_sql_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"flow/{name}", (planned(FLOWS[name]) if name in FLOWS else planned(*PERSONS[name])))


async def test_property_is_read_alone_next_to_the_stitching(store: Store) -> None:
    await store.tell(event("signed_up", at="2026-03-09T10:00:00Z", plan="pro", address={"city": "Oslo"}))
    query = planned(FLOWS["to_a_group_of_values"], project_id=store.project_id)

    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query}", query=query))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert "properties.plan" in plan
    assert "properties JSON" not in plan
