"""Sends events until each has a receipt, and sends them again in every way a client, a proxy or a queue may."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from bench.soak.stand import Stand
from pug.capture.v1.capture_pb2 import CaptureRequest, CaptureResponse

_PATH = "/pug.capture.v1.CaptureService/Capture"
_ANSWER_WITHIN_S = 15.0
_AGAIN_AFTER_S = 0.3
_SIZES = (1, 20, 50, 100, 200)
_SHARE_SENT_AGAIN = 0.3
_SHARE_BINARY = 0.2

Event = dict[str, object]


@dataclass(slots=True)
class Tally:
    """What was sent and what came back. `batches` has the size of every batch whose first copy has a receipt."""

    batches: dict[int, int] = field(default_factory=dict[int, int])
    requests: int = 0
    unanswered: int = 0
    refused: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    sent_again: int = 0
    latencies: list[float] = field(default_factory=list[float])

    @property
    def events(self) -> int:
        """How many different events have a receipt."""
        return sum(self.batches.values())


class Traffic:
    """Senders side by side, all together at about one rate."""

    def __init__(self, stand: Stand, tally: Tally, *, seed: int, events_per_second: float, senders: int) -> None:
        self._stand = stand
        self._tally = tally
        self._chance = random.Random(seed)
        self._gap = senders / events_per_second
        self._senders = senders
        self._started = datetime.now(UTC)
        self._next = 0

    async def run(self, until: asyncio.Event) -> None:
        """Send until told to stop; what has been begun is sent until it is accepted."""
        await asyncio.gather(*(self._sender(until) for _ in range(self._senders)))

    async def _sender(self, until: asyncio.Event) -> None:
        due = time.monotonic()
        while not until.is_set():
            sent = await self._one_round()
            due = max(due, time.monotonic() - 5) + sent * self._gap
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one_round(self) -> int:
        batch, size = self._next, self._chance.choice(_SIZES)
        self._next += 1
        first = self._events(batch, size)
        copies = 2 if self._chance.random() < _SHARE_SENT_AGAIN / 3 else 1
        # Two copies of a batch at once are what a client does that lost patience.
        await asyncio.gather(*(self._deliver(first) for _ in range(copies)))
        self._tally.batches[batch] = size
        again = 0
        if self._chance.random() < _SHARE_SENT_AGAIN:
            copies_later = self._again()
            again = sum(map(len, copies_later))
            self._tally.sent_again += again
            await asyncio.gather(*(self._deliver(copy) for copy in copies_later))
        self._tally.sent_again += (copies - 1) * size
        return size * copies + again

    def _again(self) -> list[list[Event]]:
        """An earlier batch once more, in one of the ways: changed copies must not replace the first."""
        batch = self._chance.choice(list(self._tally.batches))
        events = self._events(batch, self._tally.batches[batch])
        later = self._chance.choice([timedelta(), timedelta(minutes=1), timedelta(hours=13), timedelta(days=31)])
        changed = [self._changed(event, later) for event in events]
        match self._chance.choice(["same", "shuffled", "shifted", "split", "merged", "in parallel"]):
            case "same":
                return [events]
            case "shuffled":
                return [self._chance.sample(events, len(events))]
            case "shifted":
                return [changed]
            case "split":
                middle = len(events) // 2
                return [part for part in (changed[:middle], changed[middle:]) if part]
            case "merged":
                other = self._chance.choice(list(self._tally.batches))
                return [[*changed, *self._events(other, self._tally.batches[other])]]
            case _:
                return [events, changed, self._chance.sample(changed, len(changed))]

    def _events(self, batch: int, size: int) -> list[Event]:
        at = self._started - timedelta(seconds=batch % 86_400)
        return [
            {
                "eventId": f"{batch:08x}-0000-7000-8000-{place:012x}",
                "name": f"event_{(batch + place) % 7}",
                "distinctId": f"person-{(batch * 31 + place) % 5_000}",
                "sessionId": f"session-{batch % 1_000}",
                "occurredAt": (at + timedelta(milliseconds=place)).isoformat(),
                "properties": {"copy": "first", "place": place, "$url": f"https://example.com/{place % 9}?utm_source=soak"},
            }
            for place in range(size)
        ]

    def _changed(self, event: Event, later: timedelta) -> Event:
        at = datetime.fromisoformat(str(event["occurredAt"])) + later
        return event | {"occurredAt": at.isoformat(), "distinctId": "somebody else", "properties": {"copy": "again"}}

    async def _deliver(self, events: Sequence[Event]) -> None:
        binary = self._chance.random() < _SHARE_BINARY
        body = _protobuf(events) if binary else json.dumps({"events": events}, separators=(",", ":")).encode()
        while not await self._post(body, "application/proto" if binary else "application/json"):  # noqa: ASYNC110 (asking again is the point)
            await asyncio.sleep(_AGAIN_AFTER_S * (0.5 + self._chance.random()))

    async def _post(self, body: bytes, content_type: str) -> bool:
        started = time.perf_counter()
        self._tally.requests += 1
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                status, answer = await _exchange(self._stand, body, content_type)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
            self._tally.unanswered += 1
            return False
        if status != 200:
            self._tally.refused += 1
            if status not in {429, 500, 503}:
                msg = f"{status}: {answer[:500]!r}"
                raise RuntimeError(msg)
            return False
        self._tally.latencies.append(time.perf_counter() - started)
        receipt = CaptureResponse.FromString(answer) if content_type.endswith("proto") else _receipt(answer)
        self._tally.accepted += receipt.accepted
        self._tally.duplicates += receipt.duplicates
        self._tally.rejected += receipt.rejected
        return True


def _receipt(answer: bytes) -> CaptureResponse:
    read: dict[str, int] = json.loads(answer)
    return CaptureResponse(accepted=read["accepted"], duplicates=read["duplicates"], rejected=read["rejected"])


async def _exchange(stand: Stand, body: bytes, content_type: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.http_port)
    try:
        head = (
            f"POST {_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {stand.write_key}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answered.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(answered[9:12]), await reader.readexactly(length)
    finally:
        writer.close()


def _protobuf(events: Sequence[Event]) -> bytes:
    request = CaptureRequest()
    for given in events:
        event = request.events.add(
            event_id=str(given["eventId"]),
            name=str(given["name"]),
            distinct_id=str(given["distinctId"]),
            session_id=str(given["sessionId"]),
        )
        event.occurred_at.FromDatetime(datetime.fromisoformat(str(given["occurredAt"])))
        event.properties.update(cast("dict[str, str]", given["properties"]))
    return request.SerializeToString()
