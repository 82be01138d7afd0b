"""A deleted project is gone for everybody at once; only how far its deletion is can still be asked."""

import pytest

from accounts_stand import Stand
from core.errors import CredentialInvalid, NotConfirmed, ProjectNotFound, ScopeMissing
from pug.accounts.v1 import project_pb2 as pb


async def test_a_deleted_project_is_seen_by_nobody_and_its_keys_open_nothing(stand: Stand) -> None:
    ada = await stand.founder()
    admin = await ada.bring_in("admin")
    made = await ada.create_project("Shop")
    key = await ada.create_key("robot", "admin", project=made.project.id)

    deletion = await admin.delete_project(made.project.id, "Shop")

    assert (deletion.project_id, deletion.state, deletion.error) == (made.project.id, pb.ProjectDeletion.STATE_PENDING, "")
    assert [project.name for project in await ada.projects()] == ["My project"]
    for token in (made.write_key, key.token):
        with pytest.raises(CredentialInvalid):
            await stand.rpc("GetProject", pb.GetProjectRequest(), token=token)
    with pytest.raises(ProjectNotFound):
        await ada.update_project(made.project.id, name="Back")
    # Its name is free again.
    assert (await ada.create_project("Shop")).project.id != made.project.id


async def test_a_deletion_has_to_be_confirmed_by_the_projects_name(stand: Stand) -> None:
    ada = await stand.founder()
    project = (await ada.projects())[0].id

    for name in ("", "my project", "My project "):
        with pytest.raises(NotConfirmed) as refused:
            await ada.delete_project(project, name)
        assert refused.value.field == "name"

    assert [one.id for one in await ada.projects()] == [project]


async def test_deleting_again_changes_nothing_and_others_projects_are_as_unknown_as_none(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    project = (await ada.projects())[0].id
    first = await ada.delete_project(project, "My project")

    assert await ada.delete_project(project, "") == first
    assert list((await ada.do("ListProjectDeletions", pb.ListProjectDeletionsRequest())).deletions) == [first]
    assert not (await other.do("ListProjectDeletions", pb.ListProjectDeletionsRequest())).deletions
    for unknown in (project, "0", "-1", "x", "9" * 30, ""):
        with pytest.raises(ProjectNotFound):
            await other.delete_project(unknown, "My project")
        with pytest.raises(ProjectNotFound):
            await other.do("GetProjectDeletion", pb.GetProjectDeletionRequest(project_id=unknown))


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_owners_and_admins_delete(stand: Stand, role: str) -> None:
    ada = await stand.founder()
    somebody = await ada.bring_in(role)

    with pytest.raises(ScopeMissing):
        await somebody.delete_project((await ada.projects())[0].id, "My project")
