"""Reads and writes dashboards and their tiles in PostgreSQL. Every change is written into the org's log in the same transaction."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import VersionConflict
from core.postgres import transaction
from pug.dashboards.v1.dashboard_pb2 import Dashboard, Share
from pug.dashboards.v1.tile_pb2 import Tile
from services.accounts.audit import Change, actor_of, difference, note
from services.accounts.quotas import Quotas, require_room
from services.dashboards.checking import saved_ids
from services.dashboards.documents import Document, read, written
from services.dashboards.ids import no_dashboard, no_saved_insight
from services.dashboards.reconciling import KeptTile, Reconciled, reconciled
from services.dashboards.tables import dashboards, saved_insights, shares, tiles
from services.rpc.call import Call
from services.rpc.page_rows import rows_of_page
from services.rpc.pages import Page

_KIND = "dashboard"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list by name ended."""

    name: str
    id: UUID


class BoardRepository:
    """Dashboards, by the project they belong to."""

    def __init__(self, postgres: AsyncEngine, most: int = Quotas().project_boards) -> None:
        """A project has at most so many."""
        self._postgres = postgres
        self._most = most
        # What is read by several queries is read as of one instant: never the tiles of one version under the number of another.
        self._as_of_one_instant = postgres.execution_options(isolation_level="REPEATABLE READ")

    async def get(self, project_id: int, board_id: UUID) -> Dashboard:
        """The dashboard with its tiles; raises DashboardNotFound."""
        async with transaction(self._as_of_one_instant) as connection:
            return await _whole(connection, project_id, board_id)

    async def page(self, project_id: int, after: Place | None, size: int) -> Page[Dashboard]:
        """Dashboards by name, without their tiles."""
        query = _boards().where(dashboards.c.project_id == project_id).order_by(dashboards.c.name, dashboards.c.id)
        if after:
            query = query.where(tuple_(dashboards.c.name, dashboards.c.id) > tuple_(after.name, after.id))
        async with transaction(self._as_of_one_instant) as connection:
            page = await rows_of_page(connection, query, dashboards.c.frame, size)
        return Page([_dashboard(row) for row in page.entries], page.more)

    async def create(self, call: Call, board: Dashboard, action: str, field: str) -> Dashboard:
        """A new dashboard, like the one given; `action` is the RPC that asks for it, `field` the path of its tiles there."""
        board_id = uuid.uuid4()
        async with transaction(self._postgres) as connection:
            of = dashboards.c.project_id == call.project.id
            await require_room(connection, dashboards, of, self._most, "dashboards of the project")
            values = {**_columns(board), "id": board_id, "project_id": call.project.id, "version": 1}
            await connection.execute(insert(dashboards).values(**values, updated_by=await actor_of(connection, call)))
            await _hold(connection, call.project.id, saved_ids(board.tiles, field))
            change = reconciled([], board.tiles, uuid.uuid4, field)
            await _write(connection, board_id, change)
            changes = difference({}, {**_columns(board), "tiles": _named(change.tiles)})
            await note(connection, call, Change(action, _KIND, str(board_id), changes))
            return await _whole(connection, call.project.id, board_id)

    async def update(self, call: Call, board_id: UUID, version: int, change: Callable[[Dashboard], None]) -> Dashboard:
        """The dashboard after a change of its name, description or frame; one that changes nothing leaves it as it is."""
        async with transaction(self._postgres) as connection:
            await _lock(connection, call.project.id, board_id, version)
            board = await _whole(connection, call.project.id, board_id)
            before = _columns(board)
            change(board)
            after = _columns(board)
            if not (changes := difference(before, after)):
                return board
            await _touch(connection, call, board_id, after)
            await note(connection, call, Change("UpdateDashboard", _KIND, str(board_id), changes))
            return await _whole(connection, call.project.id, board_id)

    async def set_tiles(self, call: Call, board_id: UUID, version: int, asked: Sequence[Tile]) -> Dashboard:
        """The dashboard with the tiles asked for and no others; with just these already, it stays as it is."""
        async with transaction(self._postgres) as connection:
            # Two editors wait for each other here.
            await _lock(connection, call.project.id, board_id, version)
            kept = await _tiles(connection, board_id)
            change = reconciled(kept, asked, uuid.uuid4)
            if change.is_the_same:
                return await _whole(connection, call.project.id, board_id)
            await _hold(connection, call.project.id, saved_ids(asked, "tiles"))
            await _write(connection, board_id, change)
            await _touch(connection, call, board_id, {})
            # Of those that changed both have a name; of a new one and one that is gone, one.
            gone = {each.id for each in (*change.changed, *change.deleted)}
            before, after = [each for each in kept if each.id in gone], [*change.changed, *change.added]
            changes = {"tiles": {"before": _named(before), "after": _named(after)}}
            await note(connection, call, Change("SetTiles", _KIND, str(board_id), changes))
            return await _whole(connection, call.project.id, board_id)

    async def delete(self, call: Call, board_id: UUID) -> None:
        """End the dashboard, its tiles and its link; raises DashboardNotFound."""
        async with transaction(self._postgres) as connection:
            await _lock(connection, call.project.id, board_id, 0)
            found, kept = await _whole(connection, call.project.id, board_id), await _tiles(connection, board_id)
            await connection.execute(delete(dashboards).where(dashboards.c.id == board_id))
            changes = difference({**_columns(found), "tiles": _named(kept)}, {})
            await note(connection, call, Change("DeleteDashboard", _KIND, str(board_id), changes))


