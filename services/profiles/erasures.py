"""Asks for people to be erased, and tells how far that is; workers/erasure does it.

Asking freezes: in one transaction the ids the person has are written down and refused from then on, whoever sends them.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.certificates import SIGNING_KEY, name_of, public_key_of, to_pem
from core.errors import ErasureNotFound
from core.person_ids import person_id
from core.postgres import transaction
from core.server_secrets import ServerSecrets
from core.tombstones import IdHasher, add, erasures_of, hasher_of
from pug.profiles.v1 import erasure_pb2 as pb
from services.accounts.audit import Change, difference, note
from services.profiles.holdings import Holdings
from services.profiles.rows import lock
from services.profiles.tables import distinct_ids, erasures, identity_versions
from services.rpc.call import Call
from services.rpc.pages import page_size, place_of, token_of

_STEPS = len(pb.Erasure.Step.values()) - 1


@dataclass(frozen=True, slots=True)
class Erasures:
    """EraseDataSubject, GetErasure, ListErasures and GetCertificateKey."""

    postgres: AsyncEngine
    secrets: ServerSecrets
    holdings: Holdings

    async def erase(self, distinct_id: str, call: Call) -> pb.Erasure | None:
        """The erasure of whoever has the id: one that is there already, or else a new one; None when nothing is held under it."""
        hasher = await hasher_of(self.secrets)
        if begun := await self._begin(hasher, distinct_id, call):
            return message_of(begun)
        if await self.holdings.has(distinct_id, call):
            begun = await self._begin(hasher, distinct_id, call, held=True)
        else:
            begun = await self._ended(hasher, distinct_id, call)
        return message_of(begun) if begun else None

    async def id_of_person(self, person: str, call: Call) -> str | None:
        """The id that somebody is called by who is just being erased, by the id of their person: PostgreSQL may know them no more."""
        query = select(erasures.c.distinct_ids).where(erasures.c.project_id == call.project.id, erasures.c.state != "done")
        async with transaction(self.postgres) as connection:
            found = (await connection.execute(query)).scalars()
            return next((ids[0] for ids in found if any(person_id(one) == person for one in ids)), None)

    async def get_erasure(self, request: pb.GetErasureRequest, call: Call) -> pb.GetErasureResponse:
        """How far one is, with the certificate of one that is done."""
        async with transaction(self.postgres) as connection:
            query = select(erasures).where(erasures.c.project_id == call.project.id, erasures.c.id == _erasure_id(request.id))
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise _none()
        return pb.GetErasureResponse(erasure=message_of(row), certificate=row["certificate"])

    async def list_erasures(self, request: pb.ListErasuresRequest, call: Call) -> pb.ListErasuresResponse:
        """A page of them, newest first."""
        size, before = page_size(request.page_size), place_of(request.page_token, _number)
        query = select(erasures).where(erasures.c.project_id == call.project.id).order_by(erasures.c.number.desc()).limit(size + 1)
        if before is not None:
            query = query.where(erasures.c.number < before)
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        token = token_of(rows[size - 1]["number"]) if len(rows) > size else ""
        return pb.ListErasuresResponse(erasures=[message_of(row) for row in rows[:size]], next_page_token=token)

    async def get_certificate_key(self, _request: pb.GetCertificateKeyRequest, _call: Call) -> pb.GetCertificateKeyResponse:
        """What certificates are checked with."""
        public = public_key_of(await self.secrets.get(SIGNING_KEY, replaceable=True))
        return pb.GetCertificateKeyResponse(public_key=to_pem(public), key_name=name_of(public))

    async def _begin(self, hasher: IdHasher, distinct_id: str, call: Call, *, held: bool = False) -> RowMapping | None:
        """The open erasure of the id; else a new one, if PostgreSQL knows the id or something is `held` elsewhere."""
        async with transaction(self.postgres) as connection:
            # From here on nobody ties another id to this person.
            await lock(connection, call.project.id)
            known = await _ids_of(connection, call.project.id, distinct_id)
            ids = known or [distinct_id]
            hashes = [hasher.hash_text(call.project.id, one) for one in ids]
            before = await erasures_of(connection, call.project.id, hashes)
            if row := await _open(connection, set(before.values())):
                return await _revived(connection, row, call)
            if not known and not held:
                return None
            row = await _new(connection, call.project.id, ids)
            await add(connection, call.project.id, str(row["id"]), hashes)
            await note(connection, call, Change("EraseDataSubject", "erasure", str(row["id"]), difference({}, {"ids": len(ids)})))
            return row

    async def _ended(self, hasher: IdHasher, distinct_id: str, call: Call) -> RowMapping | None:
        """The erasure that was done of an id under which nothing came since."""
        async with transaction(self.postgres) as connection:
            done = await erasures_of(connection, call.project.id, [hasher.hash_text(call.project.id, distinct_id)])
            query = select(erasures).where(erasures.c.id.in_(list(done.values())))
            return (await connection.execute(query)).mappings().first()


async def _ids_of(connection: AsyncConnection, project_id: int, distinct_id: str) -> list[str]:
    """All ids of a person PostgreSQL knows, the root first; none of one it doesn't."""
    mine = distinct_ids.c.project_id == project_id
    root = select(distinct_ids.c.root).where(mine, distinct_ids.c.distinct_id == distinct_id).scalar_subquery()
    order = (distinct_ids.c.distinct_id != distinct_ids.c.root, distinct_ids.c.distinct_id)
    found = await connection.execute(select(distinct_ids.c.distinct_id).where(mine, distinct_ids.c.root == root).order_by(*order))
    return list(found.scalars())


