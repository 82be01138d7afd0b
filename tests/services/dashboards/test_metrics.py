from measured import Measured
from pug.dashboards.v1.render_pb2 import RenderedTile, TileError
from pug.insights.v1.insights_pb2 import Meta, QueryResponse
from services.dashboards.metrics import RenderMetrics

ANSWERED = RenderedTile(answer=QueryResponse())
KEPT = RenderedTile(answer=QueryResponse(meta=Meta(kept=True)))
FAILED = RenderedTile(error=TileError())
TEXT = RenderedTile()


def test_tiles_are_counted_by_what_became_of_them_and_boards_by_how_long_they_take() -> None:
    measured = Measured()
    metrics = RenderMetrics(measured.untraced)

    with metrics.board() as rendered:
        for tile in (TEXT, ANSWERED, ANSWERED, KEPT, FAILED):
            rendered(tile)
    with metrics.board() as rendered:
        rendered(TEXT)

    outcomes = {outcome: measured.value("pug.dashboard.tiles", outcome=outcome) for outcome in ("answered", "kept", "failed")}
    assert outcomes == {"answered": 2, "kept": 1, "failed": 1}
    # A board of texts has no answer.
    assert (measured.value("pug.dashboard.render"), measured.value("pug.dashboard.first.tile")) == (2, 1)
