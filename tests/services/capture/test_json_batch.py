"""What only JSON can say, and get wrong."""

import json
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import batch_of
from core.errors import BatchTooLarge, InvalidArgument, MalformedRequest, PugError, UnknownField
from services.capture.admission import Admission
from services.capture.batch import Arrival, Batch, receipt
from services.capture.json_batch import decode_json, decode_one_by_one

ID = "0195b0a2-0000-7000-8000-000000000001"
GOOD = b'{"name":"kept","distinctId":"ann"}'


@pytest.fixture(scope="session")
def read(arrival: Arrival) -> Callable[[bytes], Batch]:
    return lambda body: batch_of(decode_json(body, arrival))


Read = Callable[[bytes], Batch]


def with_event(event: bytes) -> bytes:
    """A batch of a good event, the given one, and another good one."""
    return b'{"events":[' + GOOD + b"," + event + b"," + GOOD + b"]}"


def with_value(value: bytes) -> bytes:
    return with_event(b'{"eventId":"' + ID.encode() + b'","name":"n","distinctId":"d","properties":{"a":' + value + b"}}")


def middle_problem(batch: Batch) -> tuple[str, str]:
    """The problem of the middle event, whose neighbours were kept; it can be sent to the client."""
    (problem,) = batch.problems
    assert (batch.accepted, problem.index) == (2, 1)
    assert receipt(batch).SerializeToString()
    return problem.reason, problem.field


def middle_value(batch: Batch) -> object:
    assert batch.problems == []
    return json.loads(batch.rows.split(b"\n")[1])[7].get("a")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff",
        b"[]",
        b"null",
        b"1",
        b'{"events":[{]}',
        b'{"events":{}}',
        b'{"events":1}',
        b"\xef\xbb\xbf{}",
        b'{"events":[]} {}',
        b'{"\xff":1}',
        b'["\\ud800"]',
        b'{"events":"\\ud800"}',
        b'{"events":"","sentAt":NaN,"sentAt":null}',
        b"\\u",
    ],
)
def test_a_body_that_is_no_batch_is_malformed(read: Read, body: bytes) -> None:
    with pytest.raises(MalformedRequest) as refused:
        read(body)

    assert refused.value.message


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_number_json_does_not_have_costs_its_own_event_only(read: Read, literal: str) -> None:
    good, bad = '{"name":"n","distinctId":"d"}', f'{{"name":"n","distinctId":"d","properties":{{"x":{literal}}}}}'

    batch = read(f'{{"events":[{good},{bad},{good},{literal}]}}'.encode())

    assert batch.accepted == 2
    assert [(problem.index, problem.reason, problem.field) for problem in batch.problems] == [
        (1, "PROPERTY_NOT_FINITE", "properties.x"),
        (3, "WRONG_TYPE", ""),
    ]


def test_a_malformed_body_says_where(read: Read) -> None:
    with pytest.raises(MalformedRequest, match="byte 21"):
        read(b'{"events":[{"name":"a}]}'[:20] + b'"x"')


@pytest.mark.parametrize("body", [b"{}", b'{"events":[]}', b'{"events":null}', b'{"events":[],"sentAt":null}'])
def test_no_events_are_a_success(read: Read, body: bytes) -> None:
    assert read(body) == Batch(rows=b"", event_ids=[])


@pytest.mark.parametrize("field", ["event", "Events", "sent", "\\ud800", "x" * 300])
def test_an_unknown_field_of_the_batch_is_named(read: Read, field: str) -> None:
    with pytest.raises(UnknownField) as refused:
        read(b'{"events":[],"' + field.encode() + b'":1}')

    assert refused.value.field.startswith(field[:5] if field.isascii() and "\\" not in field else "?")
    assert refused.value.message.encode()