async def _open(connection: AsyncConnection, ids: set[str]) -> RowMapping | None:
    query = select(erasures).where(erasures.c.id.in_(ids), erasures.c.state != "done").order_by(erasures.c.number.desc())
    return (await connection.execute(query.with_for_update())).mappings().first()


async def _revived(connection: AsyncConnection, row: RowMapping, call: Call) -> RowMapping:
    """One that was given up begins anew, at the step it failed in."""
    if row["state"] != "failed":
        return row
    again = {"state": "pending", "failed_attempts": 0, "error": "", "finished_at": None, "next_attempt_at": row["requested_at"]}
    revived = (await connection.execute(update(erasures).where(erasures.c.id == row["id"]).values(again).returning(erasures))).mappings()
    await note(
        connection, call, Change("EraseDataSubject", "erasure", str(row["id"]), difference({"state": "failed"}, {"state": "pending"}))
    )
    return revived.one()


async def _new(connection: AsyncConnection, project_id: int, ids: Sequence[str]) -> RowMapping:
    version = select(identity_versions.c.version).where(identity_versions.c.project_id == project_id).scalar_subquery()
    values = {
        "id": uuid.uuid4(),
        "project_id": project_id,
        "state": "pending",
        "distinct_ids": ids,
        "distinct_id_count": len(ids),
        "identity_version": version,
    }
    return (await connection.execute(insert(erasures).values(values).returning(erasures))).mappings().one()


def message_of(row: RowMapping) -> pb.Erasure:
    """What is told of an erasure: nothing that says whose it is."""
    done = row["state"] == "done"
    step = "STEP_UNSPECIFIED" if done or not row["step"] else f"STEP_{row['step'].upper()}"
    counts = cast("Mapping[str, tuple[int, int]]", row["counts"])
    return pb.Erasure(
        id=str(row["id"]),
        state=f"STATE_{row['state'].upper()}",
        step=step,
        steps_done=_STEPS if done else max(0, pb.Erasure.Step.Value(step) - 1),
        steps=_STEPS,
        distinct_id_count=row["distinct_id_count"],
        requested_at=row["requested_at"],
        finished_at=row["finished_at"],
        failed_attempts=row["failed_attempts"],
        error=row["error"],
        stores=[pb.Erasure.Store(name=name, before=before, after=after) for name, (before, after) in sorted(counts.items())],
    )


def _erasure_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _none() from None


def _none() -> ErasureNotFound:
    return ErasureNotFound("The project has no such erasure.", field="id", hint="ListErasures lists them.")


def _number(parts: list[object]) -> int:
    match parts:
        case [int() as number] if 0 < number < 2**63:
            return number
        case _:
            raise ValueError(parts)
