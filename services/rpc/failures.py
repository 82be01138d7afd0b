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
from services.rpc.compression import ENCODINGS, TooLaborious

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call as its client sees it, over whichever protocol."""

    code: Code
    message: str
    info: ErrorInfo
    # When to come back; 0 when the same request would only fail again.
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a request says what the transport goes by: a refusal names it as its sender does."""

    message: str = "body"
    encoding: str = "content-encoding"
    encoding_is_a: str = "header"
    # The header of the caller's own deadline, as it was sent.
    deadline: str = ""


_SOON = timedelta(seconds=1)
_POST = Envelope()


def failure_of(error: Exception, *, method: str, request_id: str, envelope: Envelope = _POST) -> Failure:
    """What the client is told. Text of an exception that isn't ours stays in the log, found there by the request id."""
    if isinstance(error, PugError) and error.code is not Code.INTERNAL:
        info = ErrorInfo(reason=error.reason, field=error.field, hint=error.hint)
        return Failure(error.code, _sentence(error), info, _retry_after_s(error))
    if isinstance(error, ConnectError):
        return _of_transport(error, envelope)
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
# What connectrpc says when the caller's deadline has passed, whatever it was that took so long.
_TIMED_OUT = "Request timed out"


def _of_transport(error: ConnectError, envelope: Envelope) -> Failure:
    if unknown := _UNKNOWN_COMPRESSION.match(error.message):
        hint = f"Send {ENCODINGS}, or leave {envelope.encoding} out."
        info = ErrorInfo(reason="UNSUPPORTED_ENCODING", field=envelope.encoding, hint=hint)
        name = unknown["name"].partition("'")[0]
        message = f"The {envelope.encoding_is_a} {envelope.encoding} names '{name}', which is not known here. {hint}"
        return Failure(error.code, message, info)
    if error.code is Code.RESOURCE_EXHAUSTED:
        field, hint = envelope.message, "Send less at once."
        return Failure(error.code, f"{field}: The {error.message}. {hint}", ErrorInfo(reason="BODY_TOO_LARGE", field=field, hint=hint))
    if error.code is Code.INVALID_ARGUMENT:
        return _of_malformed(error, envelope)
    if error.code is Code.DEADLINE_EXCEEDED:
        return _of_deadline(error, envelope)
    return Failure(error.code, error.message, ErrorInfo(reason=error.code.name))


def _of_malformed(error: ConnectError, envelope: Envelope) -> Failure:
    field, encoding = envelope.message, envelope.encoding
    if isinstance(error, TooLaborious):
        message = f"The {field}, {error.encoding} as {encoding} says, {error.message}."
        hint = f"Send less at once, compress it in one piece, or leave {encoding} out."
    elif error.message.startswith("decompress:"):
        message = f"The {field} is not valid {error.message.partition(':')[2].strip()}, as {encoding} says."
        hint = f"Compress it whole, or leave {encoding} out."
    elif error.message.startswith("'message'"):
        message, hint = f"{error.message}.", "Add message={} to the query."
    else:
        message, hint = f"{error.message}.", "Check its encoding."
    where = "" if field in message else f"{field}: "
    return Failure(error.code, f"{where}{message} {hint}", ErrorInfo(reason="MALFORMED_REQUEST", field=field, hint=hint))


def _of_deadline(error: ConnectError, envelope: Envelope) -> Failure:
    if error.message == _TIMED_OUT:
        field, message = envelope.deadline.partition(":")[0], f"The call took longer than its header '{envelope.deadline}' allows."
        hint = "Allow more time, ask for less, or send the body faster."
    else:
        field, message, hint = "body", error.message, "Send it faster, or send less at once."
    return Failure(error.code, f"{message} {hint}", ErrorInfo(reason="DEADLINE_EXCEEDED", field=field, hint=hint))
