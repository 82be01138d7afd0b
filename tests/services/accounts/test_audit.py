"""Every change is written down once, with who made it and what was before and after, and without anything secret."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from google.protobuf.json_format import MessageToDict
from sqlalchemy import RowMapping, func, select

from accounts_stand import ACCOUNTS, Someone, Stand, new_email
from core.errors import PugError
from pug.accounts.v1 import accounts_pb2, audit_pb2, org_pb2
from pug.common.v1 import access_pb2
from services.accounts.tables import audit_entries
from services.rpc.call import Scope
from services.rpc.gate import needed_scopes

TOKEN = re.compile(r"(pk|sk|at|rt|iv|ml|sh)_[0-9a-f]{6,}")


@dataclass
class Written:
    """What was written while something was done."""

    rows: list[RowMapping] = field(default_factory=list[RowMapping])


@asynccontextmanager
async def writing(stand: Stand) -> AsyncGenerator[Written]:
    """Gathers what is written meanwhile, in whosever log."""
    written = Written()
    async with stand.postgres.connect() as connection:
        last = (await connection.execute(select(func.coalesce(func.max(audit_entries.c.id), 0)))).scalar_one()
    yield written
    async with stand.postgres.connect() as connection:
        query = select(audit_entries).where(audit_entries.c.id > last).order_by(audit_entries.c.id)
        written.rows.extend((await connection.execute(query)).mappings())


@dataclass
class Scene:
    """An owner, an admin, a viewer and somebody invited."""

    stand: Stand
    owner: Someone
    admin: Someone
    viewer: Someone
    invitation: org_pb2.Invitation
    key: accounts_pb2.ApiKey
    project: str


async def scene(stand: Stand) -> Scene:
    owner = await stand.founder()
    admin, viewer = await owner.bring_in("admin"), await owner.bring_in("viewer")
    invitation, key = await owner.invite(new_email(), "editor"), (await owner.create_key("old", "read")).api_key
    return Scene(stand, owner, admin, viewer, invitation, key, (await owner.projects())[0].id)


@dataclass(frozen=True)
class Changing:
    """How an RPC is called so that it changes something, and what is to be written."""

    act: Callable[[Scene], Awaitable[object]]
    kind: str
    changes: Callable[[Scene], Mapping[str, tuple[object, object]]]
    actor: Callable[[Scene], str] = lambda scene: scene.admin.email
    of_project: bool = False


CHANGES: Mapping[str, Changing] = {
    "CreateOrg": Changing(
        lambda at: at.admin.do("CreateOrg", org_pb2.CreateOrgRequest(name="Zoo")), "org", lambda _: {"name": (None, "Zoo")}
    ),
    "UpdateOrg": Changing(
        lambda at: at.admin.do("UpdateOrg", org_pb2.UpdateOrgRequest(name="Zoo")),
        "org",
        lambda at: {"name": (f"{at.owner.email.partition('@')[0]}'s team", "Zoo")},
    ),
    "LeaveOrg": Changing(lambda at: at.admin.leave(), "member", lambda at: {"email": (at.admin.email, None), "role": ("admin", None)}),
    "SetMemberRole": Changing(
        lambda at: at.admin.set_role(at.viewer, "editor"),
        "member",
        lambda at: {"email": (at.viewer.email, at.viewer.email), "role": ("viewer", "editor")},
    ),
    "RemoveMember": Changing(
        lambda at: at.admin.remove(at.viewer), "member", lambda at: {"email": (at.viewer.email, None), "role": ("viewer", None)}
    ),
    "InviteMember": Changing(
        lambda at: at.admin.invite(at.invitation.email, "viewer"),
        "invitation",
        lambda at: {"email": (at.invitation.email, at.invitation.email), "role": ("editor", "viewer")},
    ),
    "RevokeInvitation": Changing(
        lambda at: at.admin.do("RevokeInvitation", org_pb2.RevokeInvitationRequest(id=at.invitation.id)),
        "invitation",
        lambda at: {"email": (at.invitation.email, None), "role": ("editor", None)},
    ),
    "AcceptInvitation": Changing(
        lambda at: at.stand.accept(at.stand.mailbox.invitation(at.invitation.email)),
        "member",
        lambda at: {"email": (None, at.invitation.email), "role": (None, "editor")},
        actor=lambda at: at.invitation.email,
    ),
    "CreateProject": Changing(
        lambda at: at.admin.create_project("Shop", "Asia/Tokyo"),
        "project",
        lambda _: {"name": (None, "Shop"), "time_zone": (None, "Asia/Tokyo")},
        of_project=True,
    ),
    "UpdateProject": Changing(
        lambda at: at.admin.update_project(name="Shop", time_zone="UTC", retention_months=13),
        "project",
        lambda _: {"name": ("My project", "Shop"), "retention_months": (None, 13)},
        of_project=True,
    ),
    "DeleteProject": Changing(lambda at: at.admin.delete_project(at.project, "My project"), "project", lambda _: {}, of_project=True),
    "CreateApiKey": Changing(
        lambda at: at.admin.create_key("new", "read", "edit"),
        "api_key",
        lambda _: {"label": (None, "new"), "kind": (None, "secret"), "scopes": (None, ["read", "edit"])},
        of_project=True,
    ),
    "RevokeApiKey": Changing(lambda at: at.admin.revoke_key(at.key.id), "api_key", lambda _: {"label": ("old", "old")}, of_project=True),
}
# Of the key itself the log holds what its list shows.
ALSO = {"CreateApiKey": {"prefix"}, "RevokeApiKey": {"prefix", "revoked_at"}}


def test_no_rpc_that_changes_something_in_an_org_is_forgotten_here() -> None:
    scopes = needed_scopes([ACCOUNTS])
    of_accounts = {
        method.name for method in ACCOUNTS.methods if scopes[f"/{ACCOUNTS.full_name}/{method.name}"] in {Scope.PUBLIC, Scope.ACCOUNT}
    }
    reads = {method.name for method in ACCOUNTS.methods if method.GetOptions().idempotency_level == 1}

    assert set(CHANGES) == ({method.name for method in ACCOUNTS.methods} - of_accounts - reads) | {"CreateOrg", "AcceptInvitation"}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_written_down_once_with_who_made_it_and_what_was_before_and_after(stand: Stand, name: str) -> None:
    at, changing = await scene(stand), CHANGES[name]
    actor, expected = changing.actor(at), changing.changes(at)

    async with writing(stand) as written:
        answer = await changing.act(at)

    (row,) = written.rows
    assert (row["actor"], row["action"], row["object_kind"], row["request_id"]) == (actor, name, changing.kind, "request")
    changes = {field: (change["before"], change["after"]) for field, change in row["changes"].items()}
    assert {field: changes.pop(field) for field in expected} == expected
    assert changes.keys() == ALSO.get(name, set())
    assert (row["project_id"] is not None) == changing.of_project
    assert row["object_id"] in (*re.findall(r'id: "([^"]+)"', str(answer)), at.admin.id, at.viewer.id, at.invitation.id)
    assert not TOKEN.search(str(dict(row)).replace(str(row["changes"].get("prefix")), ""))


async def refuse_all(at: Scene) -> None:
    """What is refused at the gate or by a rule, and what changes nothing."""
    other = await at.stand.founder()
    taken = (await at.owner.create_project("Taken")).project.id
    async with writing(at.stand) as written:
        for act in (
            at.viewer.do("UpdateOrg", org_pb2.UpdateOrgRequest(name="Zoo")),
            at.admin.do("UpdateOrg", org_pb2.UpdateOrgRequest(name="")),
            at.admin.do("CreateOrg", org_pb2.CreateOrgRequest(name="\0")),
            at.owner.leave(),
            at.admin.set_role(at.owner, "viewer"),
            at.owner.set_role(at.owner, "admin"),
            at.admin.remove(at.owner),
            at.admin.remove(other),
            at.owner.remove(at.owner),
            at.admin.invite(at.viewer.email),
            at.admin.invite(new_email(), "owner"),
            at.admin.do("RevokeInvitation", org_pb2.RevokeInvitationRequest(id=at.key.id)),
            at.stand.accept("iv_0"),
            at.owner.create_project("Taken"),
            at.owner.update_project(at.project, name="Taken"),
            at.owner.update_project(at.project, time_zone="Nowhere"),
            at.owner.update_project(at.project, retention_months=1_201),
            at.owner.delete_project(at.project, "Another"),
            at.owner.create_key("", "read", project=at.project, expires_at={"seconds": 1}),
            at.owner.revoke_key(at.invitation.id, at.project),
            at.owner.revoke_key(at.key.id, taken),
        ):
            with pytest.raises(PugError):
                await act
    assert written.rows == []


async def test_what_is_refused_is_not_written_down(stand: Stand) -> None:
    await refuse_all(await scene(stand))


async def test_what_changes_nothing_is_not_written_down(stand: Stand) -> None:
    at = await scene(stand)
    await at.owner.revoke_key(at.key.id)
    await at.owner.invite(at.viewer.email.replace("ada", "eve"))
    name = (await stand.me(at.owner.session)).orgs[0].name

    async with writing(stand) as written:
        await at.owner.do("UpdateOrg", org_pb2.UpdateOrgRequest(name=f" {name} "))
        await at.admin.set_role(at.viewer, "viewer")
        await at.owner.set_role(at.owner, "owner")
        await at.owner.update_project()
        await at.owner.update_project(name="My project", time_zone="UTC")
        await at.owner.revoke_key(at.key.id)

    assert written.rows == []


async def test_a_change_by_a_key_is_its_own_whether_it_has_a_label_or_not(stand: Stand) -> None:
    ada = await stand.founder()
    keys = [await ada.create_key(label, "admin", "read") for label in ("robot", "")]
    request = accounts_pb2.CreateApiKeyRequest(kind=accounts_pb2.ApiKey.KIND_SECRET, scopes=[access_pb2.SCOPE_READ])

    async with writing(stand) as written:
        for key in keys:
            await stand.rpc("CreateApiKey", request, token=key.token)

    assert [row["actor"] for row in written.rows] == ["key:robot", f"key:{keys[1].api_key.id}"]
    assert {str(row["org_id"]) for row in written.rows} == {ada.org}


def described(entry: audit_pb2.AuditEntry) -> tuple[str, str, object]:
    return entry.actor, entry.action, MessageToDict(entry)["changes"]


async def test_the_log_tells_what_was_written(stand: Stand) -> None:
    ada = await stand.founder()
    await ada.update_project(name="Shop")

    (entry,) = (await ada.log()).entries

    assert described(entry) == (ada.email, "UpdateProject", {"name": {"before": "My project", "after": "Shop"}})
    assert (entry.object_kind, entry.object_id, entry.project_id) == ("project", entry.project_id, (await ada.projects())[0].id)
    assert (entry.request_id, entry.HasField("at"), bool(entry.id)) == ("request", True, True)
