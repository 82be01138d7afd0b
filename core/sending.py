"""Watches messages on their way to the stream: how long JetStream takes for each, and whose requests are in it."""

import contextlib
import time
from collections.abc import Generator, Sequence
from types import TracebackType

from opentelemetry.metrics import Histogram
from opentelemetry.trace import SpanContext, SpanKind, Tracer, get_current_span

from core.tracing import TRACEPARENT, current, start, traceparent

Headers = dict[str, str] | None


class Sending:
    """Measures every message. With a tracer each has a span, which its header names: whoever stores the message goes on from there."""

    def __init__(self, seconds: Histogram, tracer: Tracer | None) -> None:
        self._seconds = seconds
        self._tracer = tracer

    def caller(self) -> SpanContext | None:
        """The request that hands rows over, to be given to `message`; None while nothing is traced."""
        return get_current_span().get_span_context() if self._tracer else None

    def message(self, callers: Sequence[SpanContext | None]) -> contextlib.AbstractContextManager[Headers]:
        """While a message with these callers' rows is sent; gives its headers, None for none."""
        return _traced(self._tracer, self._seconds, callers) if self._tracer else _Timed(self._seconds)


class _Timed:
    __slots__ = ("_seconds", "_started")

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds
        self._started = time.perf_counter()

    def __enter__(self) -> Headers:
        return None

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._seconds.record(time.perf_counter() - self._started)


@contextlib.contextmanager
def _traced(tracer: Tracer, seconds: Histogram, callers: Sequence[SpanContext | None]) -> Generator[Headers]:
    span = start(tracer, "publish", SpanKind.PRODUCER, [caller for caller in callers if caller])
    span.set_attribute("pug.requests", len(callers))
    with _Timed(seconds), current(span):
        yield {TRACEPARENT: traceparent(span.get_span_context())} if span.is_recording() else None
