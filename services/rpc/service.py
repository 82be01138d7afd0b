"""A service as the edge sees it: its contract and the object that answers."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from connectrpc.server import ConnectASGIApplication
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from services.rpc.call import Call

Unary = Callable[[object, Call], Awaitable[Message]]
# Takes one request, or a stream of them; closed when its caller goes away.
Stream = Callable[[object, Call], AsyncGenerator[Message]]


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """A request handed to its handler as it came, because decoding it is what the handler does best."""

    body: bytes
    is_json: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A contract, the Connect application generated for it, and the object whose methods answer: `CreateApiKey` is `create_api_key`.

    A handler takes the request and the `Call`; requests of an `encoded` service come as `EncodedMessage`. No request may be longer than
    `max_bytes`, compressed or not. RPCs named in `beacons` also take what a browser sends without asking first. `small_answers` are not
    compressed: that would cost more than it saves.
    """

    descriptor: ServiceDescriptor
    application: Callable[..., ConnectASGIApplication[Any]]
    implementation: object
    encoded: bool = False
    max_bytes: int = 2**20
    beacons: frozenset[str] = frozenset()
    small_answers: bool = False

    def unary(self, method: MethodDescriptor) -> Unary:
        """The handler of an RPC with one request and one response."""
        return getattr(self.implementation, snake_case(method.name))

    def stream(self, method: MethodDescriptor) -> Stream:
        """The handler of an RPC that answers with a stream."""
        return getattr(self.implementation, snake_case(method.name))


def snake_case(name: str) -> str:
    """`CreateApiKey` as `create_api_key`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def streams_requests(method: MethodDescriptor) -> bool:
    """Whether an RPC takes many messages; a contract that answers those with one has to teach the edge first."""
    if method.client_streaming and not method.server_streaming:
        msg = f"{method.full_name} takes a stream and answers with one message, which the edge does not serve yet"
        raise RuntimeError(msg)
    return bool(method.client_streaming)


def streams_responses(method: MethodDescriptor) -> bool:
    """Whether an RPC answers with many messages."""
    return bool(method.server_streaming)