@pytest.mark.parametrize(
    "sent_at", ['"yesterday"', '""', "1772366400", "1e999", "{}", '"2026-03-01T12:00:00"', '"2026-02-30T12:00:00Z"', '"\\ud800"']
)
def test_a_time_of_sending_that_cannot_be_read_fails_the_batch(read: Read, sent_at: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(b'{"events":[],"sentAt":' + sent_at.encode() + b"}")

    assert refused.value.field == "sentAt"


def test_fields_may_be_written_in_snake_case_or_in_both(read: Read) -> None:
    camel = b'{"eventId":"%s","name":"n","distinctId":"d","sessionId":"s","occurredAt":"2026-03-01T11:00:00Z","properties":{"eventId":1}}'
    snake = (
        b'{"event_id":"%s","name":"n","distinct_id":"d","session_id":"s","occurred_at":"2026-03-01T11:00:00Z","properties":{"eventId":1}}'
    )
    mixed = b'{"event_id":"%s","name":"n","distinctId":"d","session_id":"s","occurredAt":"2026-03-01T11:00:00Z","properties":{"eventId":1}}'

    batches = [
        read(b'{"events":[' + event % ID.encode() + b'],"' + sent_at + b'":"2026-03-01T11:59:00Z"}')
        for event in (camel, snake, mixed)
        for sent_at in (b"sentAt", b"sent_at")
    ]

    assert all(batch == batches[0] for batch in batches)
    assert batches[0].accepted == 1
    assert b"1772362860000" in batches[0].rows


def test_null_is_an_absent_field(read: Read) -> None:
    nulls = b'{"eventId":null,"name":"n","distinctId":"d","sessionId":null,"occurredAt":null,"properties":null}'

    batch = read(with_event(nulls))
    refused = read(with_event(b'{"name":null,"distinctId":"d"}'))

    assert (batch.accepted, batch.problems) == (3, [])
    assert json.loads(batch.rows.split(b"\n")[1])[4:] == ["", 1772366400000, 1772366400000, {}, ""]
    assert middle_problem(refused) == ("NAME_MISSING", "name")


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("distinct", "distinctId"),
        ("distinctid", "distinctId"),
        ("DistinctId", "distinctId"),
        ("property", "properties"),
        ("properites", "properties"),
        ("nmae", "name"),
        ("occured_at", "occurredAt"),
        ("session", "sessionId"),
        ("event", "name"),
        ("time", "occurredAt"),
        ("timestamp", "occurredAt"),
        ("plan", "properties"),
        ("q", "properties"),
        ("", "properties"),
    ],
)
def test_an_unknown_field_refuses_its_event_and_suggests_the_nearest(read: Read, field: str, nearest: str) -> None:
    batch = read(with_event(b'{"eventId":"%s","name":"n","distinctId":"d","%s":1}' % (ID.encode(), field.encode())))

    assert middle_problem(batch) == ("UNKNOWN_FIELD", field)
    assert f"`{nearest}`" in batch.problems[0].message
    assert batch.problems[0].event_id == ID


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (b"1", "WRONG_TYPE", ""),
        (b"null", "WRONG_TYPE", ""),
        (b"[]", "WRONG_TYPE", ""),
        (b'{"name":1,"distinctId":"d"}', "WRONG_TYPE", "name"),
        (b'{"name":"n","distinctId":7}', "WRONG_TYPE", "distinctId"),
        (b'{"name":"n","distinctId":"d","sessionId":{}}', "WRONG_TYPE", "sessionId"),
        (b'{"name":"n","distinctId":"d","eventId":1}', "WRONG_TYPE", "eventId"),
        (b'{"name":"n","distinctId":"d","properties":[]}', "WRONG_TYPE", "properties"),
        (b'{"name":"n\\ud800","distinctId":"d"}', "TEXT_INVALID", "name"),
        (b'{"name":"n","distinctId":"\\udc00d"}', "TEXT_INVALID", "distinctId"),
        (b'{"name":"n\xff","distinctId":"d"}', "TEXT_INVALID", "name"),
        (b'{"name":"n","distinctId":"d","properties":{"a":{"b":["\\ud83d"]}}}', "TEXT_INVALID", "properties.a.b[0]"),
        (b'{"name":"n","distinctId":"d","properties":{"a":"\xed\xa0\x80"}}', "TEXT_INVALID", "properties.a"),
        (b'{"name":"n","distinctId":"d","properties":{"\\ud83d":1}}', "TEXT_INVALID", "properties"),
        (b'{"name":"n","distinctId":"d","\\ud83d":1}', "UNKNOWN_FIELD", "?"),
        (b'{"name":"n","distinctId":"d","eventId":"\\ud83d"}', "TEXT_INVALID", "eventId"),
    ],
)
def test_an_event_of_the_wrong_shape_costs_only_itself(read: Read, event: bytes, reason: str, field: str) -> None:
    assert middle_problem(read(with_event(event))) == (reason, field)


