import pytest
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from core.telemetry import trace_id
from core.tracing import TRACEPARENT, current, sender_of, start, step, traceparent
from measured import Measured

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def context(number: int, *, sampled: bool = True) -> SpanContext:
    return SpanContext(number, number, is_remote=True, trace_flags=TraceFlags(int(sampled)))


def test_a_header_survives_being_read_and_written() -> None:
    assert traceparent(sender_of({TRACEPARENT: CALLER})) == CALLER
    assert traceparent(sender_of({TRACEPARENT: UNSAMPLED})) == UNSAMPLED


@pytest.mark.parametrize("given", ["", "nonsense", "00-zz-11-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é" * 200])
def test_a_wrong_header_is_no_sender(given: str) -> None:
    assert not sender_of({TRACEPARENT: given}).is_valid


def test_a_span_belongs_to_its_first_sender_and_is_linked_with_at_most_32_others() -> None:
    measured = Measured()

    start(measured.tracer, "publish", SpanKind.PRODUCER, [context(number) for number in range(1, 101)]).end()

    (span,) = measured.spans("publish")
    assert span.context
    assert (span.context.trace_id, [link.context.trace_id for link in span.links]) == (1, list(range(2, 34)))


def test_senders_that_are_not_traced_are_left_out() -> None:
    measured = Measured()

    start(measured.tracer, "mixed", SpanKind.PRODUCER, [context(1, sampled=False), context(2), context(3)]).end()
    start(measured.tracer, "none", SpanKind.PRODUCER, [context(1, sampled=False)]).end()

    (mixed,) = measured.spans("mixed")
    assert mixed.context
    assert (mixed.context.trace_id, [link.context.trace_id for link in mixed.links]) == (2, [3])
    assert measured.spans("none") == []


def test_what_an_exception_says_stays_out_of_its_span() -> None:
    measured = Measured()

    with pytest.raises(ValueError, match="ann"), current(measured.tracer.start_span("block")):
        raise ValueError("ann@example.com")

    (span,) = measured.spans("block")
    assert (span.status.is_ok, span.status.description, dict(span.attributes or {}), span.events) == (
        False,
        None,
        {"error.type": "ValueError"},
        (),
    )


def test_log_lines_within_a_span_know_its_trace() -> None:
    measured = Measured()

    with current(start(measured.tracer, "block", SpanKind.CONSUMER, [sender_of({TRACEPARENT: CALLER})])):
        within = trace_id.get()

    assert (within, trace_id.get()) == ("0af7651916cd43dd8448eb211c80319c", "")


def test_a_step_outside_of_a_span_is_no_span() -> None:
    measured = Measured()

    with step(measured.tracer, "insert"), step(None, "insert"):
        pass

    assert measured.exporter.get_finished_spans() == ()
