"""What a person sent that could not be stored: their rows among the dead letters."""

import asyncio
import json
from collections.abc import Collection, Iterator
from contextlib import aclosing
from typing import cast

from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext

from core.dead_letters import DEAD, SUBJECTS
from core.jetstream import messages
from core.rows import key_of
from services.profiles.exporting.pages import Page

# What a row holds, in its order (docs/decisions/0003).
_FIELDS = ("eventId", "projectId", "name", "distinctId", "sessionId", "occurredAt", "receivedAt", "properties", "context")
_DISTINCT_ID = _FIELDS.index("distinctId")


async def pages_of(jetstream: JetStreamContext, project_id: int, distinct_ids: Collection[str]) -> Page:
    """Rows of these ids, each with its letter's number and reason, and its instants in milliseconds as they came."""
    ids = frozenset(distinct_ids)
    async with aclosing(messages(jetstream, DEAD, SUBJECTS)) as letters:
        async for letter in letters:
            # A letter may hold the rows of many requests.
            if found := await asyncio.to_thread(_rows_of, letter, project_id, ids):
                yield found


def _rows_of(letter: RawStreamMsg, project_id: int, ids: frozenset[str]) -> bytes:
    headers = cast("dict[str, str]", letter.headers or {})
    return b"".join(
        f"{json.dumps({'letter': letter.seq, 'reason': headers.get('Pug-Reason', ''), 'row': row}, ensure_ascii=False)}\n".encode(
            errors="replace"
        )
        for line in (letter.data or b"").split(b"\n")
        if key_of(line)[0] == project_id
        for row in _read(line, ids)
    )


def _read(line: bytes, ids: frozenset[str]) -> Iterator[object]:
    """The row, if it is of one of the ids. One that is no JSON is handed over as text, if one of the ids stands in it."""
    try:
        values: object = json.loads(line)
    except (ValueError, RecursionError):
        if any(json.dumps(one, ensure_ascii=escaped).encode(errors="replace") in line for one in ids for escaped in (True, False)):
            yield line.decode(errors="replace")
        return
    if isinstance(values, list):
        row = cast("list[object]", values)
        if len(row) > _DISTINCT_ID and isinstance(row[_DISTINCT_ID], str) and row[_DISTINCT_ID] in ids:
            yield dict(zip(_FIELDS, row, strict=False))
