"""Everybody who may knock at the whole edge of Pug: with keys, sessions and tokens of every kind, of a project's org and of another."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from sqlalchemy import update
from sqlalchemy.sql.dml import Update

from accounts_stand import new_email
from app.backends import Backends
from app.letting_in import let_in
from app.projects import ProjectKeys, create_project
from app.wiring import Edge
from core.postgres import transaction
from services.accounts.sign_in.registered import Newcomer
from services.accounts.tables import api_keys, session_tokens
from services.accounts.tokens import hashed, new_token
from services.rpc.standing import Role

ACCOUNTS = "/pug.accounts.v1.AccountsService"
# What each role holds, as the contract says it.
HOLDS: Mapping[Role, frozenset[str]] = {
    Role.VIEWER: frozenset({"account", "org_read", "read"}),
    Role.EDITOR: frozenset({"account", "org_read", "read", "edit"}),
    Role.ADMIN: frozenset({"account", "org_read", "read", "edit", "admin", "org_admin"}),
    Role.OWNER: frozenset({"account", "org_read", "read", "edit", "admin", "org_admin", "org_owner"}),
}
_SECRET = ("read", "edit", "admin")


@dataclass(frozen=True)
class Who:
    """Somebody with a credential, or without."""

    name: str
    headers: Mapping[str, str]
    holds: frozenset[str] = frozenset()
    # Why nothing but what is public opens.
    refused: str = ""
    # Why nothing about a project or an org opens.
    elsewhere: str = ""


@dataclass(frozen=True)
class Team:
    """A project with its org, and the tokens of the members."""

    keys: ProjectKeys
    org: str
    members: Mapping[Role, str]


@dataclass(frozen=True)
class Everybody:
    """Two teams, `ours` and `theirs`, and who knocks at the edge."""

    client: httpx.AsyncClient
    door: "Door"
    ours: Team
    theirs: Team
    who: list[Who]


async def gather_everybody(client: httpx.AsyncClient, edge: Edge, backends: Backends) -> Everybody:
    """All of them. The client calls the edge."""
    door = Door(client, edge, backends)
    ours, theirs = [await door.team(name) for name in ("Ours", "Theirs")]
    who = [*_without(), *await door.with_keys(ours, theirs), *await door.with_sessions(ours, theirs), *await door.no_longer(ours)]
    return Everybody(client, door, ours, theirs, who)


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}


def _without() -> Iterable[Who]:
    yield Who("nobody", {}, refused="CREDENTIAL_MISSING")
    for header in ("Bearer", "Basic cGs6", "pk_1"):
        yield Who(header, {"authorization": header}, refused="CREDENTIAL_MISSING")
    invented = (new_token(prefix) for prefix in ("pk", "sk", "at", "sh", "rt", "ml", "iv", "xx"))
    for token in ("x", "'; DROP TABLE api_keys; --", "sk_" + "0" * 200, *invented):
        yield Who(token, bearer(token), refused="CREDENTIAL_INVALID")


@dataclass(frozen=True)
class Door:
    """Makes those who knock."""

    client: httpx.AsyncClient
    edge: Edge
    backends: Backends

    async def team(self, name: str) -> Team:
        keys = await create_project(self.edge.accounts.repository, name, "UTC")
        members = {role: (await self.member(keys, role))["accessToken"] for role in Role}
        orgs = (await self.call("ListOrgs", {}, members[Role.OWNER]))["orgs"]
        return Team(keys, orgs[0]["id"], members)

    async def member(self, keys: ProjectKeys, role: Role, email: str = "") -> dict[str, str]:
        """A session of somebody new in the project's org."""
        links = self.edge.accounts.sign_in.by_link.links
        came = await let_in(self.backends.postgres, links, Newcomer(email or new_email()), int(keys.project_id), role)
        return (await self.call("CompleteMagicLink", {"token": came.token}))["session"]

    async def call(self, rpc: str, body: Mapping[str, object], token: str = "") -> Any:  # noqa: ANN401 (each answers something else)
        response = await self.client.post(f"{ACCOUNTS}/{rpc}", json=body, headers=bearer(token) if token else {})
        assert response.status_code == 200, response.text
        return response.json()

    async def key(self, team: Team, scopes: Iterable[str]) -> tuple[str, str]:
        """Id and token of a new secret key."""
        body = {"kind": "KIND_SECRET", "scopes": [f"SCOPE_{scope.upper()}" for scope in scopes]}
        made = await self.call("CreateApiKey", body, team.keys.secret_key)
        return made["apiKey"]["id"], made["token"]

    async def with_keys(self, ours: Team, theirs: Team) -> list[Who]:
        """Keys say by themselves which project is meant, whatever else the headers name."""
        who = [Who("write key", bearer(ours.keys.write_key), frozenset({"capture"}))]
        for scopes in itertools.chain.from_iterable(itertools.combinations(_SECRET, count) for count in (1, 2, 3)):
            _, token = await self.key(ours, scopes)
            who.append(Who(f"key for {' and '.join(scopes)}", bearer(token), frozenset(scopes)))
        named = bearer(ours.keys.secret_key, x_pug_project=theirs.keys.project_id, x_pug_org=theirs.org)
        return [*who, Who("key that names their project", named, frozenset(_SECRET))]

    async def with_sessions(self, ours: Team, theirs: Team) -> list[Who]:
        who = [Who(role, bearer(token), HOLDS[role]) for role, token in ours.members.items()]
        for role, token in theirs.members.items():
            account = frozenset({"account"})
            for_project = bearer(token, x_pug_project=ours.keys.project_id)
            who += [
                Who(f"{role} of theirs that names none", bearer(token), HOLDS[role]),
                Who(f"{role} of theirs that names our project", for_project, account, elsewhere="PROJECT_NOT_FOUND"),
                Who(f"{role} of theirs that names our org", bearer(token, x_pug_org=ours.org), account, elsewhere="ORG_NOT_FOUND"),
                Who(
                    f"{role} of theirs that names our project in their org",
                    bearer(token, x_pug_project=ours.keys.project_id, x_pug_org=theirs.org),
                    account,
                    elsewhere="PROJECT_NOT_FOUND",
                ),
            ]
        return who + await self.in_both(ours, theirs) + [await self.in_none(ours)]

    async def in_both(self, ours: Team, theirs: Team) -> list[Who]:
        email = new_email()
        await self.member(ours.keys, Role.VIEWER, email)
        token = (await self.member(theirs.keys, Role.OWNER, email))["accessToken"]
        return [
            Who("member of both that names none", bearer(token), frozenset({"account"}), elsewhere="MISSING_FIELD"),
            Who("viewer here and owner there", bearer(token, x_pug_project=ours.keys.project_id), HOLDS[Role.VIEWER]),
            Who("viewer of our org and owner there", bearer(token, x_pug_org=ours.org), HOLDS[Role.VIEWER]),
            Who("owner there and viewer here", bearer(token, x_pug_project=theirs.keys.project_id), HOLDS[Role.OWNER]),
        ]

    async def in_none(self, ours: Team) -> Who:
        token = (await self.member(ours.keys, Role.ADMIN))["accessToken"]
        await self.call("LeaveOrg", {}, token)
        return Who("who has left", bearer(token, x_pug_org=ours.org), frozenset({"account"}), elsewhere="ORG_NOT_FOUND")

    async def no_longer(self, ours: Team) -> list[Who]:
        """What worked, and works no longer."""
        key_id, revoked = await self.key(ours, _SECRET)
        await self.call("RevokeApiKey", {"id": key_id}, revoked)
        _, expired_key = await self.key(ours, _SECRET)
        ended, expired = [await self.member(ours.keys, Role.OWNER) for _ in range(2)]
        await self.call("SignOut", {"refreshToken": ended["refreshToken"]})
        past = datetime.now(UTC) - timedelta(seconds=1)
        await self.change(update(api_keys).where(api_keys.c.token_hash == hashed(expired_key)).values(expires_at=past))
        access = session_tokens.c.access_hash == hashed(expired["accessToken"])
        await self.change(update(session_tokens).where(access).values(access_expires_at=past))
        tokens = {
            "revoked key": revoked,
            "expired key": expired_key,
            "ended session": ended["accessToken"],
            "expired token": expired["accessToken"],
            "refresh token": expired["refreshToken"],
        }
        return [Who(name, bearer(token), refused="CREDENTIAL_INVALID") for name, token in tokens.items()]

    async def change(self, query: Update) -> None:
        async with transaction(self.backends.postgres) as connection:
            assert cast("Any", await connection.execute(query)).rowcount == 1
