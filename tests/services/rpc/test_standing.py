"""What members may do: every role, every scope, and every way to name what a call is about."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from core.errors import MissingField, NotFound, OrgNotFound, ProjectNotFound, ScopeMissing
from pug.accounts.v1 import accounts_pb2
from pug.capture.v1 import capture_pb2
from pug.dashboards.v1 import dashboards_pb2
from pug.insights.v1 import insights_pb2
from pug.profiles.v1 import profiles_pb2
from services.rpc.call import Account, Call, Credential, Project, Scope, Sender
from services.rpc.gate import Gate, needed_scopes
from services.rpc.standing import Membership, Role, SignedIn

SERVICES: list[ServiceDescriptor] = [
    capture_pb2.DESCRIPTOR.services_by_name["CaptureService"],
    profiles_pb2.DESCRIPTOR.services_by_name["ProfilesService"],
    insights_pb2.DESCRIPTOR.services_by_name["InsightsService"],
    dashboards_pb2.DESCRIPTOR.services_by_name["DashboardsService"],
    accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"],
]
RPCS = needed_scopes(SERVICES)
ACCOUNT = Account(uuid.uuid4(), "ada@example.com", uuid.uuid4())
MAY = {
    Role.VIEWER: {"account", "org_read", "read"},
    Role.EDITOR: {"account", "org_read", "read", "edit"},
    Role.ADMIN: {"account", "org_read", "read", "edit", "admin", "org_admin"},
    Role.OWNER: {"account", "org_read", "read", "edit", "admin", "org_admin", "org_owner"},
}
SHOP, BLOG, LAB = Project(1, "UTC"), Project(2, "Europe/Berlin"), Project(3, "Asia/Tokyo")
# One RPC of each scope that is about something.
READ = "/pug.insights.v1.InsightsService/Query"
EDIT = "/pug.dashboards.v1.DashboardsService/CreateDashboard"
ADMIN = "/pug.accounts.v1.AccountsService/UpdateProject"
ORG_READ = "/pug.accounts.v1.AccountsService/ListMembers"
ORG_ADMIN = "/pug.accounts.v1.AccountsService/UpdateOrg"
ME = "/pug.accounts.v1.AccountsService/GetMe"


def gate(*memberships: Membership) -> Gate:
    signed_in = SignedIn(ACCOUNT, memberships, datetime.now(UTC) + timedelta(minutes=15))

    async def find(token: str) -> Credential | SignedIn | None:
        return signed_in if token == "at_ada" else None

    return Gate(find, SERVICES)


async def admit(gate: Gate, method: str, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gate.admit(method, Sender("10.0.0.1", {"authorization": "Bearer at_ada"} | named), "r", None)


def test_the_rpcs_chosen_here_need_what_their_names_say() -> None:
    assert [RPCS[method] for method in (READ, EDIT, ADMIN, ORG_READ, ORG_ADMIN, ME)] == [
        Scope.READ, Scope.EDIT, Scope.ADMIN, Scope.ORG_READ, Scope.ORG_ADMIN, Scope.ACCOUNT,
    ]  # fmt: skip


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "needed"), RPCS.items())
async def test_every_rpc_opens_to_exactly_the_roles_that_hold_its_scope(method: str, needed: Scope, role: Role) -> None:
    door = gate(Membership(1, role, (SHOP,)))

    if needed is Scope.PUBLIC:
        assert (await admit(door, method)).credential.account is None
    elif needed in MAY[role]:
        assert (await admit(door, method)).account == ACCOUNT
    else:
        with pytest.raises(ScopeMissing):
            await admit(door, method)


@pytest.mark.parametrize("method", [READ, EDIT, ADMIN])
async def test_a_member_of_one_project_need_not_name_it(method: str) -> None:
    call = await admit(gate(Membership(7, Role.OWNER, (BLOG,)), Membership(8, Role.OWNER, ())), method)

    assert (call.project, call.org_id, call.credential.key_id) == (BLOG, 7, str(ACCOUNT.id))


@pytest.mark.parametrize(
    "memberships", [[Membership(7, Role.OWNER, (SHOP, BLOG))], [Membership(7, Role.OWNER, (SHOP,)), Membership(8, Role.OWNER, (LAB,))]]
)
async def test_a_member_of_several_projects_has_to_name_one(memberships: list[Membership]) -> None:
    door = gate(*memberships)

    with pytest.raises(MissingField) as refused:
        await admit(door, READ)

    assert refused.value.field == "x-pug-project"
    assert "ListProjects" in refused.value.hint
    for membership in memberships:
        for project in membership.projects:
            call = await admit(door, READ, x_pug_project=str(project.id))
            assert (call.project, call.org_id) == (project, membership.org_id)


async def test_the_role_follows_from_the_project_that_is_named() -> None:
    door = gate(Membership(7, Role.VIEWER, (SHOP,)), Membership(8, Role.ADMIN, (LAB,)))

    assert (await admit(door, ADMIN, x_pug_project="3")).project == LAB
    with pytest.raises(ScopeMissing):
        await admit(door, ADMIN, x_pug_project="1")


async def test_an_org_narrows_down_which_project_is_meant() -> None:
    door = gate(Membership(7, Role.VIEWER, (SHOP,)), Membership(8, Role.ADMIN, (LAB,)))

    assert (await admit(door, READ, x_pug_org="8")).project == LAB


@pytest.mark.parametrize("method", [READ, EDIT, ADMIN, ORG_READ, ORG_ADMIN])
@pytest.mark.parametrize("headers", [
    {"x_pug_project": "4"}, {"x_pug_project": "shop"}, {"x_pug_project": "1, 2"}, {"x_pug_project": "01"},
    {"x_pug_org": "9"}, {"x_pug_org": "x"}, {"x_pug_org": "9", "x_pug_project": "1"}, {"x_pug_org": "8", "x_pug_project": "1"},
])  # fmt: skip
async def test_what_is_somebody_else_s_is_as_unknown_as_what_is_not_there_whatever_the_role(method: str, headers: dict[str, str]) -> None:
    # Project 4 and org 9 may exist or not: the gate is told of neither.
    door = gate(Membership(7, Role.VIEWER, (SHOP, BLOG)), Membership(8, Role.VIEWER, (LAB,)))

    with pytest.raises(NotFound) as refused:
        await admit(door, method, **headers)

    assert refused.value.field in {"x-pug-project", "x-pug-org"}
    assert not any(value in refused.value.message for value in headers.values())


async def test_a_member_of_one_org_need_not_name_it_and_of_several_has_to() -> None:
    one, several = gate(Membership(7, Role.ADMIN, ())), gate(Membership(7, Role.ADMIN, (SHOP, BLOG)), Membership(8, Role.VIEWER, (LAB,)))

    assert (await admit(one, ORG_ADMIN)).org_id == 7
    with pytest.raises(MissingField) as refused:
        await admit(several, ORG_READ)
    assert (refused.value.field, "ListOrgs" in refused.value.hint) == ("x-pug-org", True)
    assert (await admit(several, ORG_ADMIN, x_pug_org="7")).org_id == 7
    with pytest.raises(ScopeMissing):
        await admit(several, ORG_ADMIN, x_pug_org="8")


async def test_a_project_that_is_named_says_which_org_is_meant_and_the_call_is_about_no_project() -> None:
    door = gate(Membership(7, Role.ADMIN, (SHOP, BLOG)), Membership(8, Role.VIEWER, (LAB,)))

    call = await admit(door, ORG_ADMIN, x_pug_project="2")

    assert (call.org_id, call.credential.project) == (7, None)


async def test_who_is_in_no_org_may_still_see_their_account() -> None:
    door = gate()

    assert (await admit(door, ME)).account == ACCOUNT
    with pytest.raises(OrgNotFound):
        await admit(door, ORG_READ)
    with pytest.raises(ProjectNotFound):
        await admit(door, READ)


async def test_a_call_about_the_account_is_let_in_whatever_project_it_names() -> None:
    call = await admit(gate(Membership(7, Role.OWNER, (SHOP, BLOG))), ME, x_pug_project="4", x_pug_org="9")

    assert (call.account, call.credential.project, call.credential.org_id) == (ACCOUNT, None, None)