@pytest.mark.parametrize(
    "occurred_at",
    [
        "",
        "now",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-02-30T12:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:00:60Z",
        "2026-03-01T12:00:00+25:00",
        "2026-03-01T12:00:00,5Z",
        "2026-W09-7T12:00:00Z",
        "20260301T120000Z",
        "٢026-03-01T12:00:00Z",
    ],
)
def test_a_time_that_cannot_be_read_is_refused(read: Read, occurred_at: str) -> None:
    batch = read(with_event(json.dumps({"name": "n", "distinctId": "d", "occurredAt": occurred_at}).encode()))

    assert middle_problem(batch) == ("OCCURRED_AT_INVALID", "occurredAt")


@pytest.mark.parametrize("occurred_at", [b"1772366400000", b"true", b"{}", b"1e999"])
def test_a_time_that_is_no_string_is_refused(read: Read, occurred_at: bytes) -> None:
    batch = read(with_event(b'{"name":"n","distinctId":"d","occurredAt":' + occurred_at + b"}"))

    assert middle_problem(batch) == ("OCCURRED_AT_INVALID", "occurredAt")


@pytest.mark.parametrize(
    ("digits", "stored"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775809", -(2.0**63)),
        (b"9" * 30, 1e30),
        (b"9" * 308, 1e308),
        (b"1e-999", 0),
        (b"-0", 0),
        (b"0." + b"3" * 5_000, 1 / 3),
    ],
)
def test_a_number_keeps_its_value_or_the_nearest_a_float_can_hold(read: Read, digits: bytes, stored: float) -> None:
    assert middle_value(read(with_value(digits))) == stored


@pytest.mark.parametrize("digits", [b"1e999999", b"-1e400", b"9" * 400, b"9" * 6_000, b"[[1e309]]"])
def test_a_number_beyond_every_float_is_refused(read: Read, digits: bytes) -> None:
    reason, field = middle_problem(read(with_value(digits)))

    assert reason == "PROPERTY_NOT_FINITE"
    assert field.startswith("properties.a")


def test_the_last_of_two_equal_keys_wins(read: Read) -> None:
    assert middle_value(read(with_value(b'1,"a":2'))) == 2
    assert middle_value(read(with_value(b'1,"a":99999999999999999999999'))) == 1e23
    assert read(b'{"events":[1,2,3],"events":[]}') == Batch(rows=b"", event_ids=[])


def test_an_escaped_nul_is_found_and_an_escaped_backslash_is_not_mistaken_for_one(read: Read) -> None:
    assert middle_problem(read(with_value(b'"a\\u0000"'))) == ("NUL_CHARACTER", "properties.a")
    assert middle_value(read(with_value(b'"a\\\\u0000"'))) == "a\\u0000"


@pytest.mark.parametrize("levels", [6, 100, 500])
def test_deep_nesting_inside_one_event_costs_only_that_event(read: Read, levels: int) -> None:
    reason, _ = middle_problem(read(with_value(b"[" * levels + b"]" * levels)))

    assert reason in {"PROPERTIES_TOO_DEEP", "EVENT_UNREADABLE"}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("before", [b"", b'"\\ud800",'])
