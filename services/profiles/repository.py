"""Reads and writes people in PostgreSQL, the one place where it is decided who is who.

An act ties the two ids it names, if they aren't one person yet; a person is what hangs together by the ties that hold, and is called by the
id that the latest tie led to, its root. So a tie taken back leaves no trace, whatever came after it. Every change has a version, and is
written down for ClickHouse in the same transaction (docs/decisions/0016). Acts that come together share a transaction: it reads what they
name, works out in memory what comes of each (joining.py, parting.py), and writes that down in a few statements (rows.py).
"""

import asyncio
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import StoreUnavailable
from core.postgres import answering
from core.server_secrets import ServerSecrets
from core.tombstones import IdHasher, erasures_of, hasher_of
from services.accounts.audit import Change, difference, note_all
from services.profiles.acts import Act, Identify, Joining, Merge, Merged, Outcomes, SetTraits, Tie, Unmerge, Unmerged
from services.profiles.joining import Persons, fields_of
from services.profiles.line import Line, LineLimits
from services.profiles.parting import Parting
from services.profiles.rows import known, lock, named_ties, tie_of, whole, write
from services.profiles.tables import ties
from services.rpc.call import Call

Outcome = TypeVar("Outcome")
# Longer than that only somebody who hangs holds the lock.
_BATCH_WITHIN_S = 30.0
_NEVER = datetime.fromtimestamp(0, UTC)


class ProfilesRepository:
    """People and the ties between their ids."""

    def __init__(self, postgres: AsyncEngine, secrets: ServerSecrets, limits: LineLimits | None = None) -> None:
        """By the `secrets` ids of erased people are known; `limits` say how many acts may wait, and how many are done at once."""
        self._postgres = postgres
        self._secrets = secrets
        self._line = Line(self._perform, lambda act: isinstance(act, Unmerge), limits)

    async def do(self, project_id: int, act: Act[Outcome], within_s: float | None = None) -> Outcome:
        """What comes of an act; `within_s` is for how long its caller is willing to wait."""
        return await self._line.do(project_id, act, within_s)

    async def list_ties(self, project_id: int, before: int | None, limit: int) -> list[Tie]:
        """Ties of a version before one, newest first."""
        query = select(ties).where(ties.c.project_id == project_id).order_by(ties.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(ties.c.version < before)
        with answering():
            async with self._postgres.connect() as connection:
                found = (await connection.execute(query)).mappings().all()
        return [tie_of(row) for row in found]

    async def _perform(self, project_id: int, acts: Sequence[Act[object]]) -> Outcomes:
        """Do acts in one transaction. One that PostgreSQL chokes on must not keep the others from it."""
        try:
            with answering():
                async with asyncio.timeout(_BATCH_WITHIN_S):
                    return await self._transact(project_id, acts)
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, DataError):
                raise
            if len(acts) == 1:
                return [error]
        middle = len(acts) // 2
        return [*await self._perform(project_id, acts[:middle]), *await self._perform(project_id, acts[middle:])]

    async def _transact(self, project_id: int, acts: Sequence[Act[object]]) -> Outcomes:
        hasher = await hasher_of(self._secrets)
        async with self._postgres.begin() as connection:
            if unmerges := [act for act in acts if isinstance(act, Unmerge)]:
                outcomes = await _part(connection, hasher, project_id, unmerges)
            else:
                joinings = [act for act in acts if isinstance(act, Identify | SetTraits | Merge)]
                outcomes = await _join(connection, hasher, project_id, joinings)
            await note_all(connection, project_id, _noted(acts, outcomes))
            return outcomes


async def _join(connection: AsyncConnection, hasher: IdHasher, project_id: int, acts: Sequence[Joining]) -> Outcomes:
    ids = {one for act in acts for _, one in fields_of(act)}
    if all(isinstance(act, Identify) for act in acts):
        # Most of them say what is known: that needs no lock.
        version, found = await known(connection, project_id, ids)
        refused = await _erased(connection, hasher, project_id, ids)
        if (outcomes := Persons(found, version, _NEVER, _new_id, refused).as_they_are(acts)) is not None:
            return outcomes
    now = await lock(connection, project_id)
    version, found = await known(connection, project_id, ids)
    persons = Persons(found, version, now, _new_id, await _erased(connection, hasher, project_id, ids))
    outcomes = persons.perform(acts)
    await write(connection, project_id, persons.changes, persons.version, now)
    return outcomes


async def _part(connection: AsyncConnection, hasher: IdHasher, project_id: int, acts: Sequence[Unmerge]) -> Outcomes:
    now = await lock(connection, project_id)
    ties = await named_ties(connection, project_id, [str(act.tie_id) for act in acts])
    version, ids, holding = await whole(connection, project_id, [tie.tied for tie in ties if tie.undone_at is None])
    refused = await _erased(connection, hasher, project_id, {one for tie in ties for one in (tie.tied, tie.tied_to)})
    parting = Parting(ties, ids, holding, version, now, refused)
    outcomes = parting.perform(acts)
    await write(connection, project_id, parting.changes, parting.version, now)
    return outcomes


async def _erased(connection: AsyncConnection, hasher: IdHasher, project_id: int, ids: Collection[str]) -> set[str]:
    """Those of the ids that are refused, because whoever had them was erased, or is being erased."""
    of_hash = {hasher.hash_text(project_id, one): one for one in ids}
    return {of_hash[id_hash] for id_hash in await erasures_of(connection, project_id, list(of_hash))}


def _noted(acts: Sequence[Act[object]], outcomes: Outcomes) -> list[tuple[Call, Change]]:
    """What the org's log says of a batch: which ties somebody made or took back.

    It names no ids of people. Those are in the tie, and go with it when somebody is erased. What Identify ties is left out: senders do
    that by themselves, as often as they capture.
    """
    noted: list[tuple[Call, Change]] = []
    for act, outcome in zip(acts, outcomes, strict=True):
        match act, outcome:
            case Merge(), Merged(tie):
                noted.append((act.call, Change("Merge", "tie", tie.id, difference({}, {"kind": tie.kind}))))
            case Unmerge(), Unmerged(tie):
                noted.append((act.call, Change("Unmerge", "tie", tie.id, difference({"kind": tie.kind}, {}))))
            case _:
                pass
    return noted


def _new_id() -> str:
    return str(uuid.uuid4())
