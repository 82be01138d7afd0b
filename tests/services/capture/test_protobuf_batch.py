"""What only protobuf can say, and get wrong."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf, nan

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

import batches
from core.errors import BatchTooLarge, InvalidArgument, MalformedRequest, PugError
from pug.capture.v1 import capture_pb2
from services.capture.batch import Arrival, Batch, receipt
from services.capture.protobuf_batch import decode_protobuf

Read = Callable[[bytes], Batch]


@pytest.fixture(scope="session")
def read(arrival: Arrival) -> Read:
    return lambda body: batches.batch_of(decode_protobuf(body, arrival))


def event(name: str = "signed_up", occurred_at: Timestamp | None = None, **properties: Value) -> capture_pb2.Event:
    return capture_pb2.Event(name=name, distinct_id="ann", occurred_at=occurred_at, properties=Struct(fields=properties))


def batch_of(*events: capture_pb2.Event, sent_at: Timestamp | None = None) -> bytes:
    return capture_pb2.CaptureRequest(events=events, sent_at=sent_at).SerializeToString()


def stored(batch: Batch) -> object:
    assert batch.problems == []
    return json.loads(batch.rows)[7]


def test_a_batch_of_a_stream_is_read_like_any_other(read: Read) -> None:
    batch = read(capture_pb2.CaptureStreamRequest(events=[event()]).SerializeToString())

    assert batch.accepted == 1


def test_an_empty_body_is_an_empty_batch(read: Read) -> None:
    assert read(b"") == Batch(rows=b"", event_ids=[])


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 20, b"\x0b", b"\x12\x01\xff"])
def test_a_body_that_is_no_request_is_malformed(read: Read, body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(body)


def test_fields_of_a_newer_schema_are_ignored(read: Read) -> None:
    batch = read(batch_of(event()) + b"\xf2\x06\x03new")

    assert batch.accepted == 1


def test_a_string_that_is_not_utf8_costs_only_its_own_event(read: Read) -> None:
    body = batch_of(event(), event(name="broken"), event(), sent_at=Timestamp(seconds=1_772_366_340)).replace(b"broken", b"\xff\xfeoken")

    batch = read(body)

    assert batch.accepted == 2
    assert [(p.index, p.reason) for p in batch.problems] == [(1, "EVENT_UNREADABLE")]


def test_a_time_of_sending_counts_also_when_an_event_cannot_be_read(read: Read) -> None:
    happened = event(name="broken"), event(occurred_at=Timestamp(seconds=1_772_362_800))
    body = batch_of(*happened, sent_at=Timestamp(seconds=1_772_366_340)).replace(b"broken", b"\xff\xfeoken")

    batch = read(body)

    assert json.loads(batch.rows)[5] == 1_772_362_860_000


def test_nesting_that_protobuf_will_not_follow_costs_only_its_own_event(read: Read) -> None:
    fields = Struct(fields={"a": Value(bool_value=True)}).SerializeToString()
    for _ in range(60):
        fields = wrapped(1, b"\x0a\x01a" + wrapped(2, wrapped(5, fields)))
    deep = wrapped(1, event().SerializeToString() + wrapped(6, fields))

    batch = read(batch_of(event()) + deep + batch_of(event()))

    assert batch.accepted == 2
    assert [(p.index, p.reason) for p in batch.problems] == [(1, "EVENT_UNREADABLE")]


def wrapped(number: int, content: bytes) -> bytes:
    """An embedded message by hand: the library refuses to build one it would refuse to read."""
    size = len(content)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_refused(read: Read, number: float) -> None:
    batch = read(batch_of(event(), event(a=Value(struct_value=Struct(fields={"b": Value(number_value=number)})))))

    assert batch.accepted == 1
    assert [(p.index, p.reason, p.field) for p in batch.problems] == [(1, "PROPERTY_NOT_FINITE", "properties.a.b")]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3.0, b"3"),
        (-3.0, b"-3"),
        (0.0, b"0"),
        (-0.0, b"0"),
        (2.5, b"2.5"),
        (2.0**53, b"9007199254740992"),
        (2.0**54, b"1.8014398509481984e16"),
        (1e300, b"1e300"),
        (5e-324, b"5e-324"),
    ],
)
def test_a_whole_number_is_stored_as_json_would_have_said_it(read: Read, number: float, text: bytes) -> None:
    batch = read(batch_of(event(a=Value(number_value=number))))

    assert batch.rows.endswith(b'{"a":' + text + b'},""]')


def test_a_value_left_empty_is_absent(read: Read) -> None:
    batch = read(batch_of(event(a=Value(), b=Value(bool_value=False), c=Value(string_value=""))))

    assert stored(batch) == {"b": False, "c": ""}


@pytest.mark.parametrize("time", [Timestamp(seconds=1, nanos=-1), Timestamp(seconds=1, nanos=1_000_000_000)])
def test_a_time_whose_nanoseconds_are_not_a_fraction_is_refused(read: Read, time: Timestamp) -> None:
    batch = read(batch_of(event(occurred_at=time)))

    assert [(p.reason, p.field) for p in batch.problems] == [("OCCURRED_AT_INVALID", "occurredAt")]
    with pytest.raises(InvalidArgument):
        read(batch_of(event(), sent_at=time))


@pytest.mark.parametrize("seconds", [-1, 2**62, -(2**63), 2**63 - 1])
def test_seconds_beyond_every_calendar_are_refused(read: Read, seconds: int) -> None:
    batch = read(batch_of(event(occurred_at=Timestamp(seconds=seconds))))

    assert [p.reason for p in batch.problems] == ["OCCURRED_AT_OUT_OF_RANGE"]


@pytest.mark.parametrize("unreadable", [b"", b"\x0a\x03\x12\x01\xff"])
def test_a_flood_of_empty_events_is_refused_at_once(read: Read, unreadable: bytes) -> None:
    body = unreadable + b"\x0a\x00" * 520_000
    started = time.perf_counter()

    with pytest.raises(BatchTooLarge):
        read(body)

    # Measured: 20 ms; the bound leaves room for a busy machine.
    assert time.perf_counter() - started < 0.5


@given(
    body=st.binary(max_size=200)
    | st.binary(max_size=40).map(lambda noise: batch_of(event(name="x" * 40)).replace(b"x" * len(noise), noise, 1))
)
def test_no_bytes_raise_anything_but_our_own_errors(read: Read, body: bytes) -> None:
    with suppress(PugError):
        batch = read(body)

        receipt(batch).SerializeToString()
        assert batch.accepted == len(batch.rows.splitlines())
