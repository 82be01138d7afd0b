"""Which kinds of insight can be drawn how."""

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import TileInvalid
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight
from services.dashboards.view_modes import check_view_mode, usual_mode

SPLIT = {"breakdowns": [{"property": "plan"}]}
# By kind: the usual mode, then the others that can draw it.
DRAWN: list[tuple[str, dict[str, object], str]] = [
    ("trends", {}, "LINE AREA BAR_GROUPED BAR_STACKED TABLE KPI PIE HEAT_MAP"),
    ("segmentation", {}, "KPI BAR_GROUPED BAR_STACKED TABLE PIE HEAT_MAP"),
    ("segmentation", {**SPLIT}, "BAR_GROUPED KPI BAR_STACKED TABLE PIE HEAT_MAP"),
    ("funnel", {}, "FUNNEL BAR_GROUPED LINE TABLE KPI"),
    ("retention", {}, "RETENTION_GRID LINE AREA TABLE HEAT_MAP"),
    ("stickiness", {}, "LINE AREA BAR_GROUPED TABLE"),
    ("lifecycle", {}, "BAR_STACKED BAR_GROUPED LINE AREA TABLE"),
    ("flow", {}, "SANKEY TABLE"),
    ("topK", {}, "TABLE BAR_GROUPED PIE"),
    ("sessions", {}, "LINE AREA BAR_GROUPED BAR_STACKED TABLE KPI PIE HEAT_MAP"),
    ("sessions", {"as": "AS_SEGMENTATION"}, "KPI BAR_GROUPED BAR_STACKED TABLE PIE HEAT_MAP"),
    ("sessions", {"as": "AS_SEGMENTATION", **SPLIT}, "BAR_GROUPED KPI BAR_STACKED TABLE PIE HEAT_MAP"),
    ("sessions", {"as": "AS_SEGMENTATION", "metric": "METRIC_ENTRY"}, "BAR_GROUPED KPI BAR_STACKED TABLE PIE HEAT_MAP"),
]


@pytest.mark.parametrize(("kind", "spec", "names"), DRAWN, ids=[f"{place} {kind}" for place, (kind, _, _) in enumerate(DRAWN)])
def test_a_kind_is_drawn_in_these_modes_and_no_others(kind: str, spec: dict[str, object], names: str) -> None:
    insight = ParseDict({kind: spec}, Insight())
    allowed = [Tile.ViewMode.Value(f"VIEW_MODE_{name}") for name in names.split()]

    for mode in Tile.ViewMode.values():
        if mode in {*allowed, Tile.VIEW_MODE_UNSPECIFIED}:
            check_view_mode(mode, insight, "tiles[0].viewMode")
        else:
            with pytest.raises(TileInvalid) as refused:
                check_view_mode(mode, insight, "tiles[0].viewMode")
            assert refused.value.field == "tiles[0].viewMode"
            assert all(Tile.ViewMode.Name(each) in refused.value.hint for each in allowed)
    assert usual_mode(insight) == allowed[0]


def test_every_kind_has_its_modes() -> None:
    kinds = {field.json_name for field in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields}

    assert {kind for kind, _, _ in DRAWN} == kinds
