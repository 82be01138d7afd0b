"""Projects as somebody makes, changes and deletes them."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backends import Backends
from app.projects import ProjectKeys, create_project
from pug.accounts.v1 import project_pb2 as pb
from services.accounts.project_deletions import ProjectDeletions
from services.accounts.projects import Projects
from services.accounts.quotas import Quotas
from services.accounts.repository import AccountsRepository
from services.rpc.call import Call, Credential, Project, Scope


@dataclass(frozen=True)
class Owned:
    """A project with its org, and what its owner may do."""

    postgres: AsyncEngine
    keys: ProjectKeys
    id: int
    org_id: int

    @property
    def call(self) -> Call:
        key_id = "00000000-0000-0000-0000-000000000000"
        return Call(Credential(key_id, Project(self.id, "UTC"), frozenset({Scope.ADMIN}), org_id=self.org_id), "request")

    async def keep(self, months: int) -> None:
        projects = Projects(self.postgres, lambda _: None, lambda _: None, Quotas())
        await projects.update_project(pb.UpdateProjectRequest(retention_months=months), self.call)

    async def delete(self) -> None:
        """As if it had been asked for a while ago."""
        deletions = ProjectDeletions(self.postgres, lambda _: None, lambda _: None)
        await deletions.delete_project(pb.DeleteProjectRequest(id=str(self.id), name="Shop"), self.call)
        async with self.postgres.begin() as connection:
            await connection.execute(
                text("UPDATE project_deletions SET requested_at = now() - interval '1 minute' WHERE project_id = :id"), {"id": self.id}
            )

    async def deletion(self) -> pb.ProjectDeletion:
        deletions = ProjectDeletions(self.postgres, lambda _: None, lambda _: None)
        asked = pb.GetProjectDeletionRequest(project_id=str(self.id))
        return (await deletions.get_project_deletion(asked, self.call)).deletion


async def own_project(backends: Backends) -> Owned:
    """A new one."""
    keys = await create_project(AccountsRepository(backends.postgres), "Shop", "UTC")
    async with backends.postgres.connect() as connection:
        query = text("SELECT org_id FROM projects WHERE id = :id")
        org_id = (await connection.execute(query, {"id": int(keys.project_id)})).scalar_one()
    return Owned(backends.postgres, keys, int(keys.project_id), org_id)
