"""Serves the services over Connect and gRPC-Web, as one ASGI application."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from connectrpc.codec import Codec
from connectrpc.errors import ConnectError, ErrorDetail
from connectrpc.interceptor import MetadataInterceptor
from connectrpc.request import RequestContext
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from protobuf.wkt import Any as AnyMessage

from core.errors import PugError
from core.instruments import Instruments
from core.telemetry import request_id
from services.rpc import codecs
from services.rpc.asgi import AsgiApp, Receive, Scope, Send
from services.rpc.beacons import open_beacon
from services.rpc.call import Call, Sender
from services.rpc.compression import COMPRESSIONS
from services.rpc.draining import DRAIN_WITHIN_S, draining
from services.rpc.failures import Envelope, Failure, failure_of
from services.rpc.gate import Gate, request_id_of
from services.rpc.observing import Calls, ObservedCall
from services.rpc.patience import BODY_WITHIN_S, Exchange
from services.rpc.refusals import Refusal, nothing_here, refusal_of, refuse
from services.rpc.service import EncodedMessage, Service, snake_case, streams_requests, streams_responses
from services.rpc.unshared import unshared

Context = RequestContext[Any, Any]

# Set by `_Admission` before the body is read, taken by the handler: connectrpc has no place of its own for it.
_call: ContextVar[Call] = ContextVar("call")


def connect_application(
    services: Iterable[Service],
    gate: Gate,
    pages: Mapping[str, AsgiApp],
    body_within_s: float = BODY_WITHIN_S,
    calls: Calls | None = None,
) -> AsgiApp:
    """One application for all services by their path, and for further `pages` by theirs. Bodies of all but streams have a deadline."""
    observed = _Observation(calls or Calls(Instruments.none()))
    routes: dict[str, _Route] = {}
    for service in services:
        application: AsgiApp = service.application(
            _handlers(service),
            interceptors=[_Explanation(), observed, _Admission(gate)],
            codecs=[_Codec(service.encoded, is_json=False), _Codec(service.encoded, is_json=True)],
            compressions=COMPRESSIONS,
            read_max_bytes=service.max_bytes,
        )
        for method in service.descriptor.methods:
            served = application if streams_requests(method) else _patient(application, body_within_s)
            routes[f"/{service.descriptor.full_name}/{method.name}"] = _Route(service, method, served)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in pages:
            await pages[path](scope, receive, send)
            return
        call = routes[path].open(scope) if path in routes else nothing_here()
        if isinstance(call, Refusal):
            await refuse(scope, send, call)
        else:
            await routes[path].application(call, receive, send)

    return draining(unshared(route), min(DRAIN_WITHIN_S, body_within_s))


@dataclass(frozen=True, slots=True)
class _Route:
    service: Service
    method: MethodDescriptor
    application: AsgiApp

    def open(self, scope: Scope) -> Scope | Refusal:
        """The call in a request, as connectrpc is to see it."""
        call = open_beacon(scope, allowed=self.method.name in self.service.beacons)
        if isinstance(call, Refusal):
            return call
        if refusal := refusal_of(call, self.method, self.service.max_bytes):
            return refusal
        return _uncompressed(call) if self.service.small_answers else call


_WITH_TRAILERS = ("application/grpc-web", "application/connect+")
# In the order of the protocols: Connect, its streams, gRPC-Web.
_ACCEPTS = frozenset({b"accept-encoding", b"connect-accept-encoding", b"grpc-accept-encoding"})
_SAYS_ENCODING = ("connect-content-encoding", "grpc-encoding", "content-encoding")
_SAYS_DEADLINE = ("connect-timeout-ms", "grpc-timeout")


def _uncompressed(scope: Scope) -> Scope:
    """A call whose answer stays as it is; connectrpc would compress a few bytes too."""
    return {**scope, "headers": [header for header in scope["headers"] if header[0] not in _ACCEPTS]}


def _patient(application: AsgiApp, within_s: float) -> AsgiApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send, within_s)
        await application(scope, exchange.receive, exchange.send)

    return serve


class _Explanation(MetadataInterceptor[None]):
    """Gives refusals of connectrpc's own, such as of a body that is too large, the detail every error carries.

    The first interceptor: a deadline may pass before the others have let the call in, and who hasn't begun isn't told of the end.
    A subclass of MetadataInterceptor on purpose: connectrpc silently skips an interceptor that merely looks like one.
    """

    async def on_start(self, ctx: Context) -> None:
        pass

    async def on_end(self, _token: None, ctx: Context, error: Exception | None, /) -> None:
        if isinstance(error, ConnectError) and not error.details:
            raise _connect_error(_failure_in(ctx, ctx.method.name, error), ctx) from error


def _failure_in(ctx: Context, method: str, error: Exception) -> Failure:
    return failure_of(error, method=method, request_id=request_id.get(), envelope=_envelope_of(ctx))


def _envelope_of(ctx: Context) -> Envelope:
    headers = ctx.request_headers
    deadline = next((f"{name}: {headers[name]}" for name in _SAYS_DEADLINE if name in headers), "")
    if ctx.http_method == "GET":
        return Envelope("message", "compression", "query parameter", deadline)
    encoding = next((name for name in _SAYS_ENCODING if name in headers), _SAYS_ENCODING[-1])
    return Envelope(encoding=encoding, deadline=deadline)


class _Observation(MetadataInterceptor[ObservedCall]):
    """Measures calls; before the admission, so that it hears of those that are not let in."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def on_start(self, ctx: Context) -> ObservedCall:
        return self._calls.begin(f"{ctx.method.service_name}/{ctx.method.name}", ctx.request_headers)

    async def on_end(self, observed: ObservedCall, _ctx: Context, error: Exception | None, /) -> None:
        observed.end(error)


