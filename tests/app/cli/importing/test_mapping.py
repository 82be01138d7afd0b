import json
import uuid
from typing import cast

import pytest

from app.cli.client import UsageError
from app.cli.importing.mapping import (
    NAMESPACE,
    ColumnFlags,
    LineRefused,
    cell_encoder,
    json_encoder,
    line_event_id,
    plan_columns,
    time_reader,
)
from app.cli.importing.records import START, Record

SHA = "ab" * 32
COLUMNS = ["full_id", "distinct_id", "occurred_at", "cds", "dollars"]
FLAGS = ColumnFlags(event="purchase", time_format="%Y%m%d", properties=("cds:number", "dollars:number"))


def of_cells(*cells: str, line: int = 1) -> Record:
    return Record(line, START, " ".join(cells).encode(), list(cells))


def of_line(raw: bytes, line: int = 1) -> Record:
    return Record(line, START, raw, [])


def event_of(record: Record, flags: ColumnFlags = FLAGS, columns: list[str] = COLUMNS) -> dict[str, object]:
    return json.loads(cell_encoder(plan_columns(flags, columns), SHA)(record))


def test_a_line_of_columns_becomes_an_event() -> None:
    assert event_of(of_cells("00004", "0001", "19970118", "2", "29.33")) == {
        "eventId": line_event_id(SHA, 1),
        "name": "purchase",
        "distinctId": "0001",
        "occurredAt": "1997-01-18T00:00:00Z",
        "properties": {"cds": 2, "dollars": 29.33},
    }


def test_without_property_options_all_other_columns_become_strings_and_keep_their_zeros() -> None:
    event = event_of(of_cells("00004", "0001", "19970118", "2", "29.33"), ColumnFlags(event="purchase", time_format="%Y%m%d"))

    assert event["properties"] == {"full_id": "00004", "cds": "2", "dollars": "29.33"}


def test_an_empty_cell_is_an_absent_value() -> None:
    event = event_of(of_cells("", "0001", "", "", "1"))

    assert "occurredAt" not in event
    assert event["properties"] == {"dollars": 1}


def test_columns_can_be_anything_when_options_say_which() -> None:
    flags = ColumnFlags(event_column="what", distinct_id="who", time="when", time_format="unix_ms", session_id="visit", event_id="id")
    own_id = str(uuid.uuid4())

    event = event_of(of_cells("u1", "paid", "852076800000", "s1", own_id), flags, ["who", "what", "when", "visit", "id"])

    assert event == {
        "eventId": own_id,
        "name": "paid",
        "distinctId": "u1",
        "sessionId": "s1",
        "occurredAt": "1997-01-01T00:00:00Z",
        "properties": {},
    }


@pytest.mark.parametrize(
    ("cell", "kind", "expected"),
    [
        ("2", "number", 2),
        ("-0.5", "number", -0.5),
        ("1e3", "number", 1000.0),
        ("007", "number", 7),
        ("007", "string", "007"),
        ("Yes", "boolean", True),
        ("0", "boolean", False),
    ],
)
def test_a_cell_becomes_a_value_of_its_type(cell: str, kind: str, expected: object) -> None:
    event = event_of(of_cells("u1", cell), ColumnFlags(event="x", properties=(f"v:{kind}",)), ["distinct_id", "v"])

    assert cast("dict[str, object]", event["properties"])["v"] == expected


@pytest.mark.parametrize(
    ("cells", "reason", "field"),
    [
        (("1", "u", "19970101", "two", "3"), "NUMBER_INVALID", "properties.cds"),
        (("1", "u", "19970101", "2", "nan"), "NUMBER_INVALID", "properties.dollars"),
        (("1", "u", "19970101", "2", "1e999"), "NUMBER_INVALID", "properties.dollars"),
        (("1", "u", "19971301", "2", "3"), "TIME_INVALID", "occurredAt"),
        (("1", "u", "19970101", "2"), "COLUMNS_MISMATCH", ""),
    ],
)
def test_a_line_that_does_not_fit_is_refused_with_its_reason_and_field(cells: tuple[str, ...], reason: str, field: str) -> None:
    with pytest.raises(LineRefused) as refused:
        event_of(of_cells(*cells))

    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_a_line_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(LineRefused, match="not UTF-8"):
        event_of(Record(1, START, b"1 \xff 19970101 2 3", ["1", "\udcff", "19970101", "2", "3"]))