def test_nesting_of_ten_thousand_levels_is_malformed_and_nothing_worse(read: Read, opening: bytes, before: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(b'{"events":[' + before + opening * 10_000)


@pytest.mark.parametrize("body", [b'{"events":[' + b"{}," * 2_000_000 + b"{}]}", b'{"events":[' + b"{}," * 349_000 + b"{}]}"])
def test_a_flood_of_empty_events_is_refused_at_once(read: Read, body: bytes) -> None:
    started = time.perf_counter()

    with pytest.raises(BatchTooLarge):
        read(body)

    # Measured: 20 ms; the bound leaves room for a busy machine.
    assert time.perf_counter() - started < 0.5


def test_a_thousand_bad_events_are_explained_one_by_one(read: Read) -> None:
    body = b'{"events":[' + b",".join([b'{"name":"n","distinctId":"d","properties":{"a":[[[[[1]]]]]}}'] * 1_000) + b"]}"

    batch = read(body)

    assert (batch.accepted, batch.rejected) == (0, 1_000)


@given(body=st.binary(max_size=200) | st.binary(max_size=100).map(lambda noise: with_value(b'"' + noise + b'"')))
def test_no_bytes_raise_anything_but_our_own_errors(read: Read, body: bytes) -> None:
    with suppress(PugError):
        batch = read(body)

        receipt(batch).SerializeToString()
        assert batch.accepted == len(batch.rows.splitlines())


TIMES = st.builds(
    "{}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from(["1969", "1970", "2026", "2199", "2200", "0001", "9999", "0000"]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(["T", "t", " ", "_"]),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.sampled_from(["", ".", ".5", ".25", ".999", ".9995", ".999999", ".9999995", ".123999499", ".123999500", ".000000001", ",5"]),
    st.sampled_from(["Z", "z", "", "+02:00", "-0230", "+02", "-00:00", "+24:00", "+23:59"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**66), 2**66) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {"eventId": st.uuids().map(str), "name": st.text(max_size=4), "distinctId": st.sampled_from(["ann", "0", " ", ""])},
    optional={
        "occurredAt": TIMES | st.none(),
        "properties": st.dictionaries(st.text(max_size=3), VALUES, max_size=4) | st.none(),
        "cookieless": st.sampled_from([True, False, None, 1, "true"]),
        "sessionId": st.sampled_from(["", "s"]),
        "x": st.none(),
    },
)


@given(events=st.lists(EVENTS, max_size=5), sent_at=st.none() | TIMES)
def test_reading_at_once_and_one_by_one_come_to_the_same(arrival: Arrival, events: list[object], sent_at: str | None) -> None:
    body = json.dumps({"events": events, "sentAt": sent_at}).encode()

    def outcome(read: Callable[[bytes, Arrival], Admission]) -> object:
        try:
            return batch_of(read(body, arrival))
        except PugError as error:
            return error.reason, error.field

    assert outcome(decode_json) == outcome(decode_one_by_one)


@pytest.mark.parametrize("value", [b"1", b'"true"', b"[]", b"{}"])
def test_cookieless_is_true_or_false(read: Read, value: bytes) -> None:
    batch = read(with_event(b'{"name":"n","distinctId":"d","cookieless":' + value + b"}"))

    assert middle_problem(batch) == ("WRONG_TYPE", "cookieless")


@pytest.mark.parametrize("spelling", [b"cookieless", b"Cookieless"])
def test_cookieless_is_spelt_in_one_way(read: Read, spelling: bytes) -> None:
    batch = read(with_event(b'{"name":"n","' + spelling + b'":true}'))

    assert [problem.reason for problem in batch.problems] == ([] if spelling == b"cookieless" else ["UNKNOWN_FIELD"])
