"""Reads and writes people in PostgreSQL, the one place where it is decided who is who.

An act ties the two ids it names, if they aren't one person yet; a person is what hangs together by the ties that hold, and is called by the
id that the latest tie led to, its root. So a tie taken back leaves no trace, whatever came after it. Every change has a version, and is
written down for ClickHouse in the same transaction (docs/decisions/0016).
"""

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Text, and_, any_, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import AlreadyIdentified, AlreadyOnePerson, AlreadyUnmerged, TieNotFound
from core.person_ids import person_id
from core.postgres import answering
from services.profiles.persons import persons_of
from services.profiles.tables import distinct_ids, identity_changes, identity_versions, ties
from services.profiles.traits import Json, TraitChange, Traits


@dataclass(frozen=True, slots=True)
class Tie:
    """An act that tied an id to another."""

    id: str
    kind: str
    tied: str
    tied_to: str
    version: int
    created_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Id:
    """An id, the root of its person, and what is known of it."""

    distinct_id: str
    root: str
    traits: Traits


class ProfilesRepository:
    """People and the ties between their ids."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def identify(self, project_id: int, distinct_id: str, external_id: str, change: TraitChange) -> tuple[str, int]:
        """Tie an id to the person known by another; returns their root and the version from which on it holds."""
        with answering():
            # Most calls say what is known: they need not wait for one another.
            async with self._postgres.connect() as connection:
                known = await _identified_already(connection, project_id, distinct_id, external_id)
                if known and not _differs(known.traits.all, change):
                    return known.root, await _version(connection, project_id)
        async with self._changing(project_id) as act:
            person = await act.found_or_made(external_id, identified=True)
            other = await act.found_or_made(distinct_id)
            if other.root != person.root:
                if await act.is_identified(other.root):
                    raise AlreadyIdentified(
                        "The id belongs to another identified person already; nothing was changed.",
                        field="distinctId",
                        hint="If both are one person, Merge them; after a change of user on one device, send a new anonymous id.",
                    )
                await act.tie("identify", other, person)
            root = await act.read(person.root)
            await act.set_traits(root, change)
            return root.root, act.version

    async def set_traits(self, project_id: int, distinct_id: str, change: TraitChange) -> tuple[str, Json, int]:
        """Change the traits of the person an id belongs to; returns their root, all traits, and the version from which on they are so."""
        async with self._changing(project_id) as act:
            root = await act.read((await act.found_or_made(distinct_id)).root)
            traits = await act.set_traits(root, change)
            return root.root, traits.all, act.version

    async def merge(self, project_id: int, tied: str, tied_to: str) -> tuple[Tie, str]:
        """Tie one person to another; returns the tie and the root of both."""
        async with self._changing(project_id) as act:
            one, other = await act.found_or_made(tied), await act.found_or_made(tied_to)
            if one.root == other.root:
                raise AlreadyOnePerson("Both ids are one person already.", field="from", hint="ListMerges shows the tie.")
            return await act.tie("merge", one, other), other.root

    async def unmerge(self, project_id: int, tie_id: uuid.UUID) -> tuple[Tie, int]:
        """Take a tie back; returns it, and the version from which on it holds no more."""
        async with self._changing(project_id) as act:
            tie = await act.untie(tie_id)
            return tie, act.version

    async def list_ties(self, project_id: int, before: int | None, limit: int) -> list[Tie]:
        """Ties of a version before one, newest first."""
        query = select(ties).where(ties.c.project_id == project_id).order_by(ties.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(ties.c.version < before)
        with answering():
            async with self._postgres.connect() as connection:
                found = (await connection.execute(query)).mappings().all()
        return [_tie(row) for row in found]

    @asynccontextmanager
    async def _changing(self, project_id: int) -> AsyncGenerator["_Act"]:
        with answering():
            async with self._postgres.begin() as connection:
                await connection.execute(upsert(identity_versions).values(project_id=project_id).on_conflict_do_nothing())
                mine = identity_versions.c.project_id == project_id
                version = (await connection.execute(select(identity_versions.c.version).where(mine).with_for_update())).scalar_one()
                yield _Act(connection, project_id, version)


class _Act:
    """One transaction that changes the identity of a project, while nobody else does."""

    def __init__(self, connection: AsyncConnection, project_id: int, version: int) -> None:
        """`version` is the one it finds; its first change makes the next, which the others are then of, too."""
        self._connection = connection
        self._project_id = project_id
        self._found = version
        self.version = version

    async def found_or_made(self, distinct_id: str, *, identified: bool = False) -> _Id:
        row = upsert(distinct_ids).values(
            project_id=self._project_id,
            distinct_id=distinct_id,
            person_id=person_id(distinct_id),
            root=distinct_id,
            identified=identified,
        )
        identifying = and_(literal(identified), ~distinct_ids.c.identified)
        key = [distinct_ids.c.project_id, distinct_ids.c.distinct_id]
        await self._connection.execute(row.on_conflict_do_update(index_elements=key, set_={"identified": True}, where=identifying))
        return await self.read(distinct_id)

    async def read(self, distinct_id: str) -> _Id:
        return await _read(self._connection, self._project_id, distinct_id)

    async def is_identified(self, root: str) -> bool:
        query = select(func.bool_or(distinct_ids.c.identified)).where(self._of(root))
        return bool((await self._connection.execute(query)).scalar_one())

    async def tie(self, kind: str, one: _Id, other: _Id) -> Tie:
        """Tie an id, and with it its person, to another's."""
        version = await self._next_version()
        await self._move(self._of(one.root), other.root, version)
        root = await self.read(other.root)
        filled = root.traits.filled((await self.read(one.root)).traits.all)
        if filled != root.traits:
            await self._write(root.root, filled)
        row = {"id": uuid.uuid4(), "project_id": self._project_id, "version": version, "kind": kind}
        named = {"tied": one.distinct_id, "tied_to": other.distinct_id}
        return _tie((await self._connection.execute(insert(ties).values(row | named).returning(ties))).mappings().one())

    async def untie(self, tie_id: uuid.UUID) -> Tie:
        """Take a tie back: the persons of its two ids are what the ties that still hold make them, in the order they came."""
        query = select(ties).where(ties.c.project_id == self._project_id, ties.c.id == tie_id)
        found = (await self._connection.execute(query)).mappings().one_or_none()
        if found is None:
            raise TieNotFound("The project has no such merge.", field="mergeId", hint="ListMerges lists them.")
        if found["undone_at"] is not None:
            raise AlreadyUnmerged("This merge has been taken back already.", field="mergeId", hint="ListMerges shows which still hold.")
        undone = update(ties).where(ties.c.id == tie_id).values(undone_at=func.now()).returning(ties)
        tie = _tie((await self._connection.execute(undone)).mappings().one())
        version = await self._next_version()
        whole = (await self.read(tie.tied)).root
        persons = persons_of(await self._own_traits(whole), await self._holding(whole))
        for root, person in persons.items():
            if root != whole:
                part = and_(
                    distinct_ids.c.project_id == self._project_id,
                    distinct_ids.c.distinct_id == any_(literal(person.distinct_ids, ARRAY(Text))),
                )
                await self._move(part, root, version)
        for root, person in persons.items():
            await self._write(root, person.traits)
        return tie

    async def _own_traits(self, root: str) -> dict[str, Json]:
        """The ids of a person, with what was set on each."""
        query = select(distinct_ids.c.distinct_id, distinct_ids.c.own_traits).where(self._of(root))
        return {row.distinct_id: row.own_traits for row in await self._connection.execute(query)}

    async def _holding(self, root: str) -> list[tuple[str, str]]:
        """The ties that hold between ids of a person, in the order they came."""
        same = and_(distinct_ids.c.project_id == ties.c.project_id, distinct_ids.c.distinct_id == ties.c.tied)
        query = select(ties.c.tied, ties.c.tied_to).join(distinct_ids, same).where(self._of(root), ties.c.undone_at.is_(None))
        return [(row.tied, row.tied_to) for row in await self._connection.execute(query.order_by(ties.c.version))]

    async def set_traits(self, root: _Id, change: TraitChange) -> Traits:
        changed = root.traits.changed(change)
        if changed != root.traits:
            await self._next_version()
            await self._write(root.root, changed)
        return changed

    async def _next_version(self) -> int:
        """The version this act makes."""
        if self.version == self._found:
            self.version += 1
            mine = identity_versions.c.project_id == self._project_id
            await self._connection.execute(update(identity_versions).where(mine).values(version=self.version))
        return self.version

    async def _move(self, which: ColumnElement[bool], root: str, version: int) -> None:
        """Give ids another root, and write it down for ClickHouse."""
        moved = update(distinct_ids).where(which).values(root=root).returning(distinct_ids.c.distinct_id).cte("moved")
        told = select(literal(self._project_id), literal(version), moved.c.distinct_id, literal(root))
        await self._connection.execute(insert(identity_changes).from_select(["project_id", "version", "distinct_id", "root"], told))

    async def _write(self, root: str, traits: Traits) -> None:
        """Keep a person's traits, and write them down for ClickHouse; of one version the last word counts."""
        await self._connection.execute(update(distinct_ids).where(self._is(root)).values(own_traits=traits.own, traits=traits.all))
        row = {"project_id": self._project_id, "version": await self._next_version(), "distinct_id": root, "root": root}
        same = and_(*(identity_changes.c[column] == value for column, value in row.items()), identity_changes.c.traits.is_not(None))
        await self._connection.execute(delete(identity_changes).where(same))
        await self._connection.execute(insert(identity_changes).values(**row, traits=dict(traits.all)))

    def _is(self, distinct_id: str) -> ColumnElement[bool]:
        return and_(distinct_ids.c.project_id == self._project_id, distinct_ids.c.distinct_id == distinct_id)

    def _of(self, root: str) -> ColumnElement[bool]:
        return and_(distinct_ids.c.project_id == self._project_id, distinct_ids.c.root == root)


