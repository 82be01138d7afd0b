"""Watches messages on their way to the stream: how long JetStream takes for each, and whose requests are in it."""

import contextlib
import time
from collections.abc import Generator, Sequence

from opentelemetry.metrics import Histogram
from opentelemetry.trace import SpanContext, SpanKind, Tracer, get_current_span

from core.tracing import TRACEPARENT, current, start, traceparent


class Sending:
    """Measures every message. With a tracer each has a span, which its header names: whoever stores the message goes on from there."""

    def __init__(self, seconds: Histogram, tracer: Tracer | None) -> None:
        self._seconds = seconds
        self._tracer = tracer

    def caller(self) -> SpanContext | None:
        """The request that hands rows over, to be given to `message`; None while nothing is traced."""
        return get_current_span().get_span_context() if self._tracer else None

    @contextlib.contextmanager
    def message(self, callers: Sequence[SpanContext | None]) -> Generator[dict[str, str] | None]:
        """While a message with these callers' rows is sent; gives its headers, None for none."""
        started = time.perf_counter()
        try:
            if self._tracer is None:
                yield None
                return
            span = start(self._tracer, "publish", SpanKind.PRODUCER, [caller for caller in callers if caller])
            span.set_attribute("pug.requests", len(callers))
            with current(span):
                yield {TRACEPARENT: traceparent(span.get_span_context())} if span.is_recording() else None
        finally:
            self._seconds.record(time.perf_counter() - started)