class _Admission(MetadataInterceptor[Call]):
    """Lets a call in, or not, before its body is read, and out when it has ended: connectrpc ends on every way what it has started."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def on_start(self, ctx: Context) -> Call:
        method = f"/{ctx.method.service_name}/{ctx.method.name}"
        headers = dict(ctx.request_headers.items())
        current = request_id_of(headers)
        request_id.set(current)
        ctx.response_headers["x-request-id"] = current
        try:
            timeout_s = None if ctx.timeout_ms is None else ctx.timeout_ms / 1000
            sender = Sender((ctx.client_address or "").rpartition(":")[0].strip("[]"), headers)
            call = await self._gate.admit(method, sender, current, timeout_s)
        except Exception as error:
            raise _connect_error(failure_of(error, method=method, request_id=current), ctx) from error
        _call.set(call)
        return call

    async def on_end(self, call: Call, _ctx: Context, _error: Exception | None, /) -> None:
        self._gate.dismiss(call)


def _handlers(service: Service) -> SimpleNamespace:
    handlers = {
        snake_case(method.name): _stream(service, method) if streams_responses(method) else _unary(service, method)
        for method in service.descriptor.methods
    }
    return SimpleNamespace(**handlers)


def _unary(service: Service, method: MethodDescriptor) -> Callable[[object, Context], Awaitable[Message]]:
    handler = service.unary(method)

    async def handle(request: object, ctx: Context) -> Message:
        try:
            return await handler(request, _call.get())
        except Exception as error:
            raise _connect_error(_failure_in(ctx, method.full_name, error), ctx) from error

    return handle


def _stream(service: Service, method: MethodDescriptor) -> Callable[[object, Context], AsyncIterator[Message]]:
    handler = service.stream(method)

    async def handle(asked: object, ctx: Context) -> AsyncIterator[Message]:
        try:
            async with aclosing(handler(asked, _call.get())) as responses:
                async for response in responses:
                    yield response
        except Exception as error:
            raise _connect_error(_failure_in(ctx, method.full_name, error), ctx) from error

    return handle


class _Codec(Codec[Message, Any]):
    """Reads requests, or hands them on as they came, and writes responses."""

    def __init__(self, encoded: bool, *, is_json: bool) -> None:  # noqa: FBT001 (private)
        self._encoded = encoded
        self._is_json = is_json

    def name(self) -> str:
        return "json" if self._is_json else "proto"

    def encode(self, message: Message) -> bytes:
        return codecs.write_json(message) if self._is_json else codecs.write_binary(message)

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> object:
        if self._encoded:
            return EncodedMessage(bytes(data), self._is_json)
        try:
            return (codecs.read_json if self._is_json else codecs.read_binary)(bytes(data), message_class)
        except PugError as error:
            raise _connect_error(failure_of(error, method=message_class.__name__, request_id=request_id.get()), None) from error


def _connect_error(failure: Failure, ctx: Context | None) -> ConnectError:
    if failure.retry_after_s and ctx is not None:
        ctx.response_headers["retry-after"] = str(failure.retry_after_s)
        # gRPC-Web's clients look into trailers, and a stream that has begun has sent its headers.
        if ctx.request_headers.get("content-type", "").startswith(_WITH_TRAILERS):
            ctx.response_trailers["retry-after"] = str(failure.retry_after_s)
    # connectrpc writes details with its own protobuf runtime; ours travel as bytes inside its Any.
    packed = AnyMessage(type_url=f"type.googleapis.com/{failure.info.DESCRIPTOR.full_name}", value=failure.info.SerializeToString())
    return ConnectError(failure.code, failure.message, details=[ErrorDetail(packed)])
