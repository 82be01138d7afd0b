"""Turns what a browser sends without asking first into an ordinary call.

`navigator.sendBeacon` can set no header but a content type, and of those only a few without a preflight: so the body is JSON called
text/plain, and the write key is in the query. Nothing behind this sees the key there, so that nothing can log it.
"""

from urllib.parse import parse_qs

from connectrpc.code import Code

from pug.common.v1.error_info_pb2 import ErrorInfo
from services.rpc.asgi import Scope
from services.rpc.refusals import Refusal

_SECRET = "sk_"  # noqa: S105 (how a secret begins)
_JSON = (b"content-type", b"application/json")


def open_beacon(scope: Scope, *, allowed: bool) -> Scope | Refusal:
    """The call in a request, or why there is none; where beacons aren't `allowed` only a secret in the URL is looked for."""
    query = bytes(scope.get("query_string", b""))
    keys = parse_qs(query.decode("latin-1")).get("key", []) if b"key" in query else []
    if any(key.strip().startswith(_SECRET) for key in keys):
        return _SECRET_IN_URL
    if not allowed:
        return scope
    headers: list[tuple[bytes, bytes]] = [_as_json(name, value) for name, value in scope["headers"]]
    if keys:
        given = next((_token(value) for name, value in headers if name == b"authorization"), None)
        if len(keys) > 1 or given not in {None, keys[0]}:
            return _TWO_KEYS
        if given is None:
            headers.append((b"authorization", b"Bearer " + keys[0].encode("latin-1")))
    return {**scope, "headers": headers, "query_string": b""}


def _as_json(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return _JSON if name == b"content-type" and value.partition(b";")[0].strip().lower() == b"text/plain" else (name, value)


def _token(authorization: bytes) -> str:
    return bytes(authorization).decode("latin-1").partition(" ")[2].strip()


def _refusal(status: int, code: Code, reason: str, message: str, hint: str) -> Refusal:
    return Refusal(status, code, ErrorInfo(reason=reason, field="key", hint=hint), f"{message} {hint}", {})


_SECRET_IN_URL = _refusal(
    401,
    Code.UNAUTHENTICATED,
    "SECRET_IN_URL",
    "A secret key must never be in a URL: logs, proxies and histories keep it.",
    "Revoke this key, make a new one, and send it in the header 'Authorization: Bearer <key>'; only a write key (pk_…) may be in a query.",
)
_TWO_KEYS = _refusal(
    400,
    Code.INVALID_ARGUMENT,
    "MALFORMED_REQUEST",
    "The request carries more than one key.",
    "Send one, in the header authorization or as key in the query.",
)
