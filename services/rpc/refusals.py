"""Refuses what is no RPC, before connectrpc sees it: its own refusals of these have no body, or Python's words."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from connectrpc.code import Code
from google.protobuf.descriptor import MethodDescriptor

from pug.common.v1.error_info_pb2 import ErrorInfo
from services.rpc.asgi import Scope, Send
from services.rpc.gate import request_id_of
from services.rpc.service import streams_requests, streams_responses

_WEB = frozenset({"application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json"})
_UNARY = _WEB | {"application/json", "application/proto"}
_STREAM = _WEB | {"application/connect+json", "application/connect+proto"}
_ENCODINGS = ("json", "proto")
_LENGTH_DIGITS = 15
_ENVELOPE = 5  # what gRPC-Web puts before a message
_TIMEOUT_DIGITS = 10
_ACCEPTED = {b"accept-post": b"application/json, application/proto"}
_NO_SIDE_EFFECTS = 1  # google.protobuf.MethodOptions.NO_SIDE_EFFECTS


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says what is wrong with a request."""

    status: int
    code: Code
    info: ErrorInfo
    message: str
    headers: Mapping[bytes, bytes]


def nothing_here() -> Refusal:
    """For a path without an RPC."""
    hint = "RPCs are at /pug.<area>.v1.<Service>/<Method>."
    return Refusal(404, Code.UNIMPLEMENTED, ErrorInfo(reason="UNKNOWN_PATH", hint=hint), f"There is nothing at this path. {hint}", {})


def refusal_of(scope: Scope, method: MethodDescriptor, max_bytes: int) -> Refusal | None:
    """Why a request cannot be a call of the RPC, whose messages have at most `max_bytes`; None when it can."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if not value.isascii() and not _is_text(name, value):
            shown = bytes(name).decode("ascii", "replace")
            return _bad_header(shown, "holds bytes that are not ASCII", "Send ASCII only; percent-encode the rest.")
        if name == b"authorization" and name in headers:
            return _bad_header("authorization", "is there twice", "Send one credential.")
        headers.setdefault(name, value)
    return (
        _method_refusal(scope, method)
        or _protocol_refusal(headers)
        or _encoding_refusal(scope, method, headers)
        or _length_refusal(method, headers, max_bytes)
    )


def _is_text(name: bytes, value: bytes) -> bool:
    """Whether connectrpc can read a header that isn't ASCII; a cookie or a referrer may be such, a credential may not."""
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        return False
    return name != b"authorization"


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer as Connect does, with the detail every error carries."""
    current = request_id_of({bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in scope["headers"]})
    detail = base64.b64encode(refusal.info.SerializeToString()).decode().rstrip("=")
    answer = {
        "code": refusal.code.value,
        "message": refusal.message,
        "details": [{"type": refusal.info.DESCRIPTOR.full_name, "value": detail}],
    }
    headers = [(b"content-type", b"application/json"), (b"x-request-id", current.encode()), *refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _method_refusal(scope: Scope, method: MethodDescriptor) -> Refusal | None:
    if scope["method"] == "POST":
        return None
    # Connect has no form for a stream that is read by GET.
    readable = method.GetOptions().idempotency_level == _NO_SIDE_EFFECTS and not streams_responses(method)
    if scope["method"] == "GET" and readable:
        return None
    allowed = "GET, POST" if readable else "POST"
    info = ErrorInfo(reason="METHOD_NOT_ALLOWED", hint=f"Send {allowed.replace(',', ' or')}.")
    message = f"{method.name} does not take {str(scope['method'])[:20]}. {info.hint}"
    return Refusal(405, Code.UNIMPLEMENTED, info, message, {b"allow": allowed.encode()})


def _protocol_refusal(headers: Mapping[bytes, bytes]) -> Refusal | None:
    timeout = headers.get(b"connect-timeout-ms", b"")
    if timeout and not (len(timeout) <= _TIMEOUT_DIGITS and timeout.isdigit()):
        return _bad_header("connect-timeout-ms", "is no number of milliseconds", "Send up to 10 digits, such as 5000, or leave it out.")
    if headers.get(b"connect-protocol-version", b"1") != b"1":
        return _bad_header("connect-protocol-version", "is a version unknown here", "Send 1, or leave it out.")
    return None


def _encoding_refusal(scope: Scope, method: MethodDescriptor, headers: Mapping[bytes, bytes]) -> Refusal | None:
    content_type = headers.get(b"content-type", b"").decode().partition(";")[0].strip().lower()
    if content_type.startswith("application/grpc") and content_type not in _WEB:
        return _unsupported("content-type", "Native gRPC is served on the gRPC port (PUG_GRPC_PORT); this port takes Connect and gRPC-Web.")
    if scope["method"] == "GET":
        return _query_refusal(bytes(scope.get("query_string", b"")))
    if streams_responses(method):
        wanted = "Send application/connect+json or application/connect+proto: this RPC is a stream."
        return None if content_type in _STREAM else _unsupported("content-type", wanted)
    return None if content_type in _UNARY else _unsupported("content-type", "Send application/json or application/proto.")


def _length_refusal(method: MethodDescriptor, headers: Mapping[bytes, bytes], max_bytes: int) -> Refusal | None:
    """Refuse a body that says it is too long, before any of it is read; one that doesn't say is cut off at the limit."""
    declared = headers.get(b"content-length", b"")
    if streams_requests(method) or not declared.isdigit() or (len(declared) <= _LENGTH_DIGITS and int(declared) <= max_bytes + _ENVELOPE):
        return None
    info = ErrorInfo(reason="BODY_TOO_LARGE", field="body", hint="Send less at once.")
    message = f"body: The body is {declared.decode()[:_LENGTH_DIGITS]} bytes; at most {max_bytes:,} are allowed. {info.hint}"
    return Refusal(429, Code.RESOURCE_EXHAUSTED, info, message, {})


def _query_refusal(query: bytes) -> Refusal | None:
    if not query.isascii():
        info = ErrorInfo(reason="MALFORMED_REQUEST", field="message", hint="Percent-encode the query.")
        return Refusal(400, Code.INVALID_ARGUMENT, info, f"The query holds bytes that are not ASCII. {info.hint}", {})
    encoding = parse_qs(query.decode(), keep_blank_values=True).get("encoding", [""])[0]
    return None if encoding in _ENCODINGS else _unsupported("encoding", "Add encoding=json or encoding=proto to the query.")


def _unsupported(field: str, hint: str) -> Refusal:
    info = ErrorInfo(reason="UNSUPPORTED_ENCODING", field=field, hint=hint)
    return Refusal(415, Code.INVALID_ARGUMENT, info, f"{field}: {hint}", _ACCEPTED)


def _bad_header(name: str, wrong: str, hint: str) -> Refusal:
    info = ErrorInfo(reason="MALFORMED_HEADER", field=name, hint=hint)
    return Refusal(400, Code.INVALID_ARGUMENT, info, f"The header {name} {wrong}. {hint}", {})
