"""What every batch has to be, whichever format it comes in."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from batches import HOUR_MS, ID, NOON_MS, OTHER_ID, SOMEBODY, Decode, event, only_problem, rows, stored_time
from core.errors import BatchTooLarge, InvalidArgument
from services.capture.admission import Admission
from services.capture.batch import Arrival, Batch, Reason
from services.capture.json_batch import decode_json
from services.capture.rules import unix_ms


def test_an_event_becomes_one_row_of_compact_json_in_the_order_of_the_columns(decode: Decode) -> None:
    happened = event(sessionId="s1", occurredAt="2026-03-01T11:00:00.25Z", properties={"plan": {"seats": [3, None]}})

    batch = decode(happened)

    assert batch.rows == (
        b'["0195b0a2-0000-7000-8000-000000000001",7,"signed_up","ann","s1",1772362800250,1772366400000,{"plan":{"seats":[3,null]}},""]'
    )
    assert (batch.accepted, batch.duplicates, batch.problems) == (1, 0, [])


def test_every_row_says_what_the_request_says_of_its_client(through_json: Callable[..., Batch], arrival: Arrival) -> None:
    context = '{"$browser":"A \\"B\\" [c]\\u0000","$mobile":true}'
    events = [event(eventId=""), event(eventId="", properties={"a": [[1], "x"]}), event(eventId="", properties={"a": "\0"})]

    batch = decode_json(json.dumps({"events": events}).encode(), replace(arrival, context=context)).batch()
    without = through_json(*events)

    rows = [json.loads(line) for line in batch.rows.split(b"\n")]
    assert [row[8] for row in rows] == [context] * 2
    assert [row[7] for row in rows] == [json.loads(line)[7] for line in without.rows.split(b"\n")] == [{}, {"a": ["[1]", "x"]}]
    assert [problem.reason for problem in batch.problems] == [Reason.NUL_CHARACTER]


def test_rows_are_separated_by_newlines_and_hold_none_of_their_own(decode: Decode) -> None:
    events = [event(eventId="", name="line\nbreak\r\u2028\x85", properties={"a\nb": "c\nd"}) for _ in range(3)]

    batch = decode(*events)

    assert [line[:2] + line[38:40] for line in batch.rows.split(b"\n")] == [b'["",'] * 3
    assert rows(batch)[0][2] == "line\nbreak\r\u2028\x85"


def test_an_empty_batch_is_a_success(decode: Decode) -> None:
    batch = decode()

    assert batch == Batch(rows=b"", event_ids=[])


def test_a_bad_event_leaves_its_neighbours_alone_and_is_named_by_its_place(decode: Decode) -> None:
    batch = decode(event(), event(eventId=OTHER_ID, name=""), event(eventId=""))

    assert batch.accepted == 2
    assert batch.rejected == 1
    assert [(p.index, p.event_id, p.reason) for p in batch.problems] == [(1, OTHER_ID, Reason.NAME_MISSING)]


def test_problems_come_in_the_order_of_the_events(decode: Decode) -> None:
    batch = decode(
        event(properties={"a": "x" * 9_000}),
        event(occurredAt="2026-03-05T00:00:00Z"),
        event(name=""),
        event(properties={"a": "\0"}),
        event(distinctId=""),
        sent_at="2026-03-01T12:00:00Z",
    )

    assert [problem.index for problem in batch.problems] == [0, 1, 2, 3, 4]


def test_a_thousand_events_are_a_batch_and_one_more_is_too_many(decode: Decode) -> None:
    batch = decode(*[event(eventId="")] * 1_000)

    assert batch.accepted == 1_000
    with pytest.raises(BatchTooLarge) as refused:
        decode(*[event(eventId="")] * 1_001)
    assert refused.value.field == "events"


def test_more_than_a_mebibyte_is_too_large(decode: Decode) -> None:
    with pytest.raises(BatchTooLarge):
        decode(event(properties={"a": "x" * 2**20}))


@pytest.mark.parametrize("sent_at", ["1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"])
def test_a_time_of_sending_that_no_clock_shows_fails_the_batch(decode: Decode, sent_at: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode(event(), sent_at=sent_at)

    assert refused.value.field == "sentAt"


def test_an_event_without_an_id_is_given_one(decode: Decode) -> None:
    batch = decode(event(eventId=""), {"name": "signed_up", "distinctId": "ann"})

    ids = [str(row[0]) for row in rows(batch)]
    assert len(set(ids)) == 2
    assert all(len(made) == 36 and made[14] == "7" for made in ids)


@pytest.mark.parametrize("event_id", [ID.upper(), ID.replace("-", ""), ID.replace("-", "").upper()])
def test_an_id_is_kept_in_lower_case_with_hyphens(decode: Decode, event_id: str) -> None:
    batch = decode(event(eventId=event_id))

    assert rows(batch)[0][0] == ID


@pytest.mark.parametrize(
    "event_id",
    [
        "1",
        "x" * 36,
        ID + "0",
        ID + "\n",
        "{" + ID + "}",
        "urn:uuid:" + ID,
        ID[:-1] + "g",
        "0195b0a20-000-7000-8000-000000000001",
        "-" * 36,
        " ",
        "00000000-0000-0000-0000-000000000000",
        "0" * 32,
        ID[:-1] + "١",
    ],
)
def test_an_id_that_is_no_uuid_is_refused(decode: Decode, event_id: str) -> None:
    batch = decode(event(eventId=event_id))

    assert only_problem(batch) == ("EVENT_ID_INVALID", "eventId")
    assert batch.problems[0].event_id == ""


def test_the_same_id_twice_counts_once_and_the_first_is_kept(decode: Decode) -> None:
    batch = decode(event(name="first"), event(eventId=ID.upper(), name="second"), event(eventId=OTHER_ID))

    assert (batch.accepted, batch.duplicates, batch.problems) == (2, 1, [])
    assert [row[2] for row in rows(batch)] == ["first", "signed_up"]


@pytest.mark.parametrize("bad", [{"name": ""}, {"properties": {"a": "\0"}}, {"properties": {str(i): "x" * 8_000 for i in range(9)}}])
def test_a_refused_event_does_not_make_a_good_one_of_its_id_a_duplicate(decode: Decode, bad: dict[str, object]) -> None:
    batch = decode(event(**bad), event())

    assert (batch.accepted, batch.duplicates, batch.rejected) == (1, 0, 1)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": ""}, "NAME_MISSING", "name"),
        ({"name": " \t\u00a0"}, "NAME_MISSING", "name"),
        ({"name": "x" * 201}, "NAME_TOO_LONG", "name"),
        ({"distinctId": ""}, "DISTINCT_ID_MISSING", "distinctId"),
        ({"distinctId": "x" * 201}, "DISTINCT_ID_TOO_LONG", "distinctId"),
        ({"sessionId": "x" * 201}, "SESSION_ID_TOO_LONG", "sessionId"),
        ({"name": "a\0b"}, "NUL_CHARACTER", "name"),
        ({"distinctId": "a\0b"}, "NUL_CHARACTER", "distinctId"),
        ({"sessionId": "\0"}, "NUL_CHARACTER", "sessionId"),
    ],
)
def test_an_event_has_to_say_what_happened_to_whom(decode: Decode, fields: dict[str, object], reason: str, field: str) -> None:
    batch = decode(event(**fields))

    assert only_problem(batch) == (reason, field)


def test_names_and_ids_may_have_200_characters_of_any_script(decode: Decode) -> None:
    longest = "😀" * 200

    batch = decode(event(name=longest, distinctId=longest, sessionId=longest))

    assert rows(batch)[0][2:5] == [longest] * 3


@pytest.mark.parametrize(
    "placeholder",
    [
        "anonymous",
        "Guest",
        "distinct_id",
        "ID",
        "not_authenticated",
        "email",
        "undefined",
        "NULL",
        "None",
        "nil",
        "NaN",
        "true",
        "False",
        "0",
        "[object Object]",
        " ",
        "\t\xa0",
        '""',
        "' '",
        ' " " ',
        "00000000-0000-0000-0000-000000000000",
        " null ",
    ],
)
def test_a_placeholder_is_nobody(decode: Decode, placeholder: str) -> None:
    batch = decode(event(distinctId=placeholder))

    assert only_problem(batch) == ("PLACEHOLDER_DISTINCT_ID", "distinctId")


@pytest.mark.parametrize("distinct_id", ["00", "anonymous-1", "nobody", "o'null", "-", "email@example.com", " ann "])
def test_an_id_that_only_resembles_a_placeholder_is_somebody(decode: Decode, distinct_id: str) -> None:
    batch = decode(event(distinctId=distinct_id))

    assert rows(batch)[0][3] == distinct_id


@pytest.mark.parametrize(
    ("occurred_at", "ms"),
    [
        ("2026-03-01T12:00:00Z", NOON_MS),
        ("2026-03-01T14:00:00+02:00", NOON_MS),
        ("2026-03-01T11:59:59.9Z", NOON_MS - 100),
        ("2026-03-01T12:00:00.000999999Z", NOON_MS),
        ("2026-03-01T11:59:59.9999999Z", NOON_MS - 1),
        ("1970-01-01T00:00:00Z", 0),
        ("2199-12-31T23:59:59.999999999Z", 7_258_118_399_999),
    ],
)
def test_a_time_is_kept_to_the_millisecond_rounded_down(decode: Decode, occurred_at: str, ms: int) -> None:
    batch = decode(event(occurredAt=occurred_at))

    assert stored_time(batch) == ms


def test_an_event_without_a_time_happened_when_it_was_received_whatever_the_clock_was(decode: Decode) -> None:
    batch = decode(event(), sent_at="2026-03-01T09:00:00Z")

    assert stored_time(batch) == NOON_MS


@pytest.mark.parametrize(
    "occurred_at", ["1969-12-31T23:59:59.999Z", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_time_that_cannot_be_stored_is_refused(decode: Decode, occurred_at: str) -> None:
    batch = decode(event(occurredAt=occurred_at))

    assert only_problem(batch) == ("OCCURRED_AT_OUT_OF_RANGE", "occurredAt")


@pytest.mark.parametrize(
    ("sent_at", "off_ms"), [("2026-03-01T11:59:00Z", 60_000), ("2026-03-01T12:01:00Z", -60_000), ("2026-03-01T12:00:00Z", 0)]
)
def test_what_the_clock_was_off_when_sending_is_corrected(decode: Decode, sent_at: str, off_ms: int) -> None:
    batch = decode(event(occurredAt="2026-03-01T11:00:00Z"), sent_at=sent_at)

    assert stored_time(batch) == NOON_MS - HOUR_MS + off_ms
    assert batch.problems == []


def test_a_correction_of_up_to_23_hours_ahead_is_believed(decode: Decode) -> None:
    batch = decode(event(occurredAt="2026-03-02T10:00:00Z"), sent_at="2026-03-01T11:00:00Z")

    assert stored_time(batch) == NOON_MS + 23 * HOUR_MS
    assert batch.problems == []


def test_a_correction_further_ahead_is_ignored_with_a_warning(decode: Decode) -> None:
    batch = decode(event(occurredAt="2026-03-02T10:00:00.001Z"), sent_at="2026-03-01T11:00:00Z")

    assert stored_time(batch) == NOON_MS + 22 * HOUR_MS + 1
    (warning,) = batch.problems
    assert (warning.index, warning.event_id, warning.reason, warning.field) == (0, ID, Reason.CLOCK_SKEW_IGNORED, "occurredAt")
    assert warning.warning
    assert (batch.accepted, batch.rejected) == (1, 0)


def test_a_future_time_without_a_time_of_sending_is_kept_as_sent_with_a_warning(decode: Decode) -> None:
    batch = decode(event(occurredAt="2026-04-01T12:00:00Z"))

    assert stored_time(batch) == NOON_MS + 31 * 24 * HOUR_MS
    assert warnings(batch) == [(0, ID, "OCCURRED_IN_FUTURE", "occurredAt")]


def warnings(batch: Batch) -> list[tuple[int, str, str, str]]:
    assert all(problem.warning and problem.message for problem in batch.problems)
    assert (batch.rejected, batch.accepted) == (0, len(rows(batch)))
    return [(problem.index, problem.event_id, problem.reason, problem.field) for problem in batch.problems]


@pytest.mark.parametrize(("occurred_at", "reasons"), [("11:00:00Z", []), ("11:00:00.001Z", ["OCCURRED_IN_FUTURE"])])
def test_up_to_23_hours_ahead_may_be_a_time_zone(decode: Decode, occurred_at: str, reasons: list[str]) -> None:
    batch = decode(event(occurredAt=f"2026-03-02T{occurred_at}"))

    assert [warning[2] for warning in warnings(batch)] == reasons


@pytest.mark.parametrize(("occurred_at", "reasons"), [("2006-03-06T12:00:00Z", []), ("2006-03-06T11:59:59.999Z", ["OCCURRED_LONG_AGO"])])
def test_a_time_of_more_than_twenty_years_ago_is_kept_with_a_warning(decode: Decode, occurred_at: str, reasons: list[str]) -> None:
    batch = decode(event(occurredAt=occurred_at))

    assert [warning[2] for warning in warnings(batch)] == reasons
    assert stored_time(batch) == unix_ms(datetime.fromisoformat(occurred_at))


def test_the_corrected_time_is_what_is_warned_about(decode: Decode) -> None:
    clock_of_1970 = decode(event(occurredAt="1970-01-01T00:00:00Z"), sent_at="1970-01-01T01:00:00Z")

    assert stored_time(clock_of_1970) == NOON_MS - HOUR_MS
    assert warnings(clock_of_1970) == [(0, ID, "CLOCK_SKEW_LARGE", "sentAt")]


@pytest.mark.parametrize("sent_at", ["2026-02-28T12:00:00Z", "2026-03-02T12:00:00Z"])
def test_a_clock_that_is_off_by_a_day_is_nothing_to_warn_about(decode: Decode, sent_at: str) -> None:
    batch = decode(event(occurredAt="2026-02-20T12:00:00Z"), sent_at=sent_at)

    assert batch.problems == []


@pytest.mark.parametrize(("sent_at", "way"), [("2026-02-28T11:59:59Z", "behind"), ("2026-03-02T12:00:01Z", "ahead")])
def test_a_clock_that_is_off_by_more_is_warned_about_once_a_batch(decode: Decode, sent_at: str, way: str) -> None:
    timed = [event(eventId="", occurredAt=f"2026-02-20T12:00:0{second}Z") for second in range(3)]

    batch = decode(event(), event(eventId="", name=""), *timed, sent_at=sent_at)

    (refused, warning) = batch.problems
    assert (refused.index, warning.index, warning.reason) == (1, 2, "CLOCK_SKEW_LARGE")
    assert way in warning.message


def test_a_clock_is_not_warned_about_when_no_time_was_corrected(decode: Decode) -> None:
    batch = decode(event(), sent_at="2020-01-01T00:00:00Z")

    assert batch.problems == []


def cookieless(**fields: object) -> dict[str, object]:
    return {"eventId": ID, "name": "signed_up", "cookieless": True, **fields}


def test_a_cookieless_event_is_let_in_without_an_id_and_gets_its_visitors(decode: Decode) -> None:
    batch = decode(event(), cookieless(eventId=OTHER_ID))

    assert [(row[0], *row[3:5]) for row in rows(batch)] == [(ID, "ann", ""), (OTHER_ID, *SOMEBODY)]
    assert batch.problems == []


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"distinctId": "ann"}, "COOKIELESS_DISTINCT_ID", "distinctId"),
        ({"distinctId": "null"}, "COOKIELESS_DISTINCT_ID", "distinctId"),
        ({"sessionId": "s"}, "COOKIELESS_SESSION_ID", "sessionId"),
        ({"name": ""}, "NAME_MISSING", "name"),
        ({"eventId": "nonsense"}, "EVENT_ID_INVALID", "eventId"),
        ({"properties": {"a": "\0"}}, "NUL_CHARACTER", "properties.a"),
        ({"occurredAt": "1969-01-01T00:00:00Z"}, "OCCURRED_AT_OUT_OF_RANGE", "occurredAt"),
    ],
)
def test_a_cookieless_event_says_not_who_did_it_and_all_the_rest(
    decode: Decode, fields: dict[str, object], reason: str, field: str
) -> None:
    batch = decode(cookieless(**fields))

    assert only_problem(batch) == (reason, field)


def test_an_event_that_is_not_cookieless_has_to_say_who_did_it(decode: Decode) -> None:
    batch = decode(cookieless(cookieless=False))

    assert only_problem(batch) == ("DISTINCT_ID_MISSING", "distinctId")


@pytest.mark.parametrize("distinct_id", ["cookieless-", "cookieless-ann"])
def test_an_id_like_those_we_derive_is_refused(decode: Decode, distinct_id: str) -> None:
    batch = decode(event(distinctId=distinct_id))

    assert only_problem(batch) == ("RESERVED_DISTINCT_ID", "distinctId")


@pytest.mark.parametrize("distinct_id", ["cookieless", "Cookieless-ann", "a-cookieless-ann"])
def test_an_id_that_only_resembles_those_we_derive_is_somebody(decode: Decode, distinct_id: str) -> None:
    batch = decode(event(distinctId=distinct_id))

    assert rows(batch)[0][3] == distinct_id


def test_a_batch_is_not_made_as_long_as_a_visitor_is_unknown(arrival: Arrival) -> None:
    admission = Admission(arrival, None)
    admission.admit_cookieless(0, ID, "signed_up", "", "", None, {})

    with pytest.raises(RuntimeError, match="without its visitor"):
        admission.batch()


def test_a_correction_to_before_1970_is_refused(decode: Decode) -> None:
    batch = decode(event(occurredAt="1970-01-01T00:00:01Z"), sent_at="2026-03-02T12:00:00Z")

    assert only_problem(batch) == ("OCCURRED_AT_OUT_OF_RANGE", "occurredAt")


def test_a_refused_event_is_not_warned_about(decode: Decode) -> None:
    batch = decode(event(occurredAt="2026-03-05T00:00:00Z", properties={"a": "\0"}), sent_at="2026-03-01T12:00:00Z")

    assert only_problem(batch) == ("NUL_CHARACTER", "properties.a")
