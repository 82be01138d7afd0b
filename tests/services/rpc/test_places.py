"""Whoever is let in leaves again, on every way a call can end: a place that is never given back is lost until the next start."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import grpc
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from core.errors import StoreUnavailable
from pug.capture.v1 import capture_pb2 as pb
from pug.capture.v1.capture_connect import CaptureServiceASGIApplication
from services.rpc.call import Call
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.native import NativeServer
from services.rpc.service import EncodedMessage, Service
from services.rpc.turnstile import Turnstile

Message = MutableMapping[str, Any]
UNARY, STREAM = "Capture", "CaptureStream"
KEY = (("authorization", "Bearer pk_1"),)


@dataclass
class Capture:
    """Does as the body says: answers, fails, breaks, or never ends."""

    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def capture(self, request: EncodedMessage, _call: Call) -> pb.CaptureResponse:
        self.began.set()
        match request.body[:5]:
            case b"fail!":
                raise StoreUnavailable("Away.")
            case b"break":
                raise ZeroDivisionError
            case b"sleep":
                await asyncio.Event().wait()
            case _:
                pass
        return pb.CaptureResponse(accepted=1)

    async def capture_stream(self, requests: AsyncIterator[EncodedMessage], call: Call) -> AsyncIterator[pb.CaptureStreamResponse]:
        async for request in requests:
            yield pb.CaptureStreamResponse(receipt=await self.capture(request, call))


@pytest.fixture
def capture() -> Capture:
    return Capture()


@pytest.fixture
def services(capture: Capture) -> list[Service]:
    return [
        Service(
            pb.DESCRIPTOR.services_by_name["CaptureService"],
            CaptureServiceASGIApplication,
            capture,
            encoded=True,
            max_bytes=1000,
            beacons=frozenset({UNARY}),
            small_answers=True,
        )
    ]


class Exchange:
    """One HTTP request of the given parts, after which the client is silent; it goes when told to."""

    def __init__(self, services: list[Service], gate: Gate) -> None:
        self.application = connect_application(services, gate, {}, body_within_s=0.05)
        self.parts: asyncio.Queue[Message] = asyncio.Queue()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.gone = False
        self.query = b""

    def put(self, body: bytes, *, more: bool = False) -> None:
        self.parts.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leave(self) -> None:
        self.gone = True
        self.parts.put_nowait({"type": "http.disconnect"})

    async def send(self, message: Message) -> None:
        if self.gone:
            raise ConnectionResetError
        self.status = message.get("status", self.status)
        self.headers |= dict(message.get("headers", ()))
        self.body += message.get("body", b"")

    async def run(self, method: str, **headers: str) -> None:
        kind = "application/json" if method == UNARY else "application/connect+json"
        named = {"authorization": "Bearer pk_1", "content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope: Message = {
            "type": "http",
            "method": "POST",
            "path": f"/pug.capture.v1.CaptureService/{method}",
            "root_path": "",
            "query_string": self.query,
            "headers": [(name.encode(), value.encode()) for name, value in named.items() if value],
        }
        await self.application(scope, self.parts.get, self.send)


@pytest.fixture
def exchange(services: list[Service], gate: Gate) -> Exchange:
    return Exchange(services, gate)


def framed(body: bytes, flags: int = 0) -> bytes:
    return bytes([flags]) + len(body).to_bytes(4, "big") + body


MANY_FRAMES = bytes.fromhex("502a4d1800000000") * 65
WAYS: list[tuple[str, bytes, dict[str, str], int]] = [
    (UNARY, b"{}", {}, 200),
    (UNARY, b"fail!", {}, 503),
    (UNARY, b"break", {}, 500),
    (UNARY, b"sleep", {"connect_timeout_ms": "10"}, 504),
    (UNARY, b"x" * 1001, {}, 429),
    (UNARY, b"{}", {"content_encoding": "gzip"}, 400),
    (UNARY, b"{}", {"content_encoding": "lz4"}, 501),
    (UNARY, MANY_FRAMES, {"content_encoding": "zstd"}, 400),
    (UNARY, framed(b""), {"content_type": "application/grpc-web+proto"}, 200),
    (UNARY, framed(b"fail!"), {"content_type": "application/grpc-web+proto"}, 200),
    (UNARY, b"", {"content_type": "application/grpc-web+proto"}, 200),
    (STREAM, framed(b"{}") + framed(b"{}"), {}, 200),
    (STREAM, framed(b"fail!"), {}, 200),
    (STREAM, framed(b"break"), {}, 200),
    (STREAM, framed(b"sleep"), {"connect_timeout_ms": "10"}, 200),
    (STREAM, framed(b"x" * 1001), {}, 200),
    (STREAM, framed(b"{}", flags=1), {"connect_content_encoding": "gzip"}, 200),
    (STREAM, framed(b"{}")[:-1], {}, 200),
]


@pytest.mark.parametrize(("method", "body", "headers", "status"), WAYS, ids=range(len(WAYS)))
async def test_a_call_that_ends_by_itself_gives_its_place_back(  # noqa: PLR0917 (the table's columns)
    exchange: Exchange, turnstile: Turnstile, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    exchange.put(body)

    await exchange.run(method, **headers)

    assert exchange.status == status
    assert turnstile.inside == 0


async def test_a_call_holds_its_place_while_its_body_is_awaited_and_gives_it_back_when_that_stalls(
    exchange: Exchange, turnstile: Turnstile
) -> None:
    exchange.put(b"{", more=True)
    running = asyncio.create_task(exchange.run(UNARY))
    await asyncio.sleep(0.01)
    held = turnstile.inside

    await running

    assert (held, exchange.status, turnstile.inside) == (1, 408, 0)


@pytest.mark.parametrize("method", [UNARY, STREAM])
async def test_a_client_that_goes_in_the_middle_of_its_body_gives_its_place_back(
    exchange: Exchange, turnstile: Turnstile, method: str
) -> None:
    exchange.put(framed(b"{}"), more=True)
    running = asyncio.create_task(exchange.run(method))
    await asyncio.sleep(0.01)
    exchange.leave()

    await asyncio.gather(running, return_exceptions=True)

    assert turnstile.inside == 0


@pytest.mark.parametrize(("method", "body"), [(UNARY, b"sleep"), (STREAM, framed(b"sleep"))])
async def test_a_client_that_goes_before_its_answer_gives_its_place_back(
    exchange: Exchange, turnstile: Turnstile, capture: Capture, method: str, body: bytes
) -> None:
    exchange.put(body)
    running = asyncio.create_task(exchange.run(method))
    await capture.began.wait()
    exchange.leave()

    await asyncio.gather(running, return_exceptions=True)

    assert turnstile.inside == 0


@pytest.mark.parametrize(("method", "body"), [(UNARY, b"sleep"), (STREAM, framed(b"sleep")), (UNARY, b"")])
async def test_a_call_that_is_cancelled_gives_its_place_back(exchange: Exchange, turnstile: Turnstile, method: str, body: bytes) -> None:
    exchange.put(body, more=not body)
    running = asyncio.create_task(exchange.run(method))
    await asyncio.sleep(0.01)
    held = turnstile.inside

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (held, turnstile.inside) == (1, 0)


async def test_without_a_place_a_call_is_refused_before_its_body_is_read(exchange: Exchange, turnstile: Turnstile) -> None:
    for _ in range(2):
        turnstile.enter("pk_1")
    exchange.put(b"{", more=True)

    await exchange.run(UNARY)

    answer = json.loads(exchange.body)
    assert (exchange.status, answer["code"], exchange.headers[b"retry-after"]) == (429, "resource_exhausted", b"1")
    assert turnstile.inside == 2


@pytest.mark.parametrize(
    ("method", "content_type", "header"),
    [
        (STREAM, "application/connect+json", "connect-content-encoding"),
        (STREAM, "application/grpc-web+proto", "grpc-encoding"),
        (UNARY, "application/grpc-web+proto", "grpc-encoding"),
    ],
)
@pytest.mark.parametrize(
    ("message", "told"), [(b"{}", "is not valid zstd, as {}"), (MANY_FRAMES, "zstd as {} says, has more than 64 frames")]
)
async def test_a_message_that_cannot_be_unpacked_is_refused_naming_the_header(  # noqa: PLR0917 (the table's columns)
    exchange: Exchange, method: str, content_type: str, header: str, message: bytes, told: str
) -> None:
    exchange.put(framed(message, flags=1))

    await exchange.run(method, content_type=content_type, **{header: "zstd"})

    assert told.format(header) in unquote(exchange.body.decode("latin-1"))


@pytest.mark.parametrize("content_type", ["application/grpc-web+proto", "application/connect+json"])
async def test_when_to_come_back_is_in_the_trailers_too(exchange: Exchange, content_type: str) -> None:
    exchange.put(framed(b"fail!"))

    await exchange.run(STREAM if "connect" in content_type else UNARY, content_type=content_type)

    assert exchange.headers[b"retry-after"] == b"1"
    assert b"retry-after" in exchange.body


async def test_a_beacon_is_answered_uncompressed(exchange: Exchange) -> None:
    exchange.query = b"key=pk_1"
    exchange.put(gzip.compress(b"{}"))

    await exchange.run(UNARY, authorization="", content_type="text/plain", content_encoding="gzip", accept_encoding="gzip, br")

    assert json.loads(exchange.body)["accepted"] == 1
    assert exchange.headers[b"content-encoding"] == b"identity"


async def test_no_log_line_holds_the_key_of_a_beacon(exchange: Exchange) -> None:
    exchange.query = b"key=pk_in_the_url"
    exchange.put(b"break")

    with capture_logs() as lines:
        await exchange.run(UNARY, authorization="", content_type="text/plain")

    assert [line["event"] for line in lines] == ["rpc_failed"]
    assert "pk_in_the_url" not in repr(lines)


async def test_a_body_that_says_it_is_too_long_is_refused_unread(exchange: Exchange, turnstile: Turnstile) -> None:
    await exchange.run(UNARY, content_length="10000000000")

    assert exchange.status == 429
    assert "10000000000 bytes" in json.loads(exchange.body)["message"]
    assert turnstile.inside == 0


@pytest_asyncio.fixture
async def channel(services: list[Service], gate: Gate) -> AsyncGenerator[grpc.aio.Channel]:
    server = NativeServer(services, gate)
    port = await server.start("127.0.0.1:0", None)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


def unary(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary(f"/pug.capture.v1.CaptureService/{UNARY}")


def bidi(channel: grpc.aio.Channel) -> grpc.aio.StreamStreamMultiCallable[bytes, bytes]:
    return channel.stream_stream(f"/pug.capture.v1.CaptureService/{STREAM}")


async def until_empty(turnstile: Turnstile) -> bool:
    """Whether all places are free, if not at once then soon: a cancelled call ends a moment after its client has gone."""
    async with asyncio.timeout(5):
        while turnstile.inside:  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.001)
    return True


@pytest.mark.parametrize("body", [b"", b"fail!", b"break", b"x" * 1001])
async def test_a_grpc_call_that_ends_by_itself_gives_its_place_back(channel: grpc.aio.Channel, turnstile: Turnstile, body: bytes) -> None:
    await asyncio.gather(unary(channel)(body, metadata=KEY), return_exceptions=True)
    stream = bidi(channel)(iter([body]), metadata=KEY)
    await asyncio.gather(stream.read(), return_exceptions=True)
    await stream.code()

    assert await until_empty(turnstile)


@pytest.mark.parametrize("method", [UNARY, STREAM])
async def test_a_grpc_client_that_goes_gives_its_place_back(
    channel: grpc.aio.Channel, turnstile: Turnstile, capture: Capture, method: str
) -> None:
    rpc = unary(channel)(b"sleep", metadata=KEY) if method == UNARY else bidi(channel)(iter([b"sleep"]), metadata=KEY)
    await capture.began.wait()
    held = turnstile.inside

    rpc.cancel()

    assert held == 1
    assert await until_empty(turnstile)


async def test_a_grpc_deadline_gives_the_place_back(channel: grpc.aio.Channel, turnstile: Turnstile) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await unary(channel)(b"sleep", metadata=KEY, timeout=0.05)

    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await until_empty(turnstile)


async def test_a_grpc_call_without_its_message_is_refused_at_the_gate_all_the_same(channel: grpc.aio.Channel, turnstile: Turnstile) -> None:
    for _ in range(2):
        turnstile.enter("pk_1")
    silent: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/pug.capture.v1.CaptureService/{UNARY}")

    rpc = silent(metadata=KEY)

    assert await rpc.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("retry-after", "1") in tuple(await rpc.trailing_metadata())


async def test_a_grpc_call_with_no_message_is_told_so(channel: grpc.aio.Channel, turnstile: Turnstile) -> None:
    nothing: list[bytes] = []
    silent: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/pug.capture.v1.CaptureService/{UNARY}")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await silent(iter(nothing), metadata=KEY)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await until_empty(turnstile)


async def test_a_grpc_client_is_told_when_to_come_back(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await unary(channel)(b"fail!", metadata=KEY)

    assert ("retry-after", "1") in tuple(refused.value.trailing_metadata())
