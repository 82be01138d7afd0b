"""The SQL that looks sessions up, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest` on this file writes it anew."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import Sql, sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event

JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PRO: JSON = {"property": "plan", "source": "SOURCE_SESSION", "values": ["pro"]}
LONG: JSON = {"property": "$session_duration", "source": "SOURCE_SESSION", "op": "OP_GTE", "values": [60]}
SOURCE: JSON = {"property": "$utm_source", "source": "SOURCE_SESSION"}
ASKED: Mapping[str, JSON] = {
    "trends_filtered_and_split": {"trends": {"series": [{"event": {"name": "buy", "filters": [PRO]}}], "breakdowns": [SOURCE]}},
    "funnel_of_a_query_filter": {
        "funnel": {"steps": [{"event": {"name": "view"}}, {"event": {"name": "buy"}}]},
        "filters": {"filters": [PRO]},
    },
    "long_sessions": {"sessions": {"scope": {"filters": [LONG]}}},
}


def planned(insight: JSON, project_id: int = 7) -> Sql:
    request = ParseDict({"insight": insight, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"}, QueryRequest())
    return kinds.plan(request.insight, scope_of(request, Project(project_id, "UTC"), NOW))


@pytest.mark.parametrize("name", ASKED)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"session_source/{name}", planned(ASKED[name]))


async def test_look_up_reads_no_other_property(store: Store) -> None:
    await store.tell(event("buy", at="2026-03-09T10:00:00Z", plan="pro", address={"city": "Oslo"}))
    query = planned(ASKED["trends_filtered_and_split"], store.project_id)

    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query}", query=query))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert "properties.plan" in plan
    assert "properties JSON" not in plan
