"""Projects that are deleted, for good."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import NotConfirmed, ProjectNotFound
from core.postgres import transaction
from pug.accounts.v1 import project_pb2 as pb
from services.accounts.audit import Change, note
from services.accounts.tables import api_keys, project_deletions, projects
from services.rpc.call import Call

_LISTED = 100
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ProjectDeletions:
    """DeleteProject, GetProjectDeletion and ListProjectDeletions; workers/deletion.py does the work."""

    postgres: AsyncEngine
    # Drop what is remembered of an org's members, and of what opens a project, by their ids.
    forget_org: Callable[[int], None]
    forget_project: Callable[[int], None]

    async def delete_project(self, request: pb.DeleteProjectRequest, call: Call) -> pb.DeleteProjectResponse:
        """The deletion; from now on nobody sees the project, and its keys and links open nothing."""
        project_id = _id_of(request.id)
        async with transaction(self.postgres) as connection:
            row = await _deletion(connection, call.org_id, project_id)
            row = row or await _begin(connection, call, project_id, request.name)
        self.forget_org(call.org_id)
        self.forget_project(project_id)
        return pb.DeleteProjectResponse(deletion=_message(row))

    async def get_project_deletion(self, request: pb.GetProjectDeletionRequest, call: Call) -> pb.GetProjectDeletionResponse:
        """How far a deletion is."""
        async with transaction(self.postgres) as connection:
            row = await _deletion(connection, call.org_id, _id_of(request.project_id))
        if row is None:
            raise _no_project("projectId")
        return pb.GetProjectDeletionResponse(deletion=_message(row))

    async def list_project_deletions(self, _request: pb.ListProjectDeletionsRequest, call: Call) -> pb.ListProjectDeletionsResponse:
        """The org's deletions, latest first."""
        query = select(project_deletions).where(_of_org(call.org_id)).order_by(project_deletions.c.requested_at.desc()).limit(_LISTED)
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return pb.ListProjectDeletionsResponse(deletions=[_message(row) for row in rows])


async def _begin(connection: AsyncConnection, call: Call, project_id: int, name: str) -> RowMapping:
    query = select(projects).where(projects.c.id == project_id, projects.c.org_id == call.org_id).with_for_update()
    project = (await connection.execute(query)).mappings().one_or_none()
    if project is None:
        # Or somebody else was quicker.
        if row := await _deletion(connection, call.org_id, project_id):
            return row
        raise _no_project("id")
    if name != project["name"]:
        raise NotConfirmed("That is not the project's name.", field="name", hint="Send the name as GetProject shows it, to confirm.")
    await note(connection, call, Change("DeleteProject", "project", str(project_id), {}), project_id=project_id)
    # Its boards, people and the rest go when their data is gone, and with the boards their links.
    await connection.execute(delete(api_keys).where(api_keys.c.project_id == project_id))
    await connection.execute(update(projects).where(projects.c.id == project_id).values(org_id=None, name=""))
    made = insert(project_deletions).values(project_id=project_id, org_id=call.org_id).returning(project_deletions)
    return (await connection.execute(made)).mappings().one()


async def _deletion(connection: AsyncConnection, org_id: int, project_id: int) -> RowMapping | None:
    query = select(project_deletions).where(_of_org(org_id), project_deletions.c.project_id == project_id)
    return (await connection.execute(query)).mappings().one_or_none()


def _of_org(org_id: int) -> ColumnElement[bool]:
    return project_deletions.c.org_id == org_id


def _id_of(text: str) -> int:
    """The number of a project's id, 0 for what can be none's."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_ID)) else 0
    return number if number <= _LARGEST_ID else 0


def _no_project(field: str) -> ProjectNotFound:
    return ProjectNotFound("The org has no such project.", field=field, hint="ListProjects lists those there are.")


def _message(row: RowMapping) -> pb.ProjectDeletion:
    return pb.ProjectDeletion(
        project_id=str(row["project_id"]),
        state=f"STATE_{row['state'].upper()}",
        requested_at=row["requested_at"],
        finished_at=row["finished_at"],
        error=row["error"],
    )
