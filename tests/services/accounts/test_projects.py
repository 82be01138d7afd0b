import asyncio

import pytest

from accounts_stand import Stand
from core.errors import (
    CredentialInvalid,
    InvalidArgument,
    MissingField,
    ProjectNameTaken,
    ProjectNotFound,
    ScopeMissing,
    TooLong,
    UnknownTimeZone,
)
from pug.accounts.v1 import project_pb2 as pb
from services.rpc.call import Credential, Scope

ROUNDS = 8


async def get(stand: Stand, token: str, project: str = "") -> pb.Project:
    return (await stand.rpc("GetProject", pb.GetProjectRequest(), token=token, x_pug_project=project)).project


async def test_a_project_starts_with_a_write_key_that_works(stand: Stand) -> None:
    ada = await stand.founder()

    made = await ada.create_project(" Shop ", "Europe/Berlin")

    assert (made.project.name, made.project.time_zone, made.project.HasField("created_at")) == ("Shop", "Europe/Berlin", True)
    opened = await stand.credentials.find(made.write_key)
    assert isinstance(opened, Credential)
    assert (opened.scopes, opened.project and (str(opened.project.id), opened.project.time_zone)) == (
        {Scope.CAPTURE},
        (made.project.id, "Europe/Berlin"),
    )
    assert [key.prefix for key in await ada.keys(made.project.id)] == [made.write_key[:8]]


async def test_projects_are_listed_by_name_to_every_member_and_can_be_called_at_once(stand: Stand) -> None:
    ada = await stand.founder()
    viewer = await ada.bring_in("viewer")
    await viewer.projects()

    made = [(await ada.create_project(name)).project for name in ("Shop", "Blog")]

    assert [project.name for project in await viewer.projects()] == ["Blog", "My project", "Shop"]
    assert [(await get(stand, viewer.session.access_token, project.id)).name for project in made] == ["Shop", "Blog"]


async def test_a_project_is_in_utc_unless_told_otherwise(stand: Stand) -> None:
    assert (await (await stand.founder()).create_project("Shop")).project.time_zone == "UTC"


