"""Reads and writes keys and projects in PostgreSQL."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import Executable, RowMapping, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import answering
from services.accounts.tables import api_keys, orgs, projects
from services.rpc.call import Credential, Project, Scope


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

    async def _rows(self, query: Executable) -> Sequence[RowMapping]:
        with answering():
            async with self._postgres.begin() as connection:
                return (await connection.execute(query)).mappings().all()


def hashed(token: str) -> bytes:
    """What is kept of a token. It is random and long, so a plain SHA-256 is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()
