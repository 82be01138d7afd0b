import pytest
from sqlalchemy import delete

from accounts_stand import Someone, Stand, role_name
from core.errors import InvalidArgument, MissingField, OrgNotFound, ScopeMissing, TooLong
from core.postgres import transaction
from pug.accounts.v1 import org_pb2 as pb
from services.accounts.tables import memberships


async def create(someone: Someone, name: str) -> pb.Org:
    return (await someone.do("CreateOrg", pb.CreateOrgRequest(name=name))).org


async def rename(someone: Someone, name: str) -> pb.Org:
    return (await someone.do("UpdateOrg", pb.UpdateOrgRequest(name=name))).org


async def listed(someone: Someone) -> list[pb.Org]:
    return list((await someone.do("ListOrgs", pb.ListOrgsRequest())).orgs)


async def test_who_makes_an_org_owns_it_and_works_in_it_at_once(stand: Stand) -> None:
    ada = await stand.founder()

    made = await create(ada, " Zoo ")

    assert (made.name, role_name(made.role), made.HasField("created_at")) == ("Zoo", "owner", True)
    assert {org.id for org in await listed(ada)} == {ada.org, made.id}
    assert await Someone(stand, ada.session, made.id).members() == {ada.email: "owner"}
    assert await Someone(stand, ada.session, made.id).projects() == []


async def test_two_orgs_may_have_the_same_name(stand: Stand) -> None:
    ada = await stand.founder()

    first, second = await create(ada, "Zoo"), await create(ada, "Zoo")

    assert first.id != second.id


async def test_an_org_is_listed_with_what_the_caller_is_in_it(stand: Stand) -> None:
    ada, bob = await stand.founder(), await stand.founder()

    came = await ada.bring_in("viewer", bob)

    assert {org.id: role_name(org.role) for org in await listed(came)} == {ada.org: "viewer", bob.org: "owner"}


async def test_an_admin_renames_an_org_and_an_editor_does_not(stand: Stand) -> None:
    ada = await stand.founder()
    admin, editor = await ada.bring_in("admin"), await ada.bring_in("editor")

    renamed = await rename(admin, "Zoo")

    assert (renamed.id, renamed.name, role_name(renamed.role)) == (ada.org, "Zoo", "admin")
    assert [org.name for org in await listed(ada)] == ["Zoo"]
    with pytest.raises(ScopeMissing):
        await rename(editor, "Farm")


@pytest.mark.parametrize(
    ("name", "error"),
    [("", MissingField), (" \t", MissingField), ("x" * 151, TooLong), ("a\0b", InvalidArgument), ("a\u2028b", InvalidArgument)],
)
async def test_a_name_is_one_line_of_1_to_150_characters(stand: Stand, name: str, error: type[InvalidArgument]) -> None:
    ada = await stand.founder()

    for act in (create, rename):
        with pytest.raises(error) as refused:
            await act(ada, name)
        assert (refused.value.field, bool(refused.value.hint)) == ("name", True)
    assert (await create(ada, "ö" * 150)).name == "ö" * 150


async def test_who_was_taken_out_by_another_process_a_moment_ago_changes_no_org_any_more(stand: Stand) -> None:
    ada = await stand.founder()
    admin = await ada.bring_in("admin")
    await admin.members()
    # As another process does it: nothing here is told.
    async with transaction(stand.postgres) as connection:
        await connection.execute(delete(memberships).where(memberships.c.account_id == admin.id))

    with pytest.raises(OrgNotFound):
        await rename(admin, "Farm")