async def _identified_already(connection: AsyncConnection, project_id: int, distinct_id: str, external_id: str) -> _Id | None:
    """The root of the person both ids belong to, if they do and the one is identified."""
    query = select(distinct_ids.c.distinct_id, distinct_ids.c.root, distinct_ids.c.identified).where(
        distinct_ids.c.project_id == project_id, distinct_ids.c.distinct_id.in_({distinct_id, external_id})
    )
    found = {row.distinct_id: row for row in await connection.execute(query)}
    one, other = found.get(distinct_id), found.get(external_id)
    if one is None or other is None or one.root != other.root or not other.identified:
        return None
    return await _read(connection, project_id, other.root)


async def _read(connection: AsyncConnection, project_id: int, distinct_id: str) -> _Id:
    """An id that is there."""
    query = select(distinct_ids).where(distinct_ids.c.project_id == project_id, distinct_ids.c.distinct_id == distinct_id)
    found = (await connection.execute(query)).mappings().one()
    return _Id(found["distinct_id"], found["root"], Traits(found["own_traits"], found["traits"]))


def _differs(traits: Json, change: TraitChange) -> bool:
    return any(traits.get(key) != value for key, value in change.set.items())


async def _version(connection: AsyncConnection, project_id: int) -> int:
    query = select(identity_versions.c.version).where(identity_versions.c.project_id == project_id)
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


def _tie(row: RowMapping) -> Tie:
    return Tie(
        id=str(row["id"]),
        kind=row["kind"],
        tied=row["tied"],
        tied_to=row["tied_to"],
        version=int(row["version"]),
        created_at=row["created_at"],
        undone_at=row["undone_at"],
    )