@pytest.mark.parametrize(
    ("flags", "columns", "message"),
    [
        (ColumnFlags(), COLUMNS, "What are the events called"),
        (ColumnFlags(event="x"), ["a", "b"], "who did it"),
        (ColumnFlags(event="x", event_column="a"), COLUMNS, "same thing twice"),
        (ColumnFlags(event="x", distinct_id="customer"), COLUMNS, "no column 'customer'"),
        (ColumnFlags(event="x", properties=("dollar:number",)), COLUMNS, "no column 'dollar'"),
        (ColumnFlags(event="x", properties=("dollars:money",)), COLUMNS, "no type 'money'"),
        (ColumnFlags(event="x", time_zone="Mars/Base"), COLUMNS, "not a time zone"),
        (ColumnFlags(event="x", time_format="%Y"), ["distinct_id"], "no column is the time"),
        (ColumnFlags(event="x"), ["distinct_id", "a", "a"], "Two columns are called 'a'"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_the_fix(flags: ColumnFlags, columns: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        plan_columns(flags, columns)

    assert refused.value.fix


@pytest.mark.parametrize(
    ("time_format", "time_zone", "text", "expected"),
    [
        (None, "UTC", "2026-03-01", "2026-03-01T00:00:00Z"),
        (None, "Europe/Berlin", "2026-03-01T12:00:00", "2026-03-01T11:00:00Z"),
        (None, "Europe/Berlin", "2026-03-01T12:00:00+05:00", "2026-03-01T07:00:00Z"),
        ("%d/%m/%Y %H:%M", "America/New_York", "04/07/2026 09:30", "2026-07-04T13:30:00Z"),
        ("unix", "Europe/Berlin", "1.5", "1970-01-01T00:00:01.500000Z"),
    ],
)
def test_times_are_read_in_their_zone(time_format: str | None, time_zone: str, text: str, expected: str) -> None:
    assert time_reader(time_format, time_zone)(text) == expected


def test_an_id_of_a_line_is_a_uuid5_of_the_content_and_the_line_alone() -> None:
    assert line_event_id(SHA, 7) == str(uuid.uuid5(NAMESPACE, f"{SHA}:7"))
    assert len({line_event_id(SHA, 7), line_event_id(SHA, 8), line_event_id("cd" * 32, 7)}) == 3


def test_a_json_line_with_an_id_passes_as_it_is() -> None:
    line = b'{"eventId":"0b0e3a52-54c6-4bb6-8e27-3a2c9b1f7e90","name":"x"}'

    assert json_encoder(SHA)(of_line(line)) is line


@pytest.mark.parametrize(
    "line",
    [
        b'{"name":"x","distinctId":"u"}',
        b'{ "name": "x", "distinct_id": "u" }',
        b"{}",
        b'{"eventId":null,"name":"x"}',
        b'{"event_id":"","name":"x"}',
    ],
)
def test_a_json_line_without_an_id_gets_the_one_of_its_line(line: bytes) -> None:
    before, after = json.loads(line), json.loads(json_encoder(SHA)(of_line(line, 3)))

    given = [after.pop(key) for key in ("eventId", "event_id") if key in after]
    assert given == [line_event_id(SHA, 3)]
    assert after == {key: value for key, value in before.items() if key not in {"eventId", "event_id"}}


@pytest.mark.parametrize("line", [b"not json", b"[1]", b'{"a":1} {"b":2}', b'{"a":', b'{"a":"\xff"}', b'{"a":' + b"[" * 5_000])
def test_a_line_that_would_spoil_its_batch_is_refused_before_it_is_sent(line: bytes) -> None:
    with pytest.raises(LineRefused) as refused:
        json_encoder(SHA)(of_line(line))

    assert refused.value.reason == "LINE_MALFORMED"
