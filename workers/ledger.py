"""Remembers which block a worker is storing, so that after a crash exactly the same block is stored again and none twice."""

from dataclasses import dataclass
from typing import cast

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from core.instruments import Instruments
from workers.block import BlockRecord
from workers.watch import Watch

# The bucket.
LEDGER = "BLOCKS"


async def block_in_hand(bucket: KeyValue, worker: str) -> BlockRecord | None:
    """The block that this worker said last it is about to store, None when it never said one."""
    return (await _entry(bucket, worker)).block


class Ledger:
    """One record in a JetStream bucket, under the worker's name.

    Every write says which write it follows. So a worker that was overtaken, and doesn't know, fails before it stores anything.
    """

    def __init__(self, bucket: KeyValue, worker: str, watch: Watch | None = None) -> None:
        """The bucket is durable before a write returns, like any JetStream message."""
        self._bucket = bucket
        self._worker = worker
        self._watch = watch or Watch(Instruments.none())
        self._revision = 0

    async def take_over(self) -> BlockRecord | None:
        """The block that was being stored last, None when there never was one; from now on the worker before cannot write."""
        last = await _entry(self._bucket, self._worker)
        # Also where nothing was: else the worker before, which wrote nothing yet, could write first.
        self._revision = await self._bucket.update(self._worker, last.record, last=last.revision)
        return last.block

    async def write(self, record: BlockRecord) -> None:
        """Say which block is about to be stored."""
        with self._watch.step("ledger"):
            self._revision = await self._bucket.update(self._worker, record.to_bytes(), last=self._revision)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the bucket holds of a worker: empty when it took over and had no block yet."""

    record: bytes
    revision: int

    @property
    def block(self) -> BlockRecord | None:
        return BlockRecord.from_bytes(self.record) if self.record else None


async def _entry(bucket: KeyValue, worker: str) -> _Entry:
    try:
        entry = await bucket.get(worker)
    except KeyNotFoundError as none:
        # A record that an operator removed leaves a marker, which the next write has to follow.
        marker = cast("KeyValue.Entry | None", none.entry)
        return _Entry(b"", (marker and marker.revision) or 0)
    return _Entry(entry.value or b"", entry.revision or 0)
