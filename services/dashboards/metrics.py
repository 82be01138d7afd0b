"""What looking at dashboards takes."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from core.instruments import SECONDS, Counter, Instruments
from pug.dashboards.v1.render_pb2 import RenderedTile


class RenderMetrics:
    """Read off the tiles as they go out."""

    def __init__(self, instruments: Instruments) -> None:
        meter = instruments.meter
        self._tiles = Counter(
            meter,
            "pug.dashboard.tiles",
            "Tiles that were rendered: answered, answered by what was kept, or failed.",
            unit="{tile}",
            label="outcome",
            known=("answered", "kept", "failed"),
        )
        self._board = meter.create_histogram(
            "pug.dashboard.render", "s", "From the call for a board to its last tile.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._first = meter.create_histogram(
            "pug.dashboard.first.tile", "s", "From the call for a board to its first answer.", explicit_bucket_boundaries_advisory=SECONDS
        )

    @contextmanager
    def board(self) -> Generator[Callable[[RenderedTile], None]]:
        """While a board is rendered; what it yields is called with each tile."""
        began, first = time.perf_counter(), True

        def rendered(tile: RenderedTile) -> None:
            nonlocal first
            if (outcome := _outcome(tile)) is None:
                return
            if first:
                self._first.record(time.perf_counter() - began)
            first = False
            self._tiles.add(1, outcome)

        yield rendered
        self._board.record(time.perf_counter() - began)


def _outcome(tile: RenderedTile) -> str | None:
    """What became of a tile; None for a text, which is asked of nobody."""
    match tile.WhichOneof("outcome"):
        case "answer":
            return "kept" if tile.answer.meta.kept else "answered"
        case "error":
            return "failed"
        case _:
            return None
