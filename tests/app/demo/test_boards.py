"""The demo's boards are what an import takes, and every tile of them is answered."""

from app.backends import Backends
from app.demo.seeding import boards
from pug.dashboards.v1 import render_pb2
from team import new_team


async def test_every_tile_of_every_board_is_taken_and_answered(backends: Backends) -> None:
    team = await new_team(backends)

    for board in boards():
        made = (await team.service.import_dashboard(board, team.call)).dashboard
        parts = [part async for part in team.service.render_dashboard(render_pb2.RenderDashboardRequest(id=made.id), team.call)]

        failed = {part.tile.id: part.tile.error for part in parts if part.tile.HasField("error")}
        assert not failed, made.name
        assert sum(part.HasField("tile") for part in parts) == len(made.tiles)
