"""Remembers which block a worker is storing, so that after a crash exactly the same block is stored again and none twice."""

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from workers.block import BlockRecord


class Ledger:
    """One record in a JetStream bucket, under the worker's name."""

    def __init__(self, bucket: KeyValue, worker: str) -> None:
        """The bucket is durable before `write` returns, like any JetStream message."""
        self._bucket = bucket
        self._worker = worker

    async def read(self) -> BlockRecord | None:
        """The block that was being stored last; None when there never was one."""
        try:
            entry = await self._bucket.get(self._worker)
        except KeyNotFoundError:
            return None
        return BlockRecord.from_bytes(entry.value or b"")

    async def write(self, record: BlockRecord) -> None:
        """Say which block is about to be stored."""
        await self._bucket.put(self._worker, record.to_bytes())
