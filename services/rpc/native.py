"""Serves the same services over native gRPC, with health and reflection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote

import grpc
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from core.errors import MalformedRequest
from core.instruments import Instruments
from core.telemetry import request_id
from services.rpc import codecs
from services.rpc.bystanders import Health, Reflection
from services.rpc.call import Call, Sender
from services.rpc.failures import Failure, failure_of
from services.rpc.gate import Gate, request_id_of
from services.rpc.observing import Calls
from services.rpc.patience import BODY_WITHIN_S, late
from services.rpc.service import EncodedMessage, Service, streams_requests, streams_responses

# gRPC answers more at once RESOURCE_EXHAUSTED without saying when to come back: above the gate's own limit, so that the gate speaks first.
_CONCURRENT_RPCS = 3_000
_OPTIONS = (
    # A connection has so long to say that it speaks HTTP/2; the default is two minutes.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A peer that is gone is noticed; one that is there and calls nothing is sent away, and comes back by itself when it does.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.max_concurrent_streams", 200),
)

Context = grpc.aio.ServicerContext[bytes, bytes]


class NativeServer:
    """A gRPC server on a port of its own."""

    def __init__(
        self,
        services: Sequence[Service],
        gate: Gate,
        calls: Calls | None = None,
        *,
        concurrent_rpcs: int = _CONCURRENT_RPCS,
        shared_port: bool = False,
    ) -> None:
        """Nothing is bound before `start`; `concurrent_rpcs` also has to hold those that are refused, health and reflection.

        On a shared port other processes may listen too.
        """
        limit = max(service.max_bytes for service in services)
        options = [("grpc.max_receive_message_length", limit), *_OPTIONS, ("grpc.so_reuseport", int(shared_port))]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=concurrent_rpcs)
        self._server.add_generic_rpc_handlers(tuple(_generic_handlers(services, gate, calls or Calls(Instruments.none()))))
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.descriptor.full_name for service in services]
        shown = Reflection([*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME])
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(cast("Any", shown), self._server)  # its stub knows classes by name only

    async def start(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen on `host:port`; returns the port, which the system picks for 0."""
        port = self._server.add_secure_port(address, credentials) if credentials else self._server.add_insecure_port(address)
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no new calls and let running ones finish for at most `grace_s` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)


def _generic_handlers(services: Iterable[Service], gate: Gate, calls: Calls) -> Iterable[grpc.GenericRpcHandler]:
    for service in services:
        handlers = {method.name: _handler(service, method, gate, calls) for method in service.descriptor.methods}
        yield grpc.method_handlers_generic_handler(service.descriptor.full_name, handlers)


def _handler(service: Service, method: MethodDescriptor, gate: Gate, calls: Calls) -> grpc.RpcMethodHandler[bytes, bytes]:
    # Requests stay bytes until the caller is admitted: gRPC would answer a failed deserializer with INTERNAL.
    if streams_responses(method):
        return grpc.stream_stream_rpc_method_handler(_stream(service, method, gate, calls))
    # On the wire one message is a stream of one; told that it is one, gRPC would read it before anybody was asked.
    return grpc.stream_unary_rpc_method_handler(_unary(service, method, gate, calls))


def _unary(
    service: Service, method: MethodDescriptor, gate: Gate, calls: Calls
) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
    handler, read = service.unary(method), _reader(service, method)
    name = f"{service.descriptor.full_name}/{method.name}"

    async def handle(bodies: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            headers = _headers(context)
            with calls.begin(name, headers):
                async with _admitted(gate, service, method, context, headers) as call:
                    return (await handler(read(await _only_message(bodies)), call)).SerializeToString()
        except Exception as error:
            await _abort(context, failure_of(error, method=method.full_name, request_id=request_id.get()))
            raise

    return handle


async def _only_message(bodies: AsyncIterator[bytes]) -> bytes:
    """The one message of a call, for which there is as long as for a body on the other port."""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            body = await anext(aiter(bodies), None)
    except TimeoutError as error:
        raise late(BODY_WITHIN_S) from error
    if body is None:
        raise MalformedRequest("The call has no message.", hint="Send one, even if it is empty.")
    return body


def _stream(
    service: Service, method: MethodDescriptor, gate: Gate, calls: Calls
) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
    handler, read, many = service.stream(method), _reader(service, method), streams_requests(method)
    name = f"{service.descriptor.full_name}/{method.name}"

    async def handle(bodies: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        try:
            headers = _headers(context)
            with calls.begin(name, headers):
                async with _admitted(gate, service, method, context, headers) as call:
                    asked = (read(body) async for body in bodies) if many else read(await _only_message(bodies))
                    async with contextlib.aclosing(handler(asked, call)) as responses:
                        async for response in responses:
                            yield response.SerializeToString()
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is becomes a status)
            await _abort(context, failure_of(error, method=method.full_name, request_id=request_id.get()))

    return handle


@contextlib.asynccontextmanager
async def _admitted(
    gate: Gate, service: Service, method: MethodDescriptor, context: Context, headers: Mapping[str, str]
) -> AsyncGenerator[Call]:
    call = await _admit(gate, service, method, context, headers)
    try:
        yield call
    finally:
        gate.dismiss(call)


def _reader(service: Service, method: MethodDescriptor) -> Callable[[bytes], object]:
    message_class: type[Message] = GetMessageClass(method.input_type)

    def read(body: bytes) -> object:
        # The server has one limit for all services, the largest.
        if len(body) > service.max_bytes:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, f"message is larger than configured max {service.max_bytes}")
        return EncodedMessage(body, is_json=False) if service.encoded else codecs.read_binary(body, message_class)

    return read


def _headers(context: Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


async def _admit(gate: Gate, service: Service, method: MethodDescriptor, context: Context, headers: Mapping[str, str]) -> Call:
    current = request_id_of(headers)
    request_id.set(current)
    await context.send_initial_metadata((("x-request-id", current),))
    if sum(key == "authorization" for key, _ in context.invocation_metadata() or ()) > 1:
        raise MalformedRequest("The metadata authorization is there twice.", field="authorization", hint="Send one credential.")
    sender = Sender(_address_of(context.peer()), headers)
    return await gate.admit(f"/{service.descriptor.full_name}/{method.name}", sender, current, context.time_remaining())


def _address_of(peer: str) -> str:
    """The address in what gRPC calls a peer: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`; empty for a Unix socket's."""
    kind, _, rest = peer.partition(":")
    return unquote(rest).rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


async def _abort(context: Context, failure: Failure) -> None:
    code = _CODES[failure.code]
    details = AnyMessage()
    details.Pack(failure.info)
    status = Status(code=code.value[0], message=failure.message, details=[details])
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if failure.retry_after_s:
        trailers.append(("retry-after", str(failure.retry_after_s)))
    await context.abort(code, failure.message, tuple(trailers))


_CODES = {code: grpc.StatusCode[{"CANCELED": "CANCELLED"}.get(code.name, code.name)] for code in Code}
