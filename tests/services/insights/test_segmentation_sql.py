"""The SQL of segmentation, as a reviewer reads it (tests/golden_sql.py)."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PERSONS: Mapping[str, object] = {"event": {"name": "signed_up"}, "metric": {"kind": "KIND_PERSONS"}}
ACTIVE: Mapping[str, object] = {"event": {"name": "signed_up"}, "metric": {"kind": "KIND_ACTIVE_30D"}}
SEGMENTATIONS: Mapping[str, Mapping[str, object]] = {
    "persons": {"series": [PERSONS]},
    "active_30d": {"series": [ACTIVE]},
    "total_by_a_property": {"series": [{"event": {"name": "signed_up"}}], "breakdowns": [{"property": "plan"}]},
    "compared_with_a_formula": {"series": [PERSONS, {"event": {"name": "page_view"}}], "formulas": [{"expression": "A / B * 100"}]},
}


def request(name: str) -> QueryRequest:
    query = {"insight": {"segmentation": SEGMENTATIONS[name]}, "preset": "PRESET_LAST_7_DAYS", "timeZone": "Europe/Berlin"}
    return ParseDict({**query, **({"compare": {}} if "compared" in name else {})}, QueryRequest())


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    asked = request(name)

    assert_reads_as(f"segmentation/{name}", kinds.plan(asked.insight, scope_of(asked, Project(7, "UTC"), NOW)))


def test_sql_of_who_is_behind_a_row_reads_as_its_golden_file() -> None:
    of = ListPersonsRequest.OfSegmentation(series="A")
    of.cell.values.add(value="pro")
    asked = ListPersonsRequest(query=request("total_by_a_property"), segmentation=of)

    assert_reads_as("segmentation/behind_a_cell", kinds.persons(asked, scope_of(asked.query, Project(7, "UTC"), NOW)))
