"""Spans, and how they find each other across processes. Nothing here is called while traces aren't exported."""

import contextlib
from collections.abc import Generator, Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.telemetry import trace_id

TRACEPARENT = "traceparent"
# One message may carry hundreds of requests, and one block thousands of messages.
_LINKS = 32


def sender_of(headers: Mapping[str, str]) -> SpanContext:
    """The span a request or message comes from; an invalid one when it doesn't say, or says it wrongly.

    Its `tracestate` is left behind: it may hold anything, and would travel with every message.
    """
    given = headers.get(TRACEPARENT, "")
    return get_current_span(TraceContextTextMapPropagator().extract({TRACEPARENT: given}, Context())).get_span_context()


def traceparent(span: SpanContext) -> str:
    """The span as a header."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"


def start(tracer: Tracer, name: str, kind: SpanKind, senders: Sequence[SpanContext]) -> Span:
    """A span that belongs to the first sender that is traced, and is linked with the others; with none it begins a trace."""
    traced = [sender for sender in senders if sender.is_valid and sender.trace_flags.sampled]
    # Who decided not to trace a request decided it for what follows.
    parent = next(iter(traced), None) or next((sender for sender in senders if sender.is_valid), None)
    context = set_span_in_context(NonRecordingSpan(parent), Context()) if parent else Context()
    return tracer.start_span(name, context, kind, links=[Link(sender) for sender in traced[1 : 1 + _LINKS]])


@contextlib.contextmanager
def current(span: Span) -> Generator[Span]:
    """The span while something runs, for the spans and the log lines within it; it ends with it."""
    logged = trace_id.set(f"{span.get_span_context().trace_id:032x}")
    try:
        # What an exception says may be somebody's data: only its kind is told.
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                failed(span, type(error).__name__)
                raise
    finally:
        trace_id.reset(logged)


@contextlib.contextmanager
def step(tracer: Tracer | None, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Generator[Span]:
    """A part of what the current span is about; when there is none, a span that forgets all it is told."""
    if tracer is None or not get_current_span().is_recording():
        yield INVALID_SPAN
        return
    with current(tracer.start_span(name, kind=kind)) as span:
        yield span


def failed(span: Span, kind: str) -> None:
    """Mark the span as failed, for a reason of this kind."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)
