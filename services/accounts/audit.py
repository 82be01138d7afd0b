"""Writes down who changed what, in the transaction that changes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.accounts.tables import api_keys, audit_entries, projects
from services.rpc.call import Call


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the RPC that did it, to what, and for each field its value before and after. No secrets."""

    action: str
    object_kind: str
    object_id: str
    changes: Mapping[str, Any]


async def note(
    connection: AsyncConnection, call: Call, change: Change, *, org_id: int | None = None, project_id: int | None = None, actor: str = ""
) -> None:
    """Add the change to the org's log, as of the call's account or key unless an actor is named; of a project's call the org is looked up."""
    credential = call.credential
    if project_id is None and credential.project:
        project_id = credential.project.id
    if org_id is None:
        org_id = credential.org_id
    if org_id is None:
        org_id = (await connection.execute(select(projects.c.org_id).where(projects.c.id == call.project.id))).scalar_one()
    values = {
        "org_id": org_id,
        "project_id": project_id,
        "actor": actor or await _actor(connection, call),
        "action": change.action,
        "object_kind": change.object_kind,
        "object_id": change.object_id,
        "changes": dict(change.changes),
        "request_id": call.request_id,
    }
    await connection.execute(insert(audit_entries).values(values))


async def _actor(connection: AsyncConnection, call: Call) -> str:
    if call.credential.account:
        return call.credential.account.email
    label = (await connection.execute(select(api_keys.c.label).where(api_keys.c.id == call.credential.key_id))).scalar_one_or_none()
    return f"key:{label or call.credential.key_id}"
