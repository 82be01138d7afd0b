"""Writes down who changed what, in the transaction that changes it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.accounts.tables import api_keys, audit_entries, projects
from services.rpc.call import Call

# Of one value as JSON. A dashboard's filters may be a thousand times as long, and a page of the log has up to a thousand changes.
_LONGEST = 10_000


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


def kept(**fields: str) -> dict[str, Any]:
    """Fields that stay as they are, by which whoever reads the log knows what was changed."""
    return {field: {"before": value, "after": value} for field, value in fields.items()}


async def note(
    connection: AsyncConnection, call: Call, change: Change, *, org_id: int | None = None, project_id: int | None = None, actor: str = ""
) -> None:
    """Add the change to the org's log; what is not named follows from the call: its account or key, its project, and that one's org."""
    credential = call.credential
    if project_id is None and credential.project:
        project_id = credential.project.id
    org_id = org_id or credential.org_id or await _org_of(connection, call.project.id)
    actor = actor or await actor_of(connection, call)
    row = _row(change, org_id=org_id, project_id=project_id, actor=actor, request_id=call.request_id)
    await connection.execute(insert(audit_entries).values(row))


async def note_all(connection: AsyncConnection, project_id: int, noted: Sequence[tuple[Call, Change]]) -> None:
    """Add changes of a project that many calls made together, in three statements however many they are."""
    if not noted:
        return
    org_id = await _org_of(connection, project_id)
    # A project that is being deleted is no org's, and nobody reads its log.
    if org_id is None:
        return
    actors = await _actors_of(connection, [call for call, _ in noted])
    rows = [
        _row(change, org_id=org_id, project_id=project_id, actor=actors[call.credential.key_id], request_id=call.request_id)
        for call, change in noted
    ]
    await connection.execute(insert(audit_entries), rows)


async def note_operators(connection: AsyncConnection, org_id: int, project_id: int | None, change: Change) -> None:
    """Add a change the operator made from the command line."""
    row = _row(change, org_id=org_id, project_id=project_id, actor="operator", request_id="")
    await connection.execute(insert(audit_entries).values(row))


async def _org_of(connection: AsyncConnection, project_id: int) -> int | None:
    return (await connection.execute(select(projects.c.org_id).where(projects.c.id == project_id))).scalar_one()


async def actor_of(connection: AsyncConnection, call: Call) -> str:
    """Who is calling, as the log calls them: the address of an account, or `key:` and the label of a key."""
    return (await _actors_of(connection, [call]))[call.credential.key_id]


async def _actors_of(connection: AsyncConnection, calls: Sequence[Call]) -> dict[str, str]:
    """Who is calling, by the `key_id` of each call's credential."""
    accounts = {call.credential.key_id: call.credential.account.email for call in calls if call.credential.account}
    keys = {call.credential.key_id for call in calls} - accounts.keys()
    if not keys:
        return accounts
    found = await connection.execute(select(api_keys.c.id, api_keys.c.label).where(api_keys.c.id.in_(keys)))
    labels = {str(row.id): row.label for row in found}
    return accounts | {key_id: f"key:{labels.get(key_id) or key_id}" for key_id in keys}


def _row(change: Change, *, org_id: int | None, project_id: int | None, actor: str, request_id: str) -> dict[str, object]:
    return {
        "org_id": org_id,
        "project_id": project_id,
        "actor": actor,
        "action": change.action,
        "object_kind": change.object_kind,
        "object_id": change.object_id,
        "changes": {field: {when: _shortened(value) for when, value in both.items()} for field, both in change.changes.items()},
        "request_id": request_id,
    }


def _shortened(value: object) -> object:
    """The value, or in place of one that is too long how long it is."""
    length = len(json.dumps(value, ensure_ascii=False))
    return value if length <= _LONGEST else f"left out: {length:,} characters"
