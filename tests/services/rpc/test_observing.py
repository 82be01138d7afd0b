"""Every RPC is measured and traced alike, over Connect and over native gRPC."""

import contextlib
from collections.abc import Awaitable, Callable

import grpc
import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from opentelemetry.trace import get_current_span

from core.errors import ApiKeyNotFound
from core.telemetry import trace_id
from empty_answers import EmptyAnswers
from measured import Measured
from pug.accounts.v1.accounts_connect import AccountsServiceASGIApplication
from pug.accounts.v1.accounts_pb2 import DESCRIPTOR, ListApiKeysResponse
from services.rpc.asgi import Scope
from services.rpc.call import Call
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.native import NativeServer
from services.rpc.observing import Calls, code_of
from services.rpc.service import Service

METHOD = "pug.accounts.v1.AccountsService/ListApiKeys"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KEY = "Bearer sk_SECRET"

Ask = Callable[[Service, Gate, Measured, dict[str, str]], Awaitable[None]]


class Accounts(EmptyAnswers):
    """Remembers in which trace it was called."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(DESCRIPTOR.services_by_name["AccountsService"])
        self.error = error
        self.seen: list[tuple[int, str]] = []

    async def list_api_keys(self, _request: object, _call: Call) -> ListApiKeysResponse:
        self.seen.append((get_current_span().get_span_context().trace_id, trace_id.get()))
        if self.error:
            raise self.error
        return ListApiKeysResponse()


async def over_connect(service: Service, gate: Gate, measured: Measured, headers: dict[str, str]) -> None:
    given = [(b"content-type", b"application/json"), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope: Scope = {"type": "http", "method": "POST", "path": f"/{METHOD}", "root_path": "", "query_string": b"", "headers": given}

    async def receive() -> Scope:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(_message: Scope) -> None:
        pass

    await connect_application([service], gate, {}, calls=Calls(measured.instruments))(scope, receive, send)


async def over_grpc(service: Service, gate: Gate, measured: Measured, headers: dict[str, str]) -> None:
    server = NativeServer([service], gate, Calls(measured.instruments))
    port = await server.start("127.0.0.1:0", None)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{METHOD}")
        with contextlib.suppress(grpc.aio.AioRpcError):
            await rpc(b"", metadata=tuple(headers.items()))
    await server.stop(1)


@pytest.fixture(params=[over_connect, over_grpc])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param


def serving(accounts: Accounts) -> Service:
    return Service(DESCRIPTOR.services_by_name["AccountsService"], AccountsServiceASGIApplication, accounts)


async def test_a_call_is_measured_by_method_and_code_and_continues_its_callers_trace(ask: Ask, gate: Gate) -> None:
    measured, accounts = Measured(), Accounts()

    await ask(serving(accounts), gate, measured, {"authorization": KEY, "traceparent": CALLER})

    assert measured.value("pug.rpc", method=METHOD, code="ok") == 1
    (span,) = measured.spans(METHOD)
    assert span.parent
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == CALLER[3:-3]
    assert accounts.seen == [(span.parent.trace_id, CALLER[3:35])]


async def test_a_call_without_a_trace_begins_one(ask: Ask, gate: Gate) -> None:
    measured = Measured()

    await ask(serving(Accounts()), gate, measured, {"authorization": KEY})

    (span,) = measured.spans(METHOD)
    assert span.parent is None


async def test_a_call_that_is_not_let_in_is_measured_too(ask: Ask, gate: Gate) -> None:
    measured = Measured()

    await ask(serving(Accounts()), gate, measured, {"traceparent": CALLER})

    assert measured.value("pug.rpc", method=METHOD, code="unauthenticated") == 1
    (span,) = measured.spans(METHOD)
    assert span.attributes == {"rpc.method": METHOD, "error.type": "unauthenticated"}


@pytest.mark.parametrize(("error", "code"), [(ApiKeyNotFound("No key ann."), "not_found"), (ValueError("ann"), "internal")])
async def test_a_call_that_fails_says_its_code_and_nothing_of_what_was_said(ask: Ask, gate: Gate, error: Exception, code: str) -> None:
    measured = Measured()

    await ask(serving(Accounts(error)), gate, measured, {"authorization": KEY})

    assert measured.value("pug.rpc", method=METHOD, code=code) == 1
    (span,) = measured.spans(METHOD)
    assert not span.status.is_ok
    assert "ann" not in span.to_json()
    assert "SECRET" not in span.to_json()


def test_codes_are_connects_own_words() -> None:
    errors = [None, ApiKeyNotFound(""), ConnectError(Code.DEADLINE_EXCEEDED, ""), KeyError(), GeneratorExit()]

    assert [code_of(error) for error in errors] == ["ok", "not_found", "deadline_exceeded", "internal", "canceled"]
