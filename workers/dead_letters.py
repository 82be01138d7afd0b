"""Keeps what can never be stored, with the reason and where it was, until somebody has looked (`pug dead`)."""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from core.dead_letters import DEAD, SUBJECTS, delete
from core.jetstream import messages
from core.rows import count_rows
from workers.block import sequence_of
from workers.partition import STREAM

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SUBJECT = "dead.events"
_LONGEST_REASON = 1_000


class DeadLetters:
    """The stream of dead letters. How many were buried, and how many it would not take, is counted."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def bury(self, message: Msg, rows: bytes, reason: str) -> bool:
        """Keep rows of a message as they are. False when the stream of the dead doesn't take them: then they must not leave their own."""
        sequence = sequence_of(message)
        headers = {
            # Buried twice because of a crash in between, it is there once.
            "Nats-Msg-Id": f"{sequence}-{zlib.crc32(rows)}",
            "Pug-Reason": " ".join(reason.split())[:_LONGEST_REASON],
            "Pug-Stream": STREAM,
            "Pug-Subject": message.subject,
            "Pug-Stream-Sequence": str(sequence),
            "Pug-Rows": str(count_rows(rows)),
            "Pug-Died-At": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        try:
            await self._jetstream.publish(_SUBJECT, rows, headers=headers)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            log.error("rows_not_buried", reason=reason, sequence=sequence, error=str(error) or type(error).__name__)  # noqa: TRY400
            return False
        log.error("rows_buried", reason=reason, rows=count_rows(rows), sequence=sequence)
        return True

    async def forget(self, is_meant: Callable[[bytes], bool]) -> int:
        """Delete rows for good, their bytes on the disk overwritten; returns how many. What else is in their letters stays, in new ones."""
        forgotten = 0
        # One at a time: of several fetched at once the last could be gone when its turn comes. What is published here comes last.
        async for letter in messages(self._jetstream, DEAD, SUBJECTS):
            rows = (letter.data or b"").split(b"\n")
            staying = [row for row in rows if not is_meant(row)]
            if len(staying) == len(rows):
                continue
            sequence = letter.seq or 0
            if staying:
                kept = cast("dict[str, str]", letter.headers or {})
                told = {name: value for name, value in kept.items() if name.startswith("Pug-")}
                headers = told | {"Nats-Msg-Id": f"rest-{sequence}", "Pug-Rows": str(len(staying))}
                await self._jetstream.publish(letter.subject or _SUBJECT, b"\n".join(staying), headers=headers)
            # It may be that another has deleted it in this moment.
            await delete(self._jetstream, sequence)
            forgotten += len(rows) - len(staying)
        return forgotten
