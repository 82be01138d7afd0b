import json
from datetime import UTC, datetime

import pytest

from app.cli.dead.letters import DeadLetter, first_event, read_row

CAME_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = ["0192f3a4-0000-7000-8000-000000000001", 1, "bought", "ann", "", 1_772_000_000_000, 1_772_000_000_000, {"n": 1}]


def letter(content: bytes = b"", **headers: str) -> DeadLetter:
    return DeadLetter(7, CAME_AT, {name.replace("_", "-"): value for name, value in headers.items()}, len(content), content)


def test_a_letter_says_where_it_came_from_and_when_it_died() -> None:
    full = letter(
        Pug_Reason="Memory limit",
        Pug_Stream="EVENTS",
        Pug_Subject="events.captured.3",
        Pug_Stream_Sequence="12",
        Pug_Rows="2",
        Pug_Died_At="2026-02-01T00:00:00Z",
    )

    assert (full.reason, full.stream, full.subject, full.sequence, full.rows) == ("Memory limit", "EVENTS", "events.captured.3", 12, 2)
    assert full.died_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_letter_with_no_or_odd_headers_goes_back_to_where_events_come_in() -> None:
    for odd in (
        letter(b"a\nb"),
        letter(
            b"a\nb",
            Pug_Stream="X Y",
            Pug_Subject="events.> PUB",
            Pug_Stream_Sequence="1e3",
            Pug_Rows="²",
            Pug_Died_At="soon",
            Pug_Reason=" ",
        ),
        letter(b"a\nb", Pug_Subject="events", Pug_Stream_Sequence="-1", Pug_Rows="9" * 5000),
        letter(b"a\nb", Pug_Subject="events.*"),
    ):
        assert (odd.stream, odd.subject, odd.sequence, odd.rows) == ("EVENTS", "events.captured", None, 2)
        assert (odd.reason, odd.died_at) == ("no reason given", CAME_AT)


def test_a_time_without_a_zone_is_taken_for_utc() -> None:
    assert letter(Pug_Died_At="2026-02-01T00:00:00").died_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_reason_is_found_by_a_part_of_it_in_any_case() -> None:
    assert letter(Pug_Reason="Cannot parse: Ärger").is_about("PARSE: ä")
    assert not letter(Pug_Reason="Cannot parse").is_about("memory")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b'{"an":"object"}',
        b"[]",
        b"7",
        b"[NaN]",
        b"[1e999]",
        b"[-Infinity]",
        b"[" * 100_000,
        b"[" * 70 + b"]" * 70,
        b"[" + b"9" * 5000 + b"]",
    ],
)
def test_what_could_not_be_shown_as_a_row_is_none(line: bytes) -> None:
    assert read_row(line) is None


def test_a_row_is_read_whatever_its_values() -> None:
    assert read_row(json.dumps(ROW).encode()) == ROW
    assert read_row(b'["\\ud800", 1.5, null]') == ["\ud800", 1.5, None]


def test_the_first_event_is_named_where_there_is_one() -> None:
    row = json.dumps(ROW).encode()

    assert first_event(letter(row + b"\ngarbage")) == "bought"
    assert first_event(letter(b"garbage\n" + row)) is None
    assert first_event(letter(b'["id", 1]')) is None
    assert first_event(letter(b'["id", 1, 2]')) is None
    assert first_event(letter()) is None
