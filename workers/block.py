"""A block: consecutive stream messages whose rows are stored by one insert."""

import bisect
import itertools
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from nats.aio.msg import Msg

from core.rows import Heads, count_rows, heads_of

# More than any partition's number.
WRITERS = 16


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What has to be known of a block to store exactly the same one again after a crash.

    `stored_at` (microseconds since 1970) is the same for all its events and for no other block's; `dropped` are the places of the rows
    left out, as duplicates or as dead; `unburied` are the sequences of the messages that have to stay in the stream, because the dead
    letters would not take what is dead in them.
    """

    first_seq: int
    last_seq: int
    messages: int
    stored_at: int
    dropped: tuple[int, ...] = ()
    unburied: tuple[int, ...] = ()

    @property
    def writer(self) -> int:
        """The partition whose worker made it, which its `stored_at` ends with (migrations/clickhouse/0004_marks.sql)."""
        return self.stored_at % WRITERS

    @property
    def token(self) -> str:
        """ClickHouse's insert_deduplication_token."""
        return f"{self.first_seq}-{self.last_seq}-{self.stored_at}"

    def to_bytes(self) -> bytes:
        """The record as the ledger keeps it."""
        return json.dumps(astuple(self)).encode()

    @staticmethod
    def from_bytes(data: bytes) -> "BlockRecord":
        """The record the ledger kept."""
        first_seq, last_seq, messages, stored_at, *places = json.loads(data)
        return BlockRecord(first_seq, last_seq, messages, stored_at, *(tuple(some) for some in places))


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive messages of one partition, and their rows, one a line, in stream order."""

    messages: Sequence[Msg]
    rows: bytes
    heads: Heads

    @staticmethod
    def of(messages: Sequence[Msg]) -> "Block":
        """The block of these messages, of which there is at least one."""
        rows = b"\n".join(message.data for message in messages)
        return Block(messages, rows, heads_of(rows))

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.heads.ids)

    @property
    def halves(self) -> "list[Block]":
        """Two blocks of half the messages each; none for a block of a single message."""
        middle = len(self.messages) // 2
        return [Block.of(self.messages[:middle]), Block.of(self.messages[middle:])] if middle else []

    def origins(self, places: Sequence[int]) -> list[Msg]:
        """The messages the rows at some places came in."""
        ends = list(itertools.accumulate(count_rows(message.data) for message in self.messages))
        return [self.messages[bisect.bisect_right(ends, place)] for place in places]


def sequence_of(message: Msg) -> int:
    """A message's place in the stream."""
    return message.metadata.sequence.stream
