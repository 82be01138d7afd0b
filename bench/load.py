"""Sends batches as fast as the server takes them, or at a fixed rate, over HTTP/1.1 connections kept open.

A load generator of our own, because the batches must differ: an event id sent twice would count once. A body is built once, and only the
part of its ids that names the batch is replaced for each request.
"""

import asyncio
import itertools
import json
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.server import Pug
from pug.capture.v1.capture_pb2 import CaptureRequest, CaptureResponse, Event

EVENTS = 100
_MARK = "a1b2c3d4-e5f6"
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36"
_PATH = "/pug.capture.v1.CaptureService/Capture"


@dataclass(slots=True)
class Outcome:
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])

    @property
    def rate(self) -> float:
        return self.accepted / self.seconds

    @property
    def p99_ms(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)] * 1000


@dataclass(frozen=True, slots=True)
class _Plan:
    pug: Pug
    body: bytes
    content_type: str
    started: float
    until: float
    gap: float
    turns: Iterator[int] = field(default_factory=itertools.count)


async def send(
    pug: Pug, body: bytes, content_type: str, *, seconds: float, connections: int, events_per_second: float | None = None
) -> Outcome:
    outcome = Outcome()
    started = time.perf_counter()
    gap = EVENTS / events_per_second if events_per_second else 0.0
    plan = _Plan(pug, body, content_type, started, started + seconds, gap)
    await asyncio.gather(*(_connection(plan, outcome) for _ in range(connections)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def _connection(plan: _Plan, outcome: Outcome) -> None:
    pug = plan.pug
    reader, writer = await asyncio.open_connection(pug.host, pug.port, limit=2**20)
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: {pug.host}\r\nAuthorization: Bearer {pug.write_key}\r\n"
        f"User-Agent: {_BROWSER}\r\nContent-Type: {plan.content_type}\r\nContent-Length: {len(plan.body)}\r\n\r\n"
    ).encode()
    while (now := time.perf_counter()) < plan.until:
        if plan.gap and (wait := plan.started + next(plan.turns) * plan.gap - now) > 0:
            await asyncio.sleep(wait)
        sent = time.perf_counter()
        writer.write(head + fresh(plan.body))
        status, answer = await _response(reader)
        outcome.latencies.append(time.perf_counter() - sent)
        if status == b"200":
            outcome.accepted += _accepted(answer, plan.content_type)
        else:
            outcome.refused += 1
    writer.close()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pug: Pug, path: str, body: bytes) -> tuple[bytes, bytes]:
    """One call in JSON with the write key, on an open connection: its status and answer."""
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: {pug.host}\r\nAuthorization: Bearer {pug.write_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return await _response(reader)


async def _response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head[9:12], await reader.readexactly(length)


def _accepted(answer: bytes, content_type: str) -> int:
    if content_type == "application/json":
        return int(json.loads(answer)["accepted"])
    return CaptureResponse.FromString(answer).accepted


def fresh(body: bytes) -> bytes:
    """The body with event ids that were never sent before."""
    digits = secrets.token_hex(6)
    return body.replace(_MARK.encode(), f"{digits[:8]}-{digits[8:]}".encode())


def json_body(events: int = EVENTS) -> bytes:
    return json.dumps({"events": [_event(place) for place in range(events)]}, separators=(",", ":")).encode()


def protobuf_body(events: int = EVENTS) -> bytes:
    request = CaptureRequest()
    for place in range(events):
        given = _event(place)
        event = Event(
            event_id=str(given["eventId"]),
            name=str(given["name"]),
            distinct_id=str(given["distinctId"]),
            session_id=str(given["sessionId"]),
        )
        event.properties.update(_properties(place))
        request.events.append(event)
    return request.SerializeToString()


def _event(place: int) -> dict[str, object]:
    chance = random.Random(place)
    return {
        "eventId": f"{_MARK}-7000-8000-{place:012x}",
        "name": chance.choice(["page_view", "signed_up", "purchase", "search", "add_to_cart"]),
        "distinctId": f"user-{chance.randrange(50_000)}",
        "sessionId": f"session-{chance.randrange(100_000)}",
        "properties": _properties(place),
    }


def _properties(place: int) -> dict[str, str | float | bool]:
    chance = random.Random(-place)
    return {
        "$url": f"https://example.com/products/{chance.randrange(500)}?utm_source=newsletter&gclid=x",
        "$referrer": chance.choice(["https://www.google.com/", "https://example.com/", "https://news.ycombinator.com/item?id=1"]),
        "$screen_width": chance.choice([1920, 1440, 390]),
        "$locale": "de-DE",
        "plan": chance.choice(["free", "pro", "team"]),
        "amount": chance.randrange(10_000) / 100,
        "quantity": chance.randrange(10),
        "logged_in": chance.random() < 0.5,
    }