async def test_a_name_is_given_once_in_an_org_and_again_in_another(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    shop, blog = [(await ada.create_project(name)).project for name in ("Shop", "Blog")]

    for act in (ada.create_project(" Shop "), ada.update_project(blog.id, name="Shop")):
        with pytest.raises(ProjectNameTaken) as refused:
            await act
        assert (refused.value.code.value, refused.value.reason, refused.value.field) == ("already_exists", "PROJECT_NAME_TAKEN", "name")

    assert (await ada.update_project(shop.id, name="Shop")).name == "Shop"
    assert (await other.create_project("Shop")).project.name == "Shop"


async def test_of_those_who_make_projects_of_one_name_at_once_one_does(stand: Stand) -> None:
    ada = await stand.founder()
    for number in range(ROUNDS):
        outcomes = await asyncio.gather(*(ada.create_project(f"Shop {number}") for _ in range(3)), return_exceptions=True)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CreateProjectResponse", *["ProjectNameTaken"] * 2]


async def test_of_those_who_give_one_name_at_once_one_does(stand: Stand) -> None:
    ada = await stand.founder()
    blog = (await ada.create_project("Blog")).project.id
    for number in range(ROUNDS):
        outcomes = await asyncio.gather(
            ada.create_project(f"Shop {number}"), ada.update_project(blog, name=f"Shop {number}"), return_exceptions=True
        )

        assert sorted(type(outcome).__name__ for outcome in outcomes).count("ProjectNameTaken") == 1


async def test_renaming_making_keys_and_setting_the_time_zone_at_once_hold_nobody_up(stand: Stand) -> None:
    ada = await stand.founder()
    for number in range(ROUNDS):
        await asyncio.gather(
            ada.update_project(name=f"Shop {number}"),
            ada.update_project(time_zone=("Asia/Tokyo", "UTC")[number % 2]),
            *(ada.create_key("") for _ in range(3)),
        )

    assert len(await ada.keys()) == 1 + 3 * ROUNDS


async def test_what_is_not_given_stays(stand: Stand) -> None:
    ada = await stand.founder()
    before = (await ada.projects())[0]

    assert await ada.update_project() == before
    assert (await ada.update_project(name="Shop")).time_zone == before.time_zone
    assert (await ada.update_project(time_zone="Asia/Tokyo")).name == "Shop"
    assert [(project.name, project.time_zone) for project in await ada.projects()] == [("Shop", "Asia/Tokyo")]


async def test_a_new_time_zone_counts_at_once_for_keys_and_sessions(stand: Stand) -> None:
    ada = await stand.founder()
    key = (await ada.create_key("", "read")).token

    async def zones() -> list[str]:
        """As the gate hands them on."""
        seen: list[str] = []
        for token in (key, ada.session.access_token):
            holder = await stand.credentials.find(token)
            assert holder
            project = holder.project if isinstance(holder, Credential) else holder.memberships[0].projects[0]
            assert project
            seen.append(project.time_zone)
        return seen

    assert await zones() == ["UTC", "UTC"]

    await ada.update_project(time_zone="Asia/Tokyo")

    assert await zones() == ["Asia/Tokyo", "Asia/Tokyo"]


@pytest.mark.parametrize(("name", "error"), [("", MissingField), ("  ", MissingField), ("x" * 151, TooLong), ("a\nb", InvalidArgument)])
async def test_a_name_is_one_line_of_1_to_150_characters(stand: Stand, name: str, error: type[InvalidArgument]) -> None:
    ada = await stand.founder()

    for act in (ada.create_project(name), ada.update_project(name=name)):
        with pytest.raises(error) as refused:
            await act
        assert refused.value.field == "name"


@pytest.mark.parametrize("zone", ["Europe/Bielefeld", "+02:00", "utc ", "../etc/passwd", "a\0b", "x" * 1000])
async def test_a_time_zone_is_one_of_iana(stand: Stand, zone: str) -> None:
    ada = await stand.founder()

    for act in (ada.create_project("Shop", zone), ada.update_project(time_zone=zone)):
        with pytest.raises(UnknownTimeZone) as refused:
            await act
        assert (refused.value.field, len(refused.value.message) < 100) == ("timeZone", True)


async def test_a_project_is_not_left_without_a_time_zone(stand: Stand) -> None:
    with pytest.raises(MissingField) as refused:
        await (await stand.founder()).update_project(time_zone="")

    assert refused.value.field == "timeZone"


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_admins_make_and_change_projects(stand: Stand, role: str) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in(role)

    for act in (bob.create_project("Shop"), bob.update_project(name="Shop")):
        with pytest.raises(ScopeMissing):
            await act


async def test_a_key_sees_and_with_admin_changes_its_own_project_whatever_its_headers_say(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    theirs = (await other.projects())[0]
    reads, admin = [(await ada.create_key("", scope)).token for scope in ("read", "admin")]

    assert (await get(stand, reads, theirs.id)).id == (await ada.projects())[0].id
    for token, may in ((reads, False), (admin, True)):
        change = stand.rpc("UpdateProject", pb.UpdateProjectRequest(name="Shop"), token=token, x_pug_project=theirs.id)
        if may:
            assert (await change).project.id == (await ada.projects())[0].id
        else:
            with pytest.raises(ScopeMissing):
                await change
    assert [project.name for project in await other.projects()] == ["My project"]


async def test_a_project_of_others_is_as_unknown_as_one_that_is_not_there(stand: Stand) -> None:
    ada, other = await stand.founder(), await stand.founder()
    theirs = (await other.projects())[0]
    errors: set[tuple[str, str, str]] = set()

    for project in (theirs.id, str(2**40), "9" * 40, "x"):
        for act in (get(stand, ada.session.access_token, project), ada.update_project(project, name="Mine"), ada.keys(project)):
            with pytest.raises(ProjectNotFound) as refused:
                await act
            errors.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(errors) == 1
    assert await other.projects() == [theirs]


async def test_a_project_of_an_org_one_has_left_is_as_unknown(stand: Stand) -> None:
    ada = await stand.founder()
    bob = await ada.bring_in("admin")
    project = (await ada.projects())[0].id
    await bob.update_project(project, name="Shop")
    await bob.leave()

    with pytest.raises(ProjectNotFound):
        await get(stand, bob.session.access_token, project)
    with pytest.raises(CredentialInvalid):
        await get(stand, "at_" + "0" * 40, project)
