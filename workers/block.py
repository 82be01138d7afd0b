"""A block: consecutive stream messages whose rows are stored by one insert."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What has to be known of a block to store exactly the same one again after a crash.

    `stored_at` (microseconds since 1970) is the same for all its events and for no other block's; `dropped` are the places of the rows
    left out as duplicates.
    """

    first_seq: int
    last_seq: int
    messages: int
    stored_at: int
    dropped: tuple[int, ...] = ()

    @property
    def token(self) -> str:
        """ClickHouse's insert_deduplication_token."""
        return f"{self.first_seq}-{self.last_seq}-{self.stored_at}"

    def to_bytes(self) -> bytes:
        """The record as the ledger keeps it."""
        return json.dumps([self.first_seq, self.last_seq, self.messages, self.stored_at, list(self.dropped)]).encode()

    @staticmethod
    def from_bytes(data: bytes) -> "BlockRecord":
        """The record the ledger kept."""
        first_seq, last_seq, messages, stored_at, dropped = json.loads(data)
        return BlockRecord(first_seq, last_seq, messages, stored_at, tuple(dropped))


def rows_of(messages: Sequence[Msg]) -> bytes:
    """The rows of the messages, one a line, in stream order."""
    return b"\n".join(message.data for message in messages)


def kept_rows(rows: bytes, dropped: Sequence[int]) -> bytes:
    """The rows without the dropped ones.

    A row is a JSON array on a line of its own, and JSON writes a line break inside a string as an escape: so rows can be told apart without
    being parsed.
    """
    if not dropped:
        return rows
    out = set(dropped)
    return b"\n".join(row for place, row in enumerate(rows.split(b"\n")) if place not in out)
