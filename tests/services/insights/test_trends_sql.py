"""The SQL of trends, as a reviewer reads it. `REWRITE_GOLDEN=1 pytest tests/services/insights/test_trends_sql.py` writes it anew."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import sql
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event

GOLDEN = Path(__file__).parents[2] / "golden" / "trends"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PRO: Mapping[str, object] = {"property": "plan", "values": ["pro"]}
TRENDS: Mapping[str, Mapping[str, object]] = {
    "total": {"series": [{"event": {"name": "signed_up"}}]},
    "any_event": {"series": [{"event": {"name": ""}}]},
    "sessions": {"series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_SESSIONS"}}]},
    "persons_with_a_filter": {"series": [{"event": {"name": "signed_up", "filters": [PRO]}, "metric": {"kind": "KIND_PERSONS"}}]},
    "persons_with_a_property_set": {
        "series": [
            {"event": {"name": "signed_up", "filters": [{"property": "address", "op": "OP_IS_SET"}]}, "metric": {"kind": "KIND_PERSONS"}}
        ]
    },
    "median_of_a_property": {"series": [{"event": {"name": "purchase"}, "metric": {"kind": "KIND_MEDIAN", "property": "price"}}]},
    "several_series": {
        "series": [
            {"event": {"name": "purchase"}, "metric": {"kind": "KIND_PER_PERSON"}},
            {"event": {"name": "signed_up", "filters": [PRO]}, "metric": {"kind": "KIND_SESSIONS"}},
        ]
    },
    "by_a_property_pug_may_add": {
        "series": [
            {
                "event": {"filters": [{"property": "$os", "values": ["macOS"]}, {"property": "$country", "values": ["DE"]}]},
                "metric": {"kind": "KIND_MAX", "property": "$browser_version"},
            }
        ],
        "breakdowns": [{"property": "$browser"}, {"property": "$channel"}],
    },
    "persons_as_of_an_identity": {
        "series": [
            {
                "event": {"name": "signed_up", "filters": [{"property": "plan", "source": "SOURCE_PERSON", "values": ["pro"]}]},
                "metric": {"kind": "KIND_PERSONS"},
            }
        ],
        "breakdowns": [{"property": "country", "source": "SOURCE_PERSON"}],
    },
    "by_a_property": {"series": [{"event": {"name": "signed_up"}}], "breakdowns": [{"property": "plan"}], "breakdownLimit": 5},
    "several_series_by_two_properties": {
        "series": [{"event": {"name": "signed_up"}}, {"metric": {"kind": "KIND_PERSONS"}}],
        "breakdowns": [{"property": "plan"}, {"property": "address.city"}],
    },
}


def request(name: str) -> QueryRequest:
    filters: Mapping[str, object] = {"filters": [{"property": "$bot", "op": "OP_IS_NOT", "values": [True]}]} if name == "any_event" else {}
    insight = {"trends": TRENDS[name], "filters": filters}
    return ParseDict({"insight": insight, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"}, QueryRequest())


@pytest.mark.parametrize("name", TRENDS)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    asked = request(name)

    version = 42 if "identity" in name else 0

    written, values = kinds.plan(asked.insight, scope_of(asked, Project(7, "UTC"), NOW, version)).render()

    bound = [f"-- {key} = {value.parameter}" for key, value in values.items()]
    text = "\n".join([written.strip(), "", *bound, ""])
    path = GOLDEN / f"{name}.sql"
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


async def test_property_is_read_alone_and_not_with_all_the_others(store: Store) -> None:
    await store.tell(event("signed_up", plan="pro", address={"city": "Oslo"}))
    asked = request("several_series_by_two_properties")
    query = kinds.plan(asked.insight, scope_of(asked, Project(store.project_id, "UTC"), datetime(2026, 3, 2, 12, tzinfo=UTC)))

    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query}", query=query))

    lines = [str(row[0]).strip(" │├└─") for row in explained.rows]
    columns = [
        {column.partition("(")[0] for column in lines[place + 1 : place + 6]}
        for place, line in enumerate(lines)
        if line.startswith("ReadFromMergeTree")
    ]
    assert len(columns) == 2
    assert all({"properties.plan Dynamic", "properties.address.city Dynamic"} <= read for read in columns)
    assert not any("properties JSON" in line for line in lines)


async def test_what_is_inside_a_property_is_read_alone_too(store: Store) -> None:
    await store.tell(event("signed_up", plan="pro", address={"city": "Oslo"}))
    asked = request("persons_with_a_property_set")
    query = kinds.plan(asked.insight, scope_of(asked, Project(store.project_id, "UTC"), datetime(2026, 3, 2, 12, tzinfo=UTC)))

    # What moves to PREWHERE is not in a header.
    explained = await store.clickhouse.query(sql("EXPLAIN header = 1 {query} SETTINGS optimize_move_to_prewhere = 0", query=query))

    plan = "\n".join(str(row[0]) for row in explained.rows)
    assert "properties.^`address` JSON" in plan
    assert "properties JSON" not in plan


async def test_row_of_the_others_names_no_value(store: Store) -> None:
    await store.tell(event("signed_up", plan="pro"), event("signed_up", plan="pro"), event("signed_up", plan="free"))
    asked = request("by_a_property")
    asked.insight.trends.breakdown_limit = 1
    query = kinds.plan(asked.insight, scope_of(asked, Project(store.project_id, "UTC"), datetime(2026, 3, 2, 12, tzinfo=UTC)))

    found = await store.clickhouse.query(sql("SELECT rank, value, value_1 FROM ({query}) ORDER BY rank", query=query))

    assert found.rows == [(0, 1.0, None), (1, 2.0, "pro")]
