"""Serves the same services over native gRPC, with health and reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
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
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from core.errors import MalformedRequest
from core.telemetry import request_id
from services.rpc import codecs
from services.rpc.call import Call, Sender
from services.rpc.failures import Failure, failure_of
from services.rpc.gate import Gate, request_id_of
from services.rpc.service import EncodedMessage, Service, streams

# More at once would only wait for the one event loop, and hold their bodies meanwhile; gRPC answers the rest RESOURCE_EXHAUSTED.
_CONCURRENT_RPCS = 1000

Context = grpc.aio.ServicerContext[bytes, bytes]


class NativeServer:
    """A gRPC server on a port of its own."""

    def __init__(self, services: Sequence[Service], gate: Gate, *, shared_port: bool = False) -> None:
        """Nothing is bound before `start`. On a shared port other processes may listen too."""
        limit = max(service.max_bytes for service in services)
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", int(shared_port))],
            maximum_concurrent_rpcs=_CONCURRENT_RPCS,
        )
        self._server.add_generic_rpc_handlers(tuple(_generic_handlers(services, gate)))
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.descriptor.full_name for service in services]
        reflection.enable_server_reflection([*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)

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


def _generic_handlers(services: Iterable[Service], gate: Gate) -> Iterable[grpc.GenericRpcHandler]:
    for service in services:
        handlers = {method.name: _handler(service, method, gate) for method in service.descriptor.methods}
        yield grpc.method_handlers_generic_handler(service.descriptor.full_name, handlers)


def _handler(service: Service, method: MethodDescriptor, gate: Gate) -> grpc.RpcMethodHandler[bytes, bytes]:
    # Requests stay bytes until the caller is admitted: gRPC would answer a failed deserializer with INTERNAL.
    if streams(method):
        return grpc.stream_stream_rpc_method_handler(_stream(service, method, gate))
    return grpc.unary_unary_rpc_method_handler(_unary(service, method, gate))


def _unary(service: Service, method: MethodDescriptor, gate: Gate) -> Callable[[bytes, Context], Awaitable[bytes]]:
    handler, read = service.unary(method), _reader(service, method)

    async def handle(body: bytes, context: Context) -> bytes:
        try:
            call = await _admit(gate, service, method, context)
            return (await handler(read(body), call)).SerializeToString()
        except Exception as error:
            await _abort(context, failure_of(error, method=method.full_name, request_id=request_id.get()))
            raise

    return handle


def _stream(service: Service, method: MethodDescriptor, gate: Gate) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
    handler, read = service.stream(method), _reader(service, method)

    async def handle(bodies: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        try:
            call = await _admit(gate, service, method, context)
            async for response in handler((read(body) async for body in bodies), call):
                yield response.SerializeToString()
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is becomes a status)
            await _abort(context, failure_of(error, method=method.full_name, request_id=request_id.get()))

    return handle


def _reader(service: Service, method: MethodDescriptor) -> Callable[[bytes], object]:
    message_class: type[Message] = GetMessageClass(method.input_type)

    def read(body: bytes) -> object:
        # The server has one limit for all services, the largest.
        if len(body) > service.max_bytes:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, f"message is larger than configured max {service.max_bytes}")
        return EncodedMessage(body, is_json=False) if service.encoded else codecs.read_binary(body, message_class)

    return read


async def _admit(gate: Gate, service: Service, method: MethodDescriptor, context: Context) -> Call:
    metadata = tuple(context.invocation_metadata() or ())
    headers = {key: value for key, value in metadata if isinstance(value, str)}
    current = request_id_of(headers)
    request_id.set(current)
    await context.send_initial_metadata((("x-request-id", current),))
    if sum(key == "authorization" for key, _ in metadata) > 1:
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
    if failure.retry_after is not None:
        trailers.append(("retry-after", str(max(1, round(failure.retry_after.total_seconds())))))
    await context.abort(code, failure.message, tuple(trailers))


_CODES = {code: grpc.StatusCode[{"CANCELED": "CANCELLED"}.get(code.name, code.name)] for code in Code}
