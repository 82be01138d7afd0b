"""Answers a dashboard's tiles, each as soon as it is there."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from pug.dashboards.v1.dashboard_pb2 import Dashboard
from pug.dashboards.v1.render_pb2 import RenderedBoard, RenderedTile, TileError
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight, QueryRequest, QueryResponse
from services.dashboards.checking import insight_of
from services.dashboards.windows import Frame
from services.rpc.call import Call
from services.rpc.failures import failure_of

# Answers a question, or raises; whose turn it is, it decides itself.
Answer = Callable[[QueryRequest, Call], Awaitable[QueryResponse]]

# More would only stand in the project's line of queries, which is not endless and others stand in, too.
ASKED_AT_ONCE = 8
_METHOD = "pug.dashboards.v1.DashboardsService.RenderDashboard"


@dataclass(frozen=True, slots=True)
class _Question:
    """What one or several tiles ask."""

    request: QueryRequest
    tiles: tuple[Tile, ...]


def rendered_board(board: Dashboard, tiles: Sequence[Tile], frame: Frame) -> RenderedBoard:
    """What is there before any answer."""
    return RenderedBoard(
        dashboard=board,
        tiles=len(tiles),
        time_range=frame.time_range,
        granularity=frame.granularity,
        time_zone=frame.time_zone,
        resolved_at=frame.resolved_at,
    )


async def rendered_tiles(
    tiles: Sequence[Tile], saved: Mapping[UUID, Insight], frame: Frame, call: Call, *, answer: Answer, places: asyncio.Semaphore
) -> AsyncGenerator[RenderedTile]:
    """Every tile: texts first, then each as its answer comes, or why there is none. What two tiles ask alike is asked once.

    So many are asked at once as there are places.

    Closing the generator ends what still runs.
    """
    questions: dict[bytes, _Question] = {}
    for tile in tiles:
        insight = insight_of(tile, saved)
        if insight is None:
            yield RenderedTile(id=tile.id)
            continue
        request = frame.question(insight, tile.compare if tile.HasField("compare") else None)
        key = request.SerializeToString(deterministic=True)
        alike = questions[key].tiles if key in questions else ()
        questions[key] = _Question(request, (*alike, tile))
    began = time.monotonic()

    async def outcomes(question: _Question) -> list[RenderedTile]:
        async with places:
            patient = call if call.timeout_s is None else replace(call, timeout_s=call.timeout_s - (time.monotonic() - began))
            outcome = await _outcome(question.request, patient, answer)
        return [_of(tile, outcome) for tile in question.tiles]

    asked = [asyncio.create_task(outcomes(question)) for question in questions.values()]
    try:
        for done in asyncio.as_completed(asked):
            for tile in await done:
                yield tile
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _outcome(request: QueryRequest, call: Call, answer: Answer) -> QueryResponse | TileError:
    try:
        return await answer(request, call)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is this tile's alone)
        failure = failure_of(error, method=_METHOD, request_id=call.request_id)
        return TileError(code=failure.code.value, message=failure.message, info=failure.info)


def _of(tile: Tile, outcome: QueryResponse | TileError) -> RenderedTile:
    if isinstance(outcome, TileError):
        return RenderedTile(id=tile.id, error=outcome)
    return RenderedTile(id=tile.id, answer=outcome)
