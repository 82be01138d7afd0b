"""Finds keys, and makes projects, in PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import Executable, RowMapping, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import answering, transaction
from services.accounts.audit import Change, difference, note_operators
from services.accounts.keys import NewKey, insert_key
from services.accounts.tables import api_keys, orgs, projects
from services.accounts.tokens import hashed
from services.rpc.call import Credential, Project, Scope


class AccountsRepository:
    """Keys and projects."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def find_credential(self, token: str) -> Credential | None:
        """The working key with this token, with its project."""
        query = (
            select(
                api_keys.c.id,
                api_keys.c.scopes,
                api_keys.c.expires_at,
                projects.c.id.label("project_id"),
                projects.c.time_zone,
                projects.c.retention_months,
            )
            .join(projects, projects.c.id == api_keys.c.project_id)
            .where(api_keys.c.token_hash == hashed(token), api_keys.c.revoked_at.is_(None))
            .where(or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()))
        )
        row = (await self._rows(query))[0:1]
        if not row:
            return None
        found = row[0]
        project = Project(int(found["project_id"]), str(found["time_zone"]), found["retention_months"])
        scopes = frozenset(Scope(scope) for scope in found["scopes"])
        return Credential(str(found["id"]), project, scopes, expires_at=found["expires_at"])

    async def create_project(self, org: str, name: str, time_zone: str, keys: Sequence[NewKey] = ()) -> int:
        """A new project in a new organisation, as the operator makes it; returns the project's id."""
        async with transaction(self._postgres) as connection:
            org_id = (await connection.execute(insert(orgs).values(name=org).returning(orgs.c.id))).scalar_one()
            query = insert(projects).values(org_id=org_id, name=name, time_zone=time_zone).returning(projects.c.id)
            project_id = int((await connection.execute(query)).scalar_one())
            for key in keys:
                await insert_key(connection, project_id, key)
            made = Change("CreateProject", "project", str(project_id), difference({}, {"name": name, "time_zone": time_zone}))
            await note_operators(connection, org_id, project_id, made)
            return project_id

    async def _rows(self, query: Executable) -> Sequence[RowMapping]:
        with answering():
            async with self._postgres.begin() as connection:
                return (await connection.execute(query)).mappings().all()
