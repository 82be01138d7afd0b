"""The SQL of trends, as a reviewer reads it (tests/golden_sql.py)."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from core.sql import sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Store, event

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
    "days_by_two_properties": {
        "series": [{"event": {"name": "signed_up"}}, {"metric": {"kind": "KIND_PERSONS"}}],
        "breakdowns": [{"property": "plan"}, {"property": "address.city"}],
    },
    "days_by_few_values_compared": {
        "series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_PER_PERSON"}}],
        "breakdowns": [{"property": "$browser"}],
    },
    "active_7d": {"series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_ACTIVE_7D"}}]},
    "active_30d_by_a_property": {
        "series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_ACTIVE_30D"}}],
        "breakdowns": [{"property": "plan"}],
    },
    "persons_so_far_and_total_so_far": {
        "series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_PERSONS"}}, {"event": {"name": "signed_up"}}],
        "transform": "TRANSFORM_CUMULATIVE",
    },
    "compared_by_a_property": {"series": [{"event": {"name": "signed_up"}}], "breakdowns": [{"property": "plan"}]},
    "formula_by_a_property": {
        "series": [{"event": {"name": "purchase"}}, {"event": {"name": "signed_up"}, "metric": {"kind": "KIND_PERSONS"}}],
        "formulas": [{"expression": "A / B"}],
        "breakdowns": [{"property": "plan"}],
    },
    "persons_estimated": {"series": [{"event": {"name": "signed_up"}, "metric": {"kind": "KIND_PERSONS"}}]},
}
BEHIND: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "behind_a_bucket": ("persons_with_a_filter", {"series": "A", "bucket": "2026-03-08T23:00:00Z"}),
    "behind_a_window": ("active_7d", {"series": "A", "bucket": "2026-03-08T23:00:00Z"}),
    "behind_a_cell": (
        "several_series_by_two_properties",
        {"series": "B", "cell": {"values": [{"value": "pro"}, {"absent": True}]}},
    ),
    "behind_the_others": ("by_a_property", {"series": "A", "cell": {"others": True}}),
}


def request(name: str) -> QueryRequest:
    filters: Mapping[str, object] = {"filters": [{"property": "$bot", "op": "OP_IS_NOT", "values": [True]}]} if name == "any_event" else {}
    insight = {"trends": TRENDS[name], "filters": filters}
    query = {
        "insight": insight,
        "preset": "PRESET_LAST_7_DAYS" if "days" in name else "PRESET_YESTERDAY",
        "timeZone": "Europe/Berlin",
        "approximate": "estimated" in name,
    }
    return ParseDict({**query, **({"compare": {}} if "compared" in name else {})}, QueryRequest())


@pytest.mark.parametrize("name", TRENDS)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    asked = request(name)

    version = 42 if "identity" in name else 0

    assert_reads_as(f"trends/{name}", kinds.plan(asked.insight, scope_of(asked, Project(7, "UTC"), NOW, version)))


@pytest.mark.parametrize("name", BEHIND)
def test_sql_of_who_is_behind_a_number_reads_as_its_golden_file(name: str) -> None:
    query, of = BEHIND[name]
    asked = ListPersonsRequest(query=request(query), trends=ParseDict(dict(of), ListPersonsRequest.OfTrends()))

    assert_reads_as(f"trends/{name}", kinds.persons(asked, scope_of(asked.query, Project(7, "UTC"), NOW)))


async def test_property_is_read_alone_and_not_with_all_the_others(store: Store) -> None:
    await store.tell(event("signed_up", plan="pro", address={"city": "Oslo"}))
    asked = request("days_by_two_properties")
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
