"""Looks people up in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import answering
from services.profiles.tables import distinct_ids
from services.profiles.traits import Json

MAX_IDS_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person: the id they are called by, what they were identified by, their ids and traits."""

    root: str
    external_id: str
    distinct_ids: Sequence[str]
    traits: Json


class Directory:
    """The people of all projects who were identified, merged or given traits."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def find(self, project_id: int, *, distinct_id: str = "", person: str = "", external: bool = False) -> Known | None:
        """The person of an id or of a person's id; with `external` the id has to be one they were identified by."""
        named = distinct_ids.c.person_id == person if person else distinct_ids.c.distinct_id == distinct_id
        query = select(distinct_ids.c.root).where(distinct_ids.c.project_id == project_id, named)
        if external:
            query = query.where(distinct_ids.c.identified)
        with answering():
            async with self._postgres.connect() as connection:
                root = (await connection.execute(query)).scalar_one_or_none()
                return None if root is None else (await _known(connection, project_id, [root]))[root]

    async def find_all(self, project_id: int, persons: Sequence[str]) -> Mapping[str, Known]:
        """The persons of some persons' ids, by these; of merged ones the person they are part of."""
        query = select(distinct_ids.c.person_id, distinct_ids.c.root).where(
            distinct_ids.c.project_id == project_id, distinct_ids.c.person_id == any_(literal(list(persons), ARRAY(Text)))
        )
        with answering():
            async with self._postgres.connect() as connection:
                root_of = {row.person_id: row.root for row in await connection.execute(query)}
                known = await _known(connection, project_id, list(set(root_of.values())))
        return {person: known[root] for person, root in root_of.items()}


async def _known(connection: AsyncConnection, project_id: int, roots: Sequence[str]) -> Mapping[str, Known]:
    mine = (distinct_ids.c.project_id == project_id, distinct_ids.c.root == any_(literal(list(roots), ARRAY(Text))))
    # The root first, then in the order they came; of several external ids the root's, or the first.
    order = (distinct_ids.c.distinct_id != distinct_ids.c.root, distinct_ids.c.created_at, distinct_ids.c.distinct_id)
    place = func.row_number().over(partition_by=distinct_ids.c.root, order_by=order).label("place")
    placed = select(distinct_ids.c.root, distinct_ids.c.distinct_id, place).where(*mine).subquery()
    shown = select(placed.c.root, placed.c.distinct_id).where(placed.c.place <= MAX_IDS_SHOWN).order_by(placed.c.root, placed.c.place)
    ids: dict[str, list[str]] = {}
    for row in await connection.execute(shown):
        ids.setdefault(row.root, []).append(row.distinct_id)
    identified = select(distinct_ids.c.root, distinct_ids.c.distinct_id).where(*mine, distinct_ids.c.identified)
    first = identified.ext(distinct_on(distinct_ids.c.root)).order_by(distinct_ids.c.root, *order)
    external = {row.root: row.distinct_id for row in await connection.execute(first)}
    own = select(distinct_ids.c.root, distinct_ids.c.traits).where(*mine, distinct_ids.c.distinct_id == distinct_ids.c.root)
    return {row.root: Known(row.root, external.get(row.root, ""), ids[row.root], row.traits) for row in await connection.execute(own)}
