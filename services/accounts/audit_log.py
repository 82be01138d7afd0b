"""Reads what services/accounts/audit.py has written down: pages end where they hold very much."""

import re
from dataclasses import dataclass

from google.protobuf.json_format import ParseDict
from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import transaction
from pug.accounts.v1 import audit_pb2 as pb
from services.accounts.tables import audit_entries
from services.rpc.call import Call
from services.rpc.pages import Page, page_of, page_size, place_of, token_of, values_in_column

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
        async with transaction(self.postgres) as connection:
            page = await _page(connection, query.order_by(audit_entries.c.id.desc()), size)
        following = token_of(page.entries[-1]["id"]) if page.more else ""
        return pb.ListAuditEntriesResponse(entries=[_message(row) for row in page.entries], next_page_token=following)


async def _page(connection: AsyncConnection, query: Select[tuple[object, ...]], size: int) -> Page[RowMapping]:
    """The first entries of the query. What they hold is counted in PostgreSQL, so that only what fits is read."""
    counts = query.with_only_columns(audit_entries.c.id, values_in_column(audit_entries.c.changes).label("values")).limit(size + 1)
    found = (await connection.execute(counts)).mappings().all()
    fits = page_of(found, size, lambda counted: counted["values"])
    if not fits.entries:
        return Page([], more=False)
    # By their ids: an entry that has come in since must not push out the last one, from which the next page goes on.
    these = query.where(audit_entries.c.id.between(fits.entries[-1]["id"], fits.entries[0]["id"]))
    return Page((await connection.execute(these)).mappings().all(), fits.more)


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
