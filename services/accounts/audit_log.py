"""Reads what services/accounts/audit.py has written down: pages end where they hold very much."""

import re
from dataclasses import dataclass

from google.protobuf.json_format import ParseDict
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import transaction
from pug.accounts.v1 import audit_pb2 as pb
from services.accounts.tables import audit_entries
from services.rpc.call import Call
from services.rpc.page_rows import rows_of_page
from services.rpc.pages import page_size, place_of, token_of

# Of more digits PostgreSQL's numbers have none.
_ID = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class AuditLog:
    """ListAuditEntries."""

    postgres: AsyncEngine

    async def list_audit_entries(self, request: pb.ListAuditEntriesRequest, call: Call) -> pb.ListAuditEntriesResponse:
        """What was changed in the org and its projects, latest first; what is written meanwhile changes no later page."""
        size, before = page_size(request.page_size), place_of(request.page_token, _entry_id)
        if (request.project_id and _number(request.project_id) is None) or "\0" in request.actor:
            return pb.ListAuditEntriesResponse()
        query = select(audit_entries).where(audit_entries.c.org_id == call.org_id)
        if before is not None:
            query = query.where(audit_entries.c.id < before)
        if request.project_id:
            query = query.where(audit_entries.c.project_id == _number(request.project_id))
        if request.actor:
            query = query.where(audit_entries.c.actor == request.actor)
        async with transaction(self.postgres.execution_options(isolation_level="REPEATABLE READ")) as connection:
            page = await rows_of_page(connection, query.order_by(audit_entries.c.id.desc()), audit_entries.c.changes, size)
        following = token_of(page.entries[-1]["id"]) if page.more else ""
        return pb.ListAuditEntriesResponse(entries=[_message(row) for row in page.entries], next_page_token=following)


def _entry_id(parts: list[object]) -> int:
    (part,) = parts
    if (entry_id := _number(str(part))) is None:
        raise ValueError
    return entry_id


def _number(text: str) -> int | None:
    """What can be an id in PostgreSQL; None for what can be nobody's."""
    return int(text) if _ID.fullmatch(text) else None


def _message(row: RowMapping) -> pb.AuditEntry:
    entry = pb.AuditEntry(
        id=str(row["id"]),
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        object_kind=row["object_kind"],
        object_id=row["object_id"],
        project_id="" if row["project_id"] is None else str(row["project_id"]),
        request_id=row["request_id"],
    )
    ParseDict(row["changes"], entry.changes)
    return entry
