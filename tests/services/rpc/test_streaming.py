"""An RPC that answers with a stream: each message goes out when it is there, and a client that goes away ends what runs for it."""

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import grpc
import pytest

from core.errors import NotFound
from pug.dashboards.v1 import render_pb2 as pb
from pug.dashboards.v1.dashboards_connect import DashboardsServiceASGIApplication
from pug.dashboards.v1.dashboards_pb2 import DESCRIPTOR
from services.rpc.call import Call, Credential, Project, Scope
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.native import NativeServer
from services.rpc.service import Service
from services.rpc.turnstile import Limits, Turnstile

PATH = "/pug.dashboards.v1.DashboardsService/RenderDashboard"
KEY = (("authorization", "Bearer sk_1"),)


class Dashboards:
    """Renders tiles `a`, then `b` when told to; the dashboard `none` isn't there, and of `half` only `a`."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def render_dashboard(self, request: pb.RenderDashboardRequest, _call: Call) -> AsyncIterator[pb.RenderDashboardResponse]:
        if request.id == "none":
            raise NotFound("There is no such dashboard.")
        yield pb.RenderDashboardResponse(tile=pb.RenderedTile(id="a"))
        if request.id == "half":
            raise ZeroDivisionError
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        yield pb.RenderDashboardResponse(tile=pb.RenderedTile(id="b"))

    def __getattr__(self, name: str) -> object:
        # The edge asks for a handler of every RPC; the others aren't called here.
        return None


@pytest.fixture
def dashboards() -> Dashboards:
    return Dashboards()


@pytest.fixture
def service(dashboards: Dashboards) -> Service:
    return Service(DESCRIPTOR.services_by_name["DashboardsService"], DashboardsServiceASGIApplication, dashboards, max_bytes=1000)


@pytest.fixture
def places() -> Turnstile:
    return Turnstile(Limits(), time.monotonic)


@pytest.fixture
def door(service: Service, places: Turnstile) -> Gate:
    async def find(token: str) -> Credential | None:
        return Credential(token, Project(7, "UTC"), frozenset(Scope))

    found: Callable[[str], Awaitable[Credential | None]] = find
    return Gate(found, [service.descriptor], places)


class Client:
    """A Connect client of one streaming call, over ASGI."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._application = connect_application([service], gate, {}, body_within_s=5)
        self._parts: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.frames: asyncio.Queue[tuple[int, dict[str, Any]]] = asyncio.Queue()
        self.status = 0
        self._left = b""

    async def call(self, request: dict[str, Any], content_type: str = "application/connect+json") -> None:
        body = json.dumps(request).encode()
        self._parts.put_nowait({"type": "http.request", "body": struct.pack(">BI", 0, len(body)) + body, "more_body": False})
        headers = [(b"authorization", b"Bearer sk_1"), (b"content-type", content_type.encode())]
        scope: MutableMapping[str, Any] = {
            "type": "http", "method": "POST", "path": PATH, "root_path": "", "query_string": b"", "headers": headers,
        }  # fmt: skip
        await self._application(scope, self._parts.get, self._send)

    def leave(self) -> None:
        self._parts.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self._left += message.get("body", b"")
        while len(self._left) >= 5:
            flags, length = struct.unpack(">BI", self._left[:5])
            if len(self._left) < 5 + length:
                break
            self.frames.put_nowait((flags, json.loads(self._left[5 : 5 + length])))
            self._left = self._left[5 + length :]


async def test_each_message_of_a_connect_stream_goes_out_when_it_is_there(service: Service, door: Gate, dashboards: Dashboards) -> None:
    client = Client(service, door)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.call({"id": "board"}))
        first = await client.frames.get()
        dashboards.go_on.set()
        second, end = await client.frames.get(), await client.frames.get()

    assert (first[1]["tile"]["id"], second[1]["tile"]["id"], end) == ("a", "b", (2, {}))


@pytest.mark.parametrize(("board", "sent"), [("none", ["not_found"]), ("half", ["a", "internal"])])
async def test_an_error_ends_a_connect_stream_after_what_was_sent(
    service: Service, door: Gate, places: Turnstile, board: str, sent: list[str]
) -> None:
    client = Client(service, door)
    await client.call({"id": board})

    frames = [client.frames.get_nowait() for _ in range(client.frames.qsize())]
    assert [*(body["tile"]["id"] for _, body in frames[:-1]), frames[-1][1]["error"]["code"]] == sent
    assert frames[-1][1]["error"]["details"]
    assert places.inside == 0


async def test_a_connect_client_that_goes_ends_what_runs_for_it(
    service: Service, door: Gate, dashboards: Dashboards, places: Turnstile
) -> None:
    client = Client(service, door)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.call({"id": "board"}))
        await client.frames.get()
        client.leave()
        await dashboards.cancelled.wait()

    assert places.inside == 0


async def test_plain_json_is_told_that_the_rpc_is_a_stream(service: Service, door: Gate) -> None:
    client = Client(service, door)
    await client.call({"id": "board"}, content_type="application/json")

    assert client.status == 415


async def test_grpc_gets_the_stream_its_errors_and_its_cancellation(
    service: Service, door: Gate, dashboards: Dashboards, places: Turnstile
) -> None:
    server = NativeServer([service], door)
    port = await server.start("127.0.0.1:0", None)
    async with asyncio.timeout(20), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        render = channel.unary_stream(
            PATH,
            request_serializer=pb.RenderDashboardRequest.SerializeToString,
            response_deserializer=pb.RenderDashboardResponse.FromString,
        )
        gone = render(pb.RenderDashboardRequest(id="board"), metadata=KEY)
        async for part in gone:
            assert part.tile.id == "a"
            break
        gone.cancel()
        await dashboards.cancelled.wait()

        dashboards.go_on.set()
        tiles = [part.tile.id async for part in render(pb.RenderDashboardRequest(id="board"), metadata=KEY)]
        failed = render(pb.RenderDashboardRequest(id="none"), metadata=KEY)
        assert await failed.code() == grpc.StatusCode.NOT_FOUND
    await server.stop(0)

    assert tiles == ["a", "b"]
    assert places.inside == 0
