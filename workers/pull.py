"""The messages of the event stream, in order and without a gap."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from core.errors import DeliveryBroken
from core.rows import count_rows
from workers.block import sequence_of
from workers.partition import STREAM, Partition

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# A message has up to about 1 MiB, and a NATS server cuts a client off that has 64 MiB waiting for it (its default max_pending).
_FETCH_MESSAGES = 32
_IDLE_WAIT_S = 5.0
# Longer than any retry: a message comes again because a worker starts anew, never because one was slow.
_ACK_WAIT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class BlockSize:
    """When a block is full: at so many rows or bytes, or when its first message has waited so long."""

    rows: int
    wait: timedelta
    bytes: int = 32 * 2**20


class Pull:
    """A consumer made anew, which delivers at once, in order, everything not acknowledged yet."""

    def __init__(self, subscription: JetStreamContext.PullSubscription) -> None:
        """`Pull.start` makes one."""
        self._subscription = subscription
        self._delivered = 0
        self._put_back: list[Msg] = []

    @staticmethod
    async def start(jetstream: JetStreamContext, partition: Partition) -> "Pull":
        """Take the place of the partition's consumer before."""
        try:
            await jetstream.delete_consumer(STREAM, partition.worker)
        except NotFoundError:
            log.info("consumer_created", stream=STREAM, consumer=partition.worker)
        config = ConsumerConfig(
            durable_name=partition.worker,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
            max_ack_pending=100_000,
            max_deliver=-1,
            filter_subjects=partition.subjects,
        )
        await jetstream.add_consumer(STREAM, config)
        return Pull(await jetstream.pull_subscribe_bind(partition.worker, STREAM))

    async def until(self, last_seq: int) -> list[Msg]:
        """The messages up to that place in the stream."""
        messages: list[Msg] = []
        for _ in range((await self._subscription.consumer_info()).num_pending or 0):
            (message,) = await self._fetch(1, _IDLE_WAIT_S)
            if sequence_of(message) > last_seq:
                self.put_back([message])
                break
            messages.append(message)
            if sequence_of(message) == last_seq:
                break
        return messages

    def put_back(self, messages: Sequence[Msg]) -> None:
        """Give messages back, to be the first of the next block; those given back later come before."""
        self._put_back[:0] = messages

    async def fill(self, size: BlockSize) -> list[Msg]:
        """The messages of the next block, none when nothing came for a while."""
        messages, self._put_back = self._put_back, []
        try:
            # One at first: a fetch of more would wait for all of them, or for its time to run out.
            messages = messages or await self._fetch(1, _IDLE_WAIT_S)
        except TimeoutError:
            return []
        rows, written = _count_rows(messages), _count_bytes(messages)
        deadline = time.monotonic() + size.wait.total_seconds()
        while rows < size.rows and written < size.bytes and (wait := deadline - time.monotonic()) > 0:
            try:
                fetched = await self._fetch(_FETCH_MESSAGES, wait)
            except TimeoutError:
                break
            messages += fetched
            rows += _count_rows(fetched)
            written += _count_bytes(fetched)
        return messages

    async def _fetch(self, count: int, wait_s: float) -> list[Msg]:
        messages = await self._subscription.fetch(count, timeout=wait_s)
        for message in messages:
            self._delivered += 1
            # Deliveries are numbered. One that got lost on its way would not come again for a day, so the consumer has to be made anew.
            if message.metadata.sequence.consumer != self._delivered:
                raise DeliveryBroken(f"Delivery {message.metadata.sequence.consumer} came where {self._delivered} was due.")
        return messages


async def acknowledge(messages: Sequence[Msg]) -> None:
    """Let the messages leave the stream."""
    for place, message in enumerate(messages):
        await message.ack()
        if place % 1_000 == 0:
            await asyncio.sleep(0)


def _count_rows(messages: Sequence[Msg]) -> int:
    return sum(count_rows(message.data) for message in messages)


def _count_bytes(messages: Sequence[Msg]) -> int:
    return sum(len(message.data) for message in messages)
