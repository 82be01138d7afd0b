import base64
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor

from pug.capture.v1 import capture_pb2
from pug.common.v1.error_info_pb2 import ErrorInfo
from pug.insights.v1 import insights_pb2
from services.rpc.refusals import nothing_here, refusal_of, refuse

CAPTURE = capture_pb2.DESCRIPTOR.services_by_name["CaptureService"].methods_by_name["Capture"]
STREAM = capture_pb2.DESCRIPTOR.services_by_name["CaptureService"].methods_by_name["CaptureStream"]
QUERY = insights_pb2.DESCRIPTOR.services_by_name["InsightsService"].methods_by_name["Query"]
JSON = (b"content-type", b"application/json")
Scope = MutableMapping[str, Any]


def request(*headers: tuple[bytes, bytes], method: str = "POST", query: bytes = b"") -> Scope:
    return {"type": "http", "method": method, "headers": list(headers), "query_string": query}


ACCEPTED = [
    (CAPTURE, request(JSON)),
    (CAPTURE, request((b"content-type", b"Application/JSON; charset=utf-8"))),
    (CAPTURE, request(JSON, (b"connect-timeout-ms", b"5000"), (b"connect-protocol-version", b"1"))),
    (CAPTURE, request((b"content-type", b"application/grpc-web+proto"))),
    (STREAM, request((b"content-type", b"application/connect+json"))),
    (QUERY, request(method="GET", query=b"encoding=json&message={}")),
]


@pytest.mark.parametrize(("method", "scope"), ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_call_is_not_refused(method: MethodDescriptor, scope: Scope) -> None:
    assert refusal_of(scope, method, 2**20) is None


REFUSED = [
    (CAPTURE, request(), 415, "content-type", "application/json"),
    (CAPTURE, request((b"content-type", b"text/csv")), 415, "content-type", "application/json"),
    (CAPTURE, request((b"content-type", b"application/connect+json")), 415, "content-type", "application/json"),
    (STREAM, request(JSON), 415, "content-type", "application/connect+json"),
    (CAPTURE, request((b"content-type", b"application/grpc")), 415, "content-type", "gRPC port"),
    (CAPTURE, request((b"content-type", b"application/grpc+proto")), 415, "content-type", "gRPC port"),
    (QUERY, request(method="GET"), 415, "encoding", "encoding=json"),
    (QUERY, request(method="GET", query=b"encoding=xml&message={}"), 415, "encoding", "encoding=json"),
    (QUERY, request(method="GET", query=b"encoding=json&message=\xff"), 400, "message", "Percent-encode"),
    (CAPTURE, request(method="GET"), 405, "", "POST"),
    (QUERY, request(JSON, method="DELETE"), 405, "", "GET or POST"),
    (CAPTURE, request(JSON, (b"connect-timeout-ms", b"-5")), 400, "connect-timeout-ms", "5000"),
    (CAPTURE, request(JSON, (b"connect-timeout-ms", b"1" * 11)), 400, "connect-timeout-ms", "10 digits"),
    (CAPTURE, request(JSON, (b"connect-protocol-version", b"2")), 400, "connect-protocol-version", "Send 1"),
    (CAPTURE, request(JSON, (b"authorization", b"Bearer \xff")), 400, "authorization", "ASCII"),
    (CAPTURE, request(JSON, (b"x-other", b"\xe9")), 400, "x-other", "ASCII"),
    (CAPTURE, request(JSON, (b"authorization", "Bearer é".encode())), 400, "authorization", "ASCII"),
    (CAPTURE, request(JSON, (b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")), 400, "authorization", "one credential"),
]


@pytest.mark.parametrize(("method", "scope", "status", "field", "hint"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_call_is_refused_saying_why(method: MethodDescriptor, scope: Scope, status: int, field: str, hint: str) -> None:
    refusal = refusal_of(scope, method, 2**20)

    assert refusal
    assert (refusal.status, refusal.info.field) == (status, field)
    assert hint in refusal.info.hint
    assert refusal.info.hint in refusal.message


async def test_a_refusal_carries_its_detail_and_the_request_id() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await refuse(request((b"x-request-id", b"job-1")), send, nothing_here())

    (detail,) = json.loads(sent[1]["body"])["details"]
    info = ErrorInfo.FromString(base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4)))
    assert (sent[0]["status"], detail["type"], info.reason) == (404, "pug.common.v1.ErrorInfo", "UNKNOWN_PATH")
    assert (b"x-request-id", b"job-1") in sent[0]["headers"]
    assert "=" not in detail["value"]


def test_a_cookie_in_utf_8_is_no_reason_to_refuse() -> None:
    assert refusal_of(request(JSON, (b"cookie", "name=é".encode())), CAPTURE, 2**20) is None
