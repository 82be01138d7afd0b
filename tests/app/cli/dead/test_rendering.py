import base64
import json
from datetime import UTC, datetime

import pytest

from app.cli.dead.letters import DeadLetter
from app.cli.dead.rendering import Fate, dump_lines, fates_table, letter_json, letter_text, letters_table, totals_line
from app.cli.dead.stream import Totals
from app.cli.output import json_text, print_table

CAME_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = ["0192f3a4-0000-7000-8000-000000000001", 1, "bought", "ann", "", 1_772_366_400_000, 10**30, {"a": {"b": [1, "x"]}}, ["web"], "extra"]
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202etxt\r\n"


def letter(content: bytes, reason: str = "Memory limit") -> DeadLetter:
    return DeadLetter(7, CAME_AT, {"Pug-Reason": reason, "Pug-Stream-Sequence": "12", "X-More": "y"}, len(content), content)


def printable(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.dumps(ROW).encode()

    print_table(letters_table([letter(rows + b"\n" + rows), letter(b"\x00garbage", "why [b]" + "y" * 200)]))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "died", "reason", "where", "rows", "bytes", "first", "event"]
    size = f"{2 * len(rows) + 1:,}"
    assert lines[2].split() == ["7", "2026-03-01", "12:00:00", "UTC", "Memory", "limit", "EVENTS:12", "2", size, "bought"]
    assert lines[3].split() == ["7", "2026-03-01", "12:00:00", "UTC", "why", f"[b]{'y' * 93}…", "EVENTS:12", "1", "8", "–"]


def test_the_total_says_how_many_are_shown() -> None:
    assert totals_line(Totals(1, 2048), 1) == "1 dead letter, 2.0 KiB"
    assert totals_line(Totals(1234, 1), 50) == "1,234 dead letters, 1 B; 50 shown"


def test_rows_are_shown_value_by_value() -> None:
    text = letter_text(letter(json.dumps(ROW).encode()), full=False)

    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    assert ["reason", "Memory limit"] in lines
    assert ["X-More", "y"] in lines
    assert ["distinct_id", "ann"] in lines
    assert ["occurred_at", "2026-03-01 12:00:00 UTC (1772366400000)"] in lines
    assert ["received_at", str(10**30)] in lines
    assert ["context", '["web"]'] in lines
    assert ["10", "extra"] in lines
    assert '"b": [' in text


def test_a_line_that_is_no_row_does_not_hide_its_neighbours() -> None:
    text = letter_text(letter(json.dumps(ROW).encode() + b"\n\x00\x1bno\n" + json.dumps(ROW).encode()), full=False)

    assert text.count("bought") == 2
    assert "row 2, which cannot be read" in text
    assert "00000000  00 1b 6e 6f" in text
    assert "..no" in text


def test_what_has_no_row_at_all_is_shown_as_bytes() -> None:
    text = letter_text(letter(b"no\nrows\xff"), full=False)

    assert text.splitlines()[-1].split() == ["00000000", "6e", "6f", "0a", "72", "6f", "77", "73", "ff", "no.rows."]
    assert "It is empty." in letter_text(letter(b""), full=False)


def test_long_content_is_cut_off_unless_all_of_it_is_asked_for() -> None:
    rows = letter(b"\n".join([json.dumps(ROW).encode()] * 30))
    garbage = b"\x01" * 2**20

    assert "… and 10 more" in letter_text(rows, full=False)
    assert "row 30" in letter_text(rows, full=True)
    assert dump_lines(garbage, full=False)[-1].startswith("… and 1,044,480 bytes more")
    assert len(dump_lines(garbage, full=True)) == 2**16


def test_nothing_in_a_letter_acts_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    row = ["id", 1, HOSTILE, HOSTILE, "\ud800", 1, 1, {HOSTILE: [HOSTILE, "\ud800"]}]
    hostile = DeadLetter(7, CAME_AT, {"Pug-Reason": HOSTILE, "X\x1b": HOSTILE}, 9, json.dumps(row).encode())

    print_table(letters_table([hostile]))
    print_table(fates_table([(7, hostile, Fate.DROPPED), (8, None, Fate.NOT_FOUND)]))
    shown = capsys.readouterr().out

    assert printable(shown)
    assert printable(letter_text(hostile, full=True))
    as_json = json_text(letter_json(hostile), indent=2)
    assert printable(as_json)
    assert json.loads(as_json)["content"][0]["name"] == HOSTILE


def test_json_has_the_rows_and_the_exact_bytes() -> None:
    content = json.dumps(ROW).encode() + b"\n\xff"

    shown = letter_json(letter(content))

    assert shown["content"] == [
        {
            **dict(
                zip(("event_id", "project_id", "name", "distinct_id", "session_id", "occurred_at", "received_at"), ROW[:7], strict=True)
            ),
            "properties": {"a": {"b": [1, "x"]}},
            "context": ["web"],
            "10": "extra",
        },
        None,
    ]
    assert shown["content_base64"] == base64.b64encode(content).decode()
    assert (shown["rows"], shown["sequence"], shown["first_event"]) == (2, 12, "bought")
