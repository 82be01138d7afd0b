"""The stream of what could never be stored, and what of it is about somebody."""

import json
import re
from collections.abc import AsyncGenerator, Collection
from datetime import timedelta

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext

from core.errors import StreamUnavailable
from core.rows import project_of, sender_of

DEAD = "DEAD"
SUBJECTS = "dead.>"
# JetStream's numbers for: no such message, and a message that could not be deleted, which is what it says of one that isn't there.
_NO_MESSAGE = frozenset({10037, 10057})
# A message has up to some MiB, and a NATS server cuts a client off that has 64 MiB waiting for it.
_A_FETCH = 8
_WITHIN_S = 5.0
_FORGET_READER_S = 30.0
_RETRY_AFTER = timedelta(seconds=1)


async def letters(jetstream: JetStreamContext) -> AsyncGenerator[Msg]:
    """Each letter there is now, oldest first, whatever it holds; raises StreamUnavailable when NATS doesn't answer."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NONE,
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=_FORGET_READER_S,
    )
    try:
        reader = await jetstream.pull_subscribe(SUBJECTS, stream=DEAD, config=config)
        try:
            left = (await reader.consumer_info()).num_pending or 0
            while left > 0:
                fetched = await reader.fetch(min(left, _A_FETCH), timeout=_WITHIN_S)
                left -= len(fetched)
                for message in fetched:
                    yield message
        finally:
            await reader.unsubscribe()
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
        raise StreamUnavailable(
            f"NATS does not answer about the stream {DEAD}: {str(error) or type(error).__name__}.", retry_after=_RETRY_AFTER
        ) from error


async def delete(jetstream: JetStreamContext, sequence: int) -> bool:
    """Delete a letter for good, its bytes on the disk overwritten; False when there is none of that number."""
    try:
        return await jetstream.delete_msg(DEAD, sequence)
    except nats.js.errors.APIError as error:
        if error.err_code in _NO_MESSAGE:
            return False
        raise


class Traces:
    """Recognises lines of dead letters that are about somebody in a project, by all their ids."""

    def __init__(self, project_id: int, distinct_ids: Collection[str]) -> None:
        self._project_id = project_id
        self._ids = {one.encode("utf-8", "replace") for one in distinct_ids}
        # As they may stand in what cannot be read: as text, or as JSON writes them, which may be ASCII only.
        written = {json.dumps(one, ensure_ascii=ascii_only)[1:-1] for one in distinct_ids for ascii_only in (True, False)}
        self._forms = self._ids | {one.encode("utf-8", "replace") for one in written}

    def places(self, rows: bytes) -> list[int]:
        """Where those lines are: rows with one of the ids, and lines that are no rows and have one of them in them."""
        return [place for place, row in enumerate(rows.split(b"\n")) if self.are_in(row)]

    def are_in(self, row: bytes) -> bool:
        """Whether a single line is one of those."""
        sender = sender_of(row)
        if sender is not None:
            return sender[0] == self._project_id and sender[1] in self._ids
        # Of a line whose project cannot be read either, nobody can say that it is somebody else's.
        return project_of(row) in {-1, self._project_id} and any(_stands_in(form, row) for form in self._forms)


def _stands_in(form: bytes, row: bytes) -> bool:
    # Not as a part of another word or number. Most aren't there at all, which is quick to see.
    return form in row and re.search(rb"(?<![\w-])" + re.escape(form) + rb"(?![\w-])", row) is not None
