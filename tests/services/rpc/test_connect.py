import asyncio
import base64
import json
from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest

from pug.common.v1.error_info_pb2 import ErrorInfo
from services.rpc.call import Credential
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.service import Service

PATH = "/pug.accounts.v1.AccountsService/ListApiKeys"
NO_HEADERS: Mapping[str, bytes] = {}
Message = MutableMapping[str, Any]


async def answer(
    service: Service, gate: Gate, *parts: Message, path: str = PATH, headers: Mapping[str, bytes] = NO_HEADERS, query: bytes = b""
) -> tuple[int, Message, ErrorInfo]:
    """Status, body and detail of the answer to a POST of these parts, after which the client is silent; with a query, to a GET."""
    named = {"authorization": b"Bearer sk_1", "content-type": b"application/json"} | dict(headers)
    scope = {
        "type": "http",
        "method": "GET" if query else "POST",
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.encode(), value) for name, value in named.items()],
    }
    waiting, sent = list(parts), list[Message]()

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await connect_application([service], gate, {}, body_within_s=0.05)(scope, receive, send)
    # Whatever the answer is, nobody but its caller keeps it.
    assert {(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")} <= set(sent[0]["headers"])
    body = json.loads(sent[1]["body"])
    details = body.get("details", [])
    return sent[0]["status"], body, ErrorInfo.FromString(base64.b64decode(details[0]["value"] + "==") if details else b"")


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_call_is_answered(service: Service, gate: Gate) -> None:
    status, body, _ = await answer(service, gate, part(b"{", more=True), part(b"}"))

    assert (status, body) == (200, {"apiKeys": []})


async def test_a_body_that_stalls_is_refused_as_a_timeout_of_the_callers(service: Service, gate: Gate) -> None:
    status, body, info = await answer(service, gate, part(b"{", more=True))

    assert (status, body["code"], info.reason) == (408, "deadline_exceeded", "DEADLINE_EXCEEDED")
    assert info.hint


async def test_a_body_longer_than_the_service_takes_is_refused(service: Service, gate: Gate) -> None:
    status, _, info = await answer(service, gate, part(b" " * 1001))

    assert (status, info.reason) == (429, "BODY_TOO_LARGE")


async def test_a_body_that_is_no_gzip_is_refused_in_words_for_the_caller(service: Service, gate: Gate) -> None:
    status, body, info = await answer(service, gate, part(b"{}"), headers={"content-encoding": b"gzip"})

    assert (status, info.field) == (400, "body")
    assert "not valid gzip" in body["message"]
    assert "Error" not in body["message"]


MANY_FRAMES = bytes.fromhex("502a4d1800000000") * 65


async def test_a_body_of_many_frames_is_refused_naming_the_header(service: Service, gate: Gate) -> None:
    status, body, info = await answer(service, gate, part(MANY_FRAMES), headers={"content-encoding": b"zstd"})

    assert (status, body["code"], info.field) == (400, "invalid_argument", "body")
    assert body["message"].startswith("The body, zstd as content-encoding says, has more than 64 frames.")


async def test_a_message_of_many_frames_in_a_query_is_refused_naming_the_parameter(service: Service, gate: Gate) -> None:
    message = base64.urlsafe_b64encode(MANY_FRAMES).rstrip(b"=")

    status, body, info = await answer(service, gate, query=b"encoding=json&base64=1&compression=zstd&message=" + message)

    assert (status, body["code"], info.field) == (400, "invalid_argument", "message")
    assert body["message"].startswith("The message, zstd as compression says, has more than 64 frames.")


async def test_an_unknown_compression_in_a_query_is_told_by_its_parameter(service: Service, gate: Gate) -> None:
    status, body, info = await answer(service, gate, query=b"encoding=json&compression=bzip2&message={}")

    assert (status, info.field) == (501, "compression")
    assert body["message"].startswith("The query parameter compression names 'bzip2'")


@pytest.mark.parametrize("allowed_ms", [b"0", b"1"])
async def test_a_deadline_that_passes_before_the_call_is_let_in_is_told(service: Service, allowed_ms: bytes) -> None:
    async def find(_token: str) -> Credential | None:
        await asyncio.Event().wait()

    slow = Gate(find, [service.descriptor])

    status, body, info = await answer(service, slow, part(b"{}"), headers={"connect-timeout-ms": allowed_ms})

    assert (status, body["code"], info.field) == (504, "deadline_exceeded", "connect-timeout-ms")
    assert f"'connect-timeout-ms: {allowed_ms.decode()}'" in body["message"]
    assert info.hint in body["message"]


REFUSED: list[tuple[dict[str, bytes], int, str]] = [
    ({"authorization": b"Bearer \xff"}, 400, "MALFORMED_HEADER"),
    ({"content-type": b"text/csv"}, 415, "UNSUPPORTED_ENCODING"),
    ({"connect-timeout-ms": b"soon"}, 400, "MALFORMED_HEADER"),
]


@pytest.mark.parametrize(("headers", "status", "reason"), REFUSED)
async def test_a_request_that_is_no_call_is_refused_with_a_reason(
    service: Service, gate: Gate, headers: dict[str, bytes], status: int, reason: str
) -> None:
    answered, _, info = await answer(service, gate, part(b"{}"), headers=headers)

    assert (answered, info.reason) == (status, reason)


async def test_a_path_without_an_rpc_is_refused_with_a_reason(service: Service, gate: Gate) -> None:
    status, _, info = await answer(service, gate, path="/nothing")

    assert (status, info.reason) == (404, "UNKNOWN_PATH")
