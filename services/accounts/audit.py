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


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """For each field that differs its value before and after, as JSON; None where there was or is none."""
    fields = [field for field in {**before, **after} if before.get(field) != after.get(field)]
    return {field: {"before": before.get(field), "after": after.get(field)} for field in fields}


async def note(connection: AsyncConnection, call: Call, change: Change, *, org_id: int | None = None) -> None:
    """Add the change to the org's log, as of the call's account or key; of a project's call the org is looked up."""
    credential = call.credential
    project_id = credential.project.id if credential.project else None
    if org_id is None:
        org_id = credential.org_id
    if org_id is None:
        org_id = (await connection.execute(select(projects.c.org_id).where(projects.c.id == call.project.id))).scalar_one()
    values = {
        "org_id": org_id,
        "project_id": project_id,
        "actor": await actor_of(connection, call),
        "action": change.action,
        "object_kind": change.object_kind,
        "object_id": change.object_id,
        "changes": dict(change.changes),
        "request_id": call.request_id,
    }
    await connection.execute(insert(audit_entries).values(values))


async def actor_of(connection: AsyncConnection, call: Call) -> str:
    """Who is calling, as the log calls them: the address of an account, or `key:` and the label of a key."""
    if call.credential.account:
        return call.credential.account.email
    label = (await connection.execute(select(api_keys.c.label).where(api_keys.c.id == call.credential.key_id))).scalar_one_or_none()
    return f"key:{label or call.credential.key_id}"
