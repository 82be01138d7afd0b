"""Measures every RPC, and traces it when traces are exported; the same over Connect and native gRPC."""

import time
from collections.abc import Mapping
from types import TracebackType

from connectrpc.errors import ConnectError
from opentelemetry.context import attach
from opentelemetry.metrics import Histogram
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from core.errors import PugError
from core.instruments import SECONDS, Instruments
from core.telemetry import rpc_method, trace_id
from core.tracing import failed, sender_of, start

OK = "ok"


class Calls:
    """Every RPC, by method and code: both come from the contract, so they are few."""

    def __init__(self, instruments: Instruments) -> None:
        self._seconds = instruments.meter.create_histogram(
            "pug.rpc", "s", "From an RPC's headers to its answer, its body's arrival included.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._tracer = instruments.tracer

    def begin(self, method: str, headers: Mapping[str, str]) -> "ObservedCall":
        """A call of a method such as `pug.capture.v1.CaptureService/Capture`, in a task of its own; names of `headers` are lower-case."""
        rpc_method.set(method.rpartition(".")[2])
        if self._tracer is None:
            return ObservedCall(method, self._seconds, None)
        span = start(self._tracer, method, SpanKind.SERVER, [sender_of(headers)])
        span.set_attribute("rpc.method", method)
        # Never detached: the task ends with the call.
        attach(set_span_in_context(span))
        trace_id.set(f"{span.get_span_context().trace_id:032x}")
        return ObservedCall(method, self._seconds, span)


class ObservedCall:
    """One RPC under way; as a context manager it ends with what is raised."""

    __slots__ = ("_method", "_seconds", "_span", "_started")

    def __init__(self, method: str, seconds: Histogram, span: Span | None) -> None:
        self._method = method
        self._seconds = seconds
        self._span = span
        self._started = time.perf_counter()

    def end(self, error: BaseException | None) -> None:
        """The call was answered, with an error or without."""
        code = code_of(error)
        self._seconds.record(time.perf_counter() - self._started, {"method": self._method, "code": code})
        if self._span is None:
            return
        if error is not None:
            failed(self._span, code)
        self._span.end()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.end(error)


def code_of(error: BaseException | None) -> str:
    """The code a client is told, as Connect spells it; `ok` for none."""
    match error:
        case None:
            return OK
        case PugError() | ConnectError():
            return error.code.value
        case Exception():
            return "internal"
        case _:
            return "canceled"
