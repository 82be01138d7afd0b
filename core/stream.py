"""Publishing to JetStream so that an acknowledged message is durable, and many callers share few messages."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext
from opentelemetry.trace import SpanContext

from core.errors import StreamFull, StreamUnavailable
from core.instruments import Instruments
from core.rows import by_partition
from core.sending import Sending

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# What the number of a stream's partitions is called among its metadata.
PARTITIONS = "pug.partitions"
_RETRY_AFTER = timedelta(seconds=1)
_RETRY_WHEN_FULL = timedelta(seconds=5)
# JetStream's number for "maximum bytes exceeded".
_FULL = 10077
_INFO_WITHIN_S = 2


@dataclass(frozen=True, slots=True)
class _Waiting:
    rows: bytes
    durable: asyncio.Future[None]
    caller: SpanContext | None


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds."""

    messages: int
    bytes: int
    # When its oldest message came; None when it is empty.
    oldest: datetime | None
    # The number of the last message it ever took.
    last: int = 0
    # That of its oldest message; when it is empty, of the next it takes.
    first: int = 0

    def holds_up_to(self, sequence: int) -> bool:
        """Whether any message with such a number, or one before it, is in it."""
        return bool(self.messages) and self.first <= sequence


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where what a stream took is stored."""

    complete_until: datetime
    # The number of the last message it ever took, when all are stored; None while some are on their way.
    stored_through: int | None = None


class RowPublisher:
    """Publishes newline-separated rows.

    While few messages are in flight every call gets a message of its own at once; under load, calls that arrive meanwhile share the next
    one. So a quiet server adds no delay, and a busy one sends few large messages.
    """

    def __init__(
        self,
        connection: Client,
        jetstream: JetStreamContext,
        subject: str,
        *,
        partitions: int = 1,
        in_flight: int = 8,
        message_bytes: int = 2**20,
        timeout_s: float = 5.0,
        sending: Sending | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`in_flight` messages at once, each of about `message_bytes`; JetStream has `timeout_s` to acknowledge one.

        Nothing is published while the stream's disk is known to have no room (`has_room`).

        Rows go to `<subject>.<partition>`; those of several partitions in one transaction, so that a request's are all there or none is.
        """
        self._connection = connection
        self._jetstream = jetstream
        self._subject = subject
        self._partitions = partitions
        self._in_flight = in_flight
        self._message_bytes = message_bytes
        self._timeout_s = timeout_s
        self._has_room = has_room
        self._sending = sending or Sending(Instruments.none().meter.create_histogram("unwatched"), None)
        self._waiting: deque[_Waiting] = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def publish(self, rows: bytes) -> None:
        """Return once JetStream holds the rows; raises StreamUnavailable when it doesn't take them."""
        if not self._connection.is_connected:
            raise StreamUnavailable(
                "The event stream is not reachable; nothing was accepted.", hint="Send the batch again.", retry_after=_RETRY_AFTER
            )
        if not self._has_room():
            raise StreamFull(
                "The disk of the event stream is nearly full; nothing was accepted.",
                hint="Send the batch again later, with the same event ids. Make room for PUG_DATA_DIR; PUG_DISK_RESERVE_BYTES stay free.",
                retry_after=_RETRY_WHEN_FULL,
            )
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(rows, durable, self._sending.caller()))
        if len(self._senders) < self._in_flight:
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        await durable

    async def drain(self) -> None:
        """Return once everything handed over has been answered for."""
        while self._senders:
            await asyncio.wait(self._senders)

    async def _send(self) -> None:
        while self._waiting:
            batch = self._take()
            outcome = await self._publish(b"\n".join(waiting.rows for waiting in batch), [waiting.caller for waiting in batch])
            for waiting in batch:
                if waiting.durable.cancelled():
                    continue
                if outcome is None:
                    waiting.durable.set_result(None)
                else:
                    waiting.durable.set_exception(outcome)

    def _take(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].rows)
        while self._waiting and size + len(self._waiting[0].rows) < self._message_bytes:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].rows) + 1
        return batch

    async def _publish(self, payload: bytes, callers: Sequence[SpanContext | None]) -> StreamUnavailable | None:
        try:
            with self._sending.message(callers) as headers:
                await self._publish_all(by_partition(payload, self._partitions), headers)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            log.warning("publish_failed", subject=self._subject, bytes=len(payload), error=str(error) or type(error).__name__)
            refusal = _refusal(error)
            refusal.__cause__ = error
            return refusal
        return None

    async def _publish_all(self, parts: Mapping[int, bytes], headers: Mapping[str, str] | None) -> None:
        """Publish a message for each partition, all or none (ADR-50 of NATS): the server waits for the last, which says commit."""
        *others, (last, rows) = [(f"{self._subject}.{partition}", part) for partition, part in parts.items()]
        if not others:
            await self._jetstream.publish(last, rows, timeout=self._timeout_s, headers=dict(headers) if headers else None)
            return
        together = {**(headers or {}), "Nats-Batch-Id": uuid.uuid4().hex}
        for place, (subject, part) in enumerate(others, 1):
            await self._connection.publish(subject, part, headers={**together, "Nats-Batch-Sequence": str(place)})
        commit = {**together, "Nats-Batch-Sequence": str(len(parts)), "Nats-Batch-Commit": "1"}
        await self._jetstream.publish(last, rows, timeout=self._timeout_s, headers=commit)


def partitions_of(stream: StreamConfig) -> int:
    """How many partitions a stream's subjects have."""
    return int((stream.metadata or {}).get(PARTITIONS, 1))


def _refusal(error: Exception) -> StreamUnavailable:
    if isinstance(error, nats.js.errors.APIError) and error.err_code == _FULL:
        return StreamFull(
            "The event stream is full; nothing was accepted.",
            hint="Send the batch again later, with the same event ids; PUG_STREAM_MAX_BYTES says how much the stream holds.",
            retry_after=_RETRY_WHEN_FULL,
        )
    return StreamUnavailable(
        "The event stream did not take the batch.", hint="Send it again with the same event ids.", retry_after=_RETRY_AFTER
    )


async def watermark_of(connection: Client, stream: str, asked_at: datetime) -> Watermark:
    """Up to where a stream's messages are stored, asked at that moment: stored ones leave it, so its oldest is the first that isn't."""
    state = await state_of(connection, stream)
    if state.oldest is None:
        return Watermark(asked_at, state.last)
    return Watermark(min(asked_at, state.oldest))


async def state_of(connection: Client, stream: str) -> StreamState:
    """What a stream holds now.

    Asked of the server itself, because nats-py leaves `first_ts` out of what it returns of a stream's state.
    """
    try:
        answer = await connection.request(f"$JS.API.STREAM.INFO.{stream}", timeout=_INFO_WITHIN_S)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise StreamUnavailable("The event stream does not answer.", hint="Try again in a moment.", retry_after=_RETRY_AFTER) from error
    told = json.loads(answer.data)
    if "error" in told:
        raise StreamUnavailable(
            f"NATS does not say what the stream {stream} holds: {told['error'].get('description')}.",
            hint="Try again in a moment.",
            retry_after=_RETRY_AFTER,
        )
    state = told["state"]
    messages = int(state.get("messages", 0))
    return StreamState(
        messages,
        int(state.get("bytes", 0)),
        datetime.fromisoformat(state["first_ts"]) if messages else None,
        int(state.get("last_seq", 0)),
        int(state.get("first_seq", 0)),
    )
