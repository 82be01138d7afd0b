"""Turns exceptions into what a client may see."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta

import structlog
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from core.errors import PugError
from pug.common.v1.error_info_pb2 import ErrorInfo
from services.rpc.compression import ENCODINGS

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call as its client sees it, over whichever protocol."""

    code: Code
    message: str
    info: ErrorInfo
    # When to come back; 0 when the same request would only fail again.
    retry_after_s: int = 0


_SOON = timedelta(seconds=1)


def failure_of(error: Exception, *, method: str, request_id: str, encoding_header: str = "content-encoding") -> Failure:
    """What the client is told. Text of an exception that isn't ours stays in the log, found there by the request id."""
    if isinstance(error, PugError) and error.code is not Code.INTERNAL:
        info = ErrorInfo(reason=error.reason, field=error.field, hint=error.hint)
        return Failure(error.code, _sentence(error), info, _retry_after_s(error))
    if isinstance(error, ConnectError):
        return _of_transport(error, encoding_header)
    log.error("rpc_failed", method=method, request_id=request_id, exc_info=error)
    message = f"Something went wrong on our side. The log of the server says more under request id {request_id}."
    return Failure(Code.INTERNAL, message, ErrorInfo(reason="INTERNAL", hint=f"Tell the operator the request id {request_id}."))


def _retry_after_s(error: PugError) -> int:
    wait = error.retry_after or (_SOON if error.code is Code.UNAVAILABLE else timedelta())
    return math.ceil(wait.total_seconds())


def _sentence(error: PugError) -> str:
    # Whoever reads only the message, as with curl, still gets the field and the fix.
    where = f"{error.field}: " if error.field and error.field not in error.message else ""
    return f"{where}{error.message} {error.hint}".rstrip()


_UNKNOWN_COMPRESSION = re.compile(r"unknown compression: '(?P<name>.{0,50})")


def _of_transport(error: ConnectError, encoding_header: str) -> Failure:
    if unknown := _UNKNOWN_COMPRESSION.match(error.message):
        hint = f"Send {ENCODINGS}, or leave {encoding_header} out."
        info = ErrorInfo(reason="UNSUPPORTED_ENCODING", field=encoding_header, hint=hint)
        name = unknown["name"].partition("'")[0]
        return Failure(error.code, f"The header {encoding_header} names '{name}', which is not known here. {hint}", info)
    if error.code is Code.RESOURCE_EXHAUSTED:
        hint = "Send less at once."
        return Failure(error.code, f"body: The {error.message}. {hint}", ErrorInfo(reason="BODY_TOO_LARGE", field="body", hint=hint))
    if error.code is Code.INVALID_ARGUMENT:
        return _of_malformed(error, encoding_header)
    if error.code is Code.DEADLINE_EXCEEDED:
        hint = "Send the body faster, or allow more time."
        return Failure(error.code, f"{error.message} {hint}", ErrorInfo(reason="DEADLINE_EXCEEDED", hint=hint))
    return Failure(error.code, error.message, ErrorInfo(reason=error.code.name))


def _of_malformed(error: ConnectError, encoding_header: str) -> Failure:
    if error.message.startswith("decompress:"):
        encoding = error.message.partition(":")[2].strip()
        field, message = "body", f"The body is not valid {encoding}, as {encoding_header} says."
        hint = f"Compress it whole, or leave {encoding_header} out."
    elif error.message.startswith("'message'"):
        field, message, hint = "message", f"{error.message}.", "Add message={} to the query."
    else:
        field, message, hint = "body", error.message, "Check its encoding."
    where = "" if field in message else f"{field}: "
    return Failure(error.code, f"{where}{message} {hint}", ErrorInfo(reason="MALFORMED_REQUEST", field=field, hint=hint))
