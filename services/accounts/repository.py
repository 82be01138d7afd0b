"""Reads and writes keys and projects in PostgreSQL."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, RowMapping, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import answering
from services.accounts.tables import api_keys, orgs, projects
from services.rpc.call import Credential, Project, Scope


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its token."""

    id: str
    kind: str
    label: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made, with the token its owner is shown once."""

    kind: str
    label: str
    token: str
    scopes: tuple[Scope, ...]


class AccountsRepository:
    """Keys and projects."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def find_credential(self, token: str) -> Credential | None:
        """The working key with this token, with its project."""
        query = (
            select(api_keys.c.id, api_keys.c.scopes, api_keys.c.expires_at, projects.c.id.label("project_id"), projects.c.time_zone)
            .join(projects, projects.c.id == api_keys.c.project_id)
            .where(api_keys.c.token_hash == hashed(token), api_keys.c.revoked_at.is_(None))
            .where(or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()))
        )
        row = (await self._rows(query))[0:1]
        if not row:
            return None
        found = row[0]
        project = Project(int(found["project_id"]), str(found["time_zone"]))
        scopes = frozenset(Scope(scope) for scope in found["scopes"])
        return Credential(str(found["id"]), project, scopes, expires_at=found["expires_at"])

    async def create_project(self, org: str, name: str, time_zone: str) -> int:
        """A new project in a new organisation; returns the project's id."""
        async with self._postgres.begin() as connection:
            org_id = (await connection.execute(insert(orgs).values(name=org).returning(orgs.c.id))).scalar_one()
            query = insert(projects).values(org_id=org_id, name=name, time_zone=time_zone).returning(projects.c.id)
            return int((await connection.execute(query)).scalar_one())

    async def create_key(self, project_id: int, key: NewKey) -> ApiKey:
        """Store a new key."""
        values: Mapping[str, Any] = {
            "id": uuid.uuid4(),
            "project_id": project_id,
            "kind": key.kind,
            "label": key.label,
            "prefix": key.token[:8],
            "token": key.token if key.kind == "write" else None,
            "token_hash": hashed(key.token),
            "scopes": [str(scope) for scope in key.scopes],
        }
        return _key((await self._rows(insert(api_keys).values(values).returning(api_keys)))[0])

    async def list_keys(self, project_id: int) -> list[ApiKey]:
        """The project's keys, newest first."""
        query = select(api_keys).where(api_keys.c.project_id == project_id).order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        return [_key(row) for row in await self._rows(query)]

    async def revoke_key(self, project_id: int, key_id: uuid.UUID) -> ApiKey | None:
        """End a key of the project; one that is ended already keeps its time. None when the project has no such key."""
        query = (
            update(api_keys)
            .where(api_keys.c.project_id == project_id, api_keys.c.id == key_id)
            .values(revoked_at=func.coalesce(api_keys.c.revoked_at, func.now()))
            .returning(api_keys)
        )
        rows = await self._rows(query)
        return _key(rows[0]) if rows else None

    async def _rows(self, query: Executable) -> Sequence[RowMapping]:
        with answering():
            async with self._postgres.begin() as connection:
                return (await connection.execute(query)).mappings().all()


def hashed(token: str) -> bytes:
    """What is kept of a token. It is random and long, so a plain SHA-256 is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=str(row["id"]),
        kind=row["kind"],
        label=row["label"],
        prefix=row["prefix"],
        scopes=tuple(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
