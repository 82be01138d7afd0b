"""Turns exceptions into what a client may see."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from core.errors import PugError
from pug.common.v1.error_info_pb2 import ErrorInfo

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call as its client sees it, over whichever protocol."""

    code: Code
    message: str
    info: ErrorInfo
    retry_after: timedelta | None = None


def failure_of(error: Exception, *, method: str, request_id: str) -> Failure:
    """What the client is told. Text of an exception that isn't ours stays in the log, found there by the request id."""
    if isinstance(error, PugError) and error.code is not Code.INTERNAL:
        info = ErrorInfo(reason=error.reason, field=error.field, hint=error.hint)
        return Failure(error.code, _sentence(error), info, error.retry_after)
    if isinstance(error, ConnectError):
        return _of_transport(error)
    log.error("rpc_failed", method=method, request_id=request_id, exc_info=error)
    message = f"Something went wrong on our side. The log of the server says more under request id {request_id}."
    return Failure(Code.INTERNAL, message, ErrorInfo(reason="INTERNAL", hint=f"Tell the operator the request id {request_id}."))


def _sentence(error: PugError) -> str:
    # Whoever reads only the message, as with curl, still gets the field and the fix.
    where = f"{error.field}: " if error.field and error.field not in error.message else ""
    return f"{where}{error.message} {error.hint}".rstrip()


def _of_transport(error: ConnectError) -> Failure:
    if error.code is Code.RESOURCE_EXHAUSTED:
        hint = "Send less at once."
        return Failure(error.code, f"body: The {error.message}. {hint}", ErrorInfo(reason="BODY_TOO_LARGE", field="body", hint=hint))
    if error.code is Code.INVALID_ARGUMENT:
        return _of_malformed(error)
    if error.code is Code.DEADLINE_EXCEEDED:
        hint = "Send the body faster, or allow more time."
        return Failure(error.code, f"{error.message} {hint}", ErrorInfo(reason="DEADLINE_EXCEEDED", hint=hint))
    return Failure(error.code, error.message, ErrorInfo(reason=error.code.name))


def _of_malformed(error: ConnectError) -> Failure:
    if error.message.startswith("decompress:"):
        field, message, hint = "body", "The body is not valid gzip.", "Compress it whole, or leave content-encoding out."
    elif error.message.startswith("'message'"):
        field, message, hint = "message", f"{error.message}.", "Add message={} to the query."
    else:
        field, message, hint = "body", error.message, "Check its encoding."
    where = "" if field in message else f"{field}: "
    return Failure(error.code, f"{where}{message} {hint}", ErrorInfo(reason="MALFORMED_REQUEST", field=field, hint=hint))
