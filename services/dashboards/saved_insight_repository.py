"""Reads and writes saved insights in PostgreSQL. Every change is written into the org's log in the same transaction."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import SavedInsightInUse
from core.postgres import transaction
from pug.dashboards.v1.saved_insight_pb2 import SavedInsight
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight
from services.accounts.audit import Change, actor_of, difference, note
from services.accounts.quotas import Quotas, require_room
from services.dashboards.board_repository import Place, changed_meanwhile
from services.dashboards.documents import read, written
from services.dashboards.ids import no_saved_insight
from services.dashboards.tables import dashboards, saved_insights, tiles
from services.rpc.call import Call
from services.rpc.page_rows import rows_of_page
from services.rpc.pages import Page

_KIND = "saved_insight"
_NAMED_AT_MOST = 3


class SavedInsightRepository:
    """Saved insights, by the project they belong to."""

    def __init__(self, postgres: AsyncEngine, most: int = Quotas().project_boards) -> None:
        """A project has at most so many."""
        self._postgres = postgres
        # The lengths and the rows of a page are read as of one instant.
        self._as_of_one_instant = postgres.execution_options(isolation_level="REPEATABLE READ")
        self._most = most

    async def insights(self, project_id: int, named: Mapping[UUID, str]) -> dict[UUID, Insight]:
        """The saved insights of these ids, each with the path that names it; raises SavedInsightNotFound with that path."""
        if not named:
            return {}
        query = select(saved_insights.c.id, saved_insights.c.insight).where(
            saved_insights.c.project_id == project_id, saved_insights.c.id.in_(named)
        )
        async with transaction(self._postgres) as connection:
            found = {row["id"]: read(row["insight"], Insight()) for row in (await connection.execute(query)).mappings()}
        for saved_id, field in named.items():
            if saved_id not in found:
                raise no_saved_insight(field)
        return found

    async def get(self, project_id: int, saved_id: UUID) -> SavedInsight:
        """The saved insight; raises SavedInsightNotFound."""
        async with transaction(self._postgres) as connection:
            return await _whole(connection, project_id, saved_id)

    async def page(self, project_id: int, after: Place | None, size: int) -> Page[SavedInsight]:
        """Saved insights by name."""
        query = _saved().where(saved_insights.c.project_id == project_id).order_by(saved_insights.c.name, saved_insights.c.id)
        if after:
            query = query.where(tuple_(saved_insights.c.name, saved_insights.c.id) > tuple_(after.name, after.id))
        async with transaction(self._as_of_one_instant) as connection:
            page = await rows_of_page(connection, query, saved_insights.c.insight, size)
        return Page([_message(row) for row in page.entries], page.more)

    async def tiles_of(self, saved_id: UUID) -> list[tuple[str, Tile]]:
        """The tiles that show a saved insight, each with its dashboard's name."""
        query = (
            select(dashboards.c.name, tiles.c.tile)
            .join(dashboards, dashboards.c.id == tiles.c.dashboard_id)
            .where(tiles.c.saved_insight_id == saved_id)
            .order_by(dashboards.c.name, tiles.c.place)
        )
        async with transaction(self._postgres) as connection:
            return [(row["name"], read(row["tile"], Tile())) for row in (await connection.execute(query)).mappings()]

    async def create(self, call: Call, saved: SavedInsight) -> SavedInsight:
        """A new saved insight, like the one given."""
        saved_id = uuid.uuid4()
        async with transaction(self._postgres) as connection:
            of = saved_insights.c.project_id == call.project.id
            await require_room(connection, saved_insights, of, self._most, "saved insights of the project")
            values = {**_columns(saved), "id": saved_id, "project_id": call.project.id, "version": 1}
            await connection.execute(insert(saved_insights).values(**values, updated_by=await actor_of(connection, call)))
            await note(connection, call, Change("CreateSavedInsight", _KIND, str(saved_id), difference({}, _columns(saved))))
            return await _whole(connection, call.project.id, saved_id)

    async def update(self, call: Call, saved_id: UUID, version: int, change: Callable[[SavedInsight], None]) -> SavedInsight:
        """The saved insight after a change; one that changes nothing leaves it as it is."""
        async with transaction(self._postgres) as connection:
            await _lock(connection, call.project.id, saved_id, version)
            saved = await _whole(connection, call.project.id, saved_id)
            before = _columns(saved)
            change(saved)
            after = _columns(saved)
            if not (changes := difference(before, after)):
                return saved
            marks = {"version": saved_insights.c.version + 1, "updated_at": func.now(), "updated_by": await actor_of(connection, call)}
            await connection.execute(update(saved_insights).where(saved_insights.c.id == saved_id).values({**after, **marks}))
            await note(connection, call, Change("UpdateSavedInsight", _KIND, str(saved_id), changes))
            return await _whole(connection, call.project.id, saved_id)

    async def delete(self, call: Call, saved_id: UUID) -> None:
        """End a saved insight; raises SavedInsightInUse while it stands on a dashboard."""
        async with transaction(self._postgres) as connection:
            # Whoever is about to put it on a dashboard waits for this, or this for them.
            await _lock(connection, call.project.id, saved_id, 0)
            if names := await _dashboards_of(connection, saved_id):
                raise _in_use(names)
            saved = await _whole(connection, call.project.id, saved_id)
            await connection.execute(delete(saved_insights).where(saved_insights.c.id == saved_id))
            await note(connection, call, Change("DeleteSavedInsight", _KIND, str(saved_id), difference(_columns(saved), {})))


def _saved() -> Select[Any]:
    standing = select(func.count(tiles.c.dashboard_id.distinct())).where(tiles.c.saved_insight_id == saved_insights.c.id).scalar_subquery()
    return select(saved_insights, standing.label("dashboards"))


async def _whole(connection: AsyncConnection, project_id: int, saved_id: UUID) -> SavedInsight:
    query = _saved().where(saved_insights.c.project_id == project_id, saved_insights.c.id == saved_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise no_saved_insight()
    return _message(row)


async def _lock(connection: AsyncConnection, project_id: int, saved_id: UUID, version: int) -> None:
    query = select(saved_insights).where(saved_insights.c.project_id == project_id, saved_insights.c.id == saved_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise no_saved_insight()
    if version not in {0, row["version"]}:
        raise changed_meanwhile("saved insight", row)


async def _dashboards_of(connection: AsyncConnection, saved_id: UUID) -> Sequence[str]:
    query = (
        select(dashboards.c.name)
        .where(dashboards.c.id.in_(select(tiles.c.dashboard_id).where(tiles.c.saved_insight_id == saved_id)))
        .order_by(dashboards.c.name)
    )
    return (await connection.execute(query)).scalars().all()


def _in_use(names: Sequence[str]) -> SavedInsightInUse:
    named = ", ".join(f"'{name}'" for name in names[:_NAMED_AT_MOST])
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return SavedInsightInUse(
        f"The saved insight stands on {'the dashboard' if len(names) == 1 else 'dashboards'} {named}{more}.",
        field="id",
        hint="Take it off there first.",
    )


def _columns(saved: SavedInsight) -> dict[str, object]:
    return {"name": saved.name, "description": saved.description, "insight": written(saved.insight, "insight")}


def _message(row: RowMapping) -> SavedInsight:
    return SavedInsight(
        id=str(row["id"]),
        name=row["name"],
        description=row["description"],
        insight=read(row["insight"], Insight()),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        dashboards=row["dashboards"],
    )
