"""The projects of an org."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import InvalidArgument, MissingField, ProjectNameTaken
from core.postgres import transaction
from core.retention import MOST_MONTHS
from core.time_zones import require_time_zone
from pug.accounts.v1 import project_pb2 as pb
from services.accounts.audit import Change, difference, note
from services.accounts.keys import insert_key, new_key
from services.accounts.names import name_of
from services.accounts.orgs.members import lock
from services.accounts.quotas import Quotas, require_room
from services.accounts.tables import projects
from services.rpc.call import Call, Scope

_WHAT = "A project"


@dataclass(frozen=True, slots=True)
class Projects:
    """CreateProject, ListProjects, GetProject and UpdateProject."""

    postgres: AsyncEngine
    # Drop what is remembered of an org's members, and of what opens a project, by their ids.
    forget_org: Callable[[int], None]
    forget_project: Callable[[int], None]
    quotas: Quotas

    async def create_project(self, request: pb.CreateProjectRequest, call: Call) -> pb.CreateProjectResponse:
        """A new project with a write key, whose token is in this answer."""
        name = name_of(request.name, what=_WHAT)
        zone = require_time_zone(request.time_zone or "UTC", "timeZone")
        key = new_key("write", "first", (Scope.CAPTURE,))
        async with transaction(self.postgres) as connection:
            await _require_free(connection, call.org_id, name)
            await require_room(connection, projects, projects.c.org_id == call.org_id, self.quotas.org_projects, "projects of the org")
            query = insert(projects).values(org_id=call.org_id, name=name, time_zone=zone).returning(projects)
            row = (await connection.execute(query)).mappings().one()
            await insert_key(connection, row["id"], key)
            made = Change("CreateProject", "project", str(row["id"]), difference({}, {"name": name, "time_zone": zone}))
            await note(connection, call, made, project_id=row["id"])
        self.forget_org(call.org_id)
        return pb.CreateProjectResponse(project=_message(row), write_key=key.token)

    async def list_projects(self, _request: pb.ListProjectsRequest, call: Call) -> pb.ListProjectsResponse:
        """The org's projects, by name."""
        query = select(projects).where(projects.c.org_id == call.org_id).order_by(projects.c.name)
        async with transaction(self.postgres) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return pb.ListProjectsResponse(projects=[_message(row) for row in rows])

    async def get_project(self, _request: pb.GetProjectRequest, call: Call) -> pb.GetProjectResponse:
        """The project the credential opens."""
        async with transaction(self.postgres) as connection:
            row = (await connection.execute(select(projects).where(projects.c.id == call.project.id))).mappings().one()
        return pb.GetProjectResponse(project=_message(row))

    async def update_project(self, request: pb.UpdateProjectRequest, call: Call) -> pb.UpdateProjectResponse:
        """The project with what was given; the rest stays."""
        values: dict[str, str | int | None] = {}
        if request.HasField("name"):
            values["name"] = name_of(request.name, what=_WHAT)
        if request.HasField("time_zone"):
            if not request.time_zone:
                raise MissingField("A project needs a time zone.", field="timeZone", hint="Use an IANA name such as Europe/Berlin, or UTC.")
            values["time_zone"] = require_time_zone(request.time_zone, "timeZone")
        if request.HasField("retention_months"):
            values["retention_months"] = _months(request.retention_months)
        async with transaction(self.postgres) as connection:
            found = select(projects).where(projects.c.id == call.project.id)
            org_id = (await connection.execute(found)).mappings().one()["org_id"]
            if isinstance(name := values.get("name"), str):
                await _require_free(connection, org_id, name, besides=call.project.id)
            before = (await connection.execute(found.with_for_update(key_share=True))).mappings().one()
            changed = {name: value for name, value in values.items() if before[name] != value}
            row = await _changed(connection, call, before, changed) if changed else before
        self.forget_project(call.project.id)
        return pb.UpdateProjectResponse(project=_message(row))


async def _changed(connection: AsyncConnection, call: Call, before: RowMapping, values: Mapping[str, str | int | None]) -> RowMapping:
    # What had been removed may have been sent again under a longer period.
    anew = {"removed_before": None} if "retention_months" in values else {}
    query = update(projects).where(projects.c.id == before["id"]).values({**values, **anew}).returning(projects)
    row = (await connection.execute(query)).mappings().one()
    changes = difference({name: before[name] for name in values}, values)
    await note(connection, call, Change("UpdateProject", "project", str(before["id"]), changes))
    return row


def _months(given: int) -> int | None:
    """How many months are kept; None for all."""
    if not 0 <= given <= MOST_MONTHS:
        raise InvalidArgument(
            f"A project keeps 1 to {MOST_MONTHS:,} months of events, or all.", field="retentionMonths", hint="0 keeps all of them."
        )
    return given or None


async def _require_free(connection: AsyncConnection, org_id: int, name: str, besides: int = 0) -> None:
    """A name no other project of the org has, nor gets before the transaction ends."""
    await lock(connection, org_id)
    query = select(projects.c.id).where(projects.c.org_id == org_id, projects.c.name == name, projects.c.id != besides)
    if (await connection.execute(query)).first():
        raise ProjectNameTaken("The org has a project of that name.", field="name", hint="Choose another.")


def _message(row: RowMapping) -> pb.Project:
    return pb.Project(
        id=str(row["id"]),
        name=row["name"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
        retention_months=row["retention_months"] or 0,
    )
