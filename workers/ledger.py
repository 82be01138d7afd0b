"""Remembers which block a worker is storing, so that after a crash exactly the same block is stored again and none twice."""

from typing import cast

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from core.instruments import Instruments
from workers.block import BlockRecord
from workers.watch import Watch

# The bucket.
LEDGER = "BLOCKS"


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
        try:
            entry = await self._bucket.get(self._worker)
        except KeyNotFoundError as none:
            # A record that an operator removed leaves a marker, which the next write has to follow.
            marker = cast("KeyValue.Entry | None", none.entry)
            self._revision = (marker and marker.revision) or 0
            return None
        self._revision = await self._bucket.update(self._worker, entry.value or b"", last=entry.revision)
        return BlockRecord.from_bytes(entry.value or b"")

    async def write(self, record: BlockRecord) -> None:
        """Say which block is about to be stored."""
        with self._watch.step("ledger"):
            self._revision = await self._bucket.update(self._worker, record.to_bytes(), last=self._revision)