def _boards() -> Select[Any]:
    shared = (shares.c.created_at.label("shared_at"), shares.c.expires_at, shares.c.choose_window, shares.c.show_traits)
    return select(dashboards, *shared).select_from(dashboards.outerjoin(shares, shares.c.dashboard_id == dashboards.c.id))


async def _whole(connection: AsyncConnection, project_id: int, board_id: UUID) -> Dashboard:
    query = _boards().where(dashboards.c.project_id == project_id, dashboards.c.id == board_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise no_dashboard()
    board = _dashboard(row)
    board.tiles.extend(each.tile for each in await _tiles(connection, board_id))
    return board


async def _tiles(connection: AsyncConnection, board_id: UUID) -> list[KeptTile]:
    query = select(tiles).where(tiles.c.dashboard_id == board_id).order_by(tiles.c.place)
    return [KeptTile(row["id"], row["place"], row["tile"]) for row in (await connection.execute(query)).mappings()]


async def _lock(connection: AsyncConnection, project_id: int, board_id: UUID, version: int) -> None:
    """Hold the dashboard until the transaction ends, if it is the version that was read; 0 is any."""
    query = select(dashboards).where(dashboards.c.project_id == project_id, dashboards.c.id == board_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise no_dashboard()
    if version not in {0, row["version"]}:
        raise changed_meanwhile("dashboard", row)


def changed_meanwhile(what: str, row: RowMapping) -> VersionConflict:
    """Somebody else was quicker; says who and when."""
    when = f"{row['updated_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return VersionConflict(
        f"The {what} is at version {row['version']}: {row['updated_by']} changed it at {when}.",
        field="version",
        hint="Read it again, and make your change to what is there now.",
    )


async def _hold(connection: AsyncConnection, project_id: int, named: Mapping[UUID, str]) -> None:
    """Keep saved insights from being deleted until the transaction ends; each with the path that names it."""
    query = (
        select(saved_insights.c.id)
        .where(saved_insights.c.project_id == project_id, saved_insights.c.id.in_(named))
        .with_for_update(read=True, key_share=True)
    )
    found = set((await connection.execute(query)).scalars())
    for saved_id, field in named.items():
        if saved_id not in found:
            raise no_saved_insight(field)


async def _write(connection: AsyncConnection, board_id: UUID, change: Reconciled) -> None:
    if change.deleted:
        await connection.execute(delete(tiles).where(tiles.c.id.in_([each.id for each in change.deleted])))
    for each in change.changed:
        await connection.execute(update(tiles).where(tiles.c.id == each.id).values(_tile_columns(each)))
    if change.added:
        rows = [{"id": each.id, "dashboard_id": board_id, **_tile_columns(each)} for each in change.added]
        await connection.execute(insert(tiles), rows)


async def _touch(connection: AsyncConnection, call: Call, board_id: UUID, values: Mapping[str, object]) -> None:
    marks = {"version": dashboards.c.version + 1, "updated_at": func.now(), "updated_by": await actor_of(connection, call)}
    await connection.execute(update(dashboards).where(dashboards.c.id == board_id).values({**values, **marks}))


def _tile_columns(each: KeptTile) -> dict[str, object]:
    return {"place": each.place, "tile": each.document, "saved_insight_id": each.saved_insight_id}


def _columns(board: Dashboard) -> dict[str, object]:
    return {"name": board.name, "description": board.description, "frame": _frame(board)}


def _frame(board: Dashboard) -> Document:
    """What its tiles have in common, as it is kept."""
    filters = board.filters if board.filters.ByteSize() else None
    return written(Dashboard(window=board.window, filters=filters, week_start=board.week_start), "board")


def _dashboard(row: RowMapping) -> Dashboard:
    board = read(row["frame"], Dashboard())
    board.MergeFrom(
        Dashboard(
            id=str(row["id"]),
            name=row["name"],
            description=row["description"],
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
    )
    if row["shared_at"] is not None:
        board.share.CopyFrom(
            Share(
                created_at=row["shared_at"],
                expires_at=row["expires_at"],
                choose_window=row["choose_window"],
                show_traits=row["show_traits"],
            )
        )
    return board


def _named(kept: Iterable[KeptTile]) -> list[dict[str, str]]:
    """Tiles as the log names them: all they say would be too much for it."""
    return [{"id": str(each.id), "name": each.tile.name} for each in kept]
