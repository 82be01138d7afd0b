import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.importing.records import LONGEST_LINE, START, Format, Position, Record, format_of, read_header, read_records


def read(content: bytes, file_format: Format, start: Position = START, delimiter: str = ",") -> list[Record]:
    return list(read_records(io.BytesIO(content), len(content), start, file_format, delimiter))


def test_lines_know_their_number_and_end_and_blank_ones_are_skipped() -> None:
    found = read(b'{"a":1}\n\n  \n{"a":2}\r\n{"a":3}', Format.NDJSON)

    assert [(record.line, record.raw) for record in found] == [(1, b'{"a":1}'), (4, b'{"a":2}'), (5, b'{"a":3}')]
    assert found[-1].end == Position(28, 5)


def test_columns_are_split_by_any_run_of_blanks() -> None:
    assert read(b" 00004 0001\t19970101  2   29.33\n", Format.SPACES)[0].cells == ["00004", "0001", "19970101", "2", "29.33"]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_line_ends() -> None:
    found = read(b'u1,"a, ""b""\nc",x\nu2,d,y\n', Format.CSV)

    assert [(record.line, record.cells) for record in found] == [(1, ["u1", 'a, "b"\nc', "x"]), (3, ["u2", "d", "y"])]
    assert found[0].raw == b'u1,"a, ""b""\nc",x'


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    names, begin = read_header(io.BytesIO(b"\xef\xbb\xbfid;name\r\n1;x\n"), 18, ";")

    assert names == ["id", "name"]
    assert begin == Position(12, 1)


def test_a_quote_left_open_costs_at_most_its_own_line() -> None:
    found = read(b'a,"' + b"x" * LONGEST_LINE + b"\nb,c\n", Format.CSV)

    assert found[-1].cells == ["b", "c"] or found[-1].fault


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'a,b\nc,"d\ne,f\ng,h\n', 2),
        (b'"a\nb","c ""\nd,e\n', 2),
        (b'a,"' + b"x\n" * LONGEST_LINE, 1),
    ],
)
def test_a_quote_never_closed_is_said_with_the_line_it_was_opened_on(content: bytes, line: int) -> None:
    faults = [record.fault for record in read(content, Format.CSV) if record.fault]

    assert faults[0] == f"A quote opened on line {line} is never closed."


def test_a_last_line_without_an_end_is_no_open_quote() -> None:
    assert read(b'a,"b"', Format.CSV)[0].fault == ""


def test_a_line_too_long_for_memory_is_a_fault_and_the_next_one_is_read() -> None:
    found = read(b"x" * (3 * LONGEST_LINE) + b"\n{}\n", Format.NDJSON)

    assert len(found[0].raw) <= LONGEST_LINE
    assert "longer than" in found[0].fault
    assert (found[1].line, found[1].raw, found[1].fault) == (2, b"{}", "")


def test_what_is_appended_while_reading_is_not_read() -> None:
    content = b'{"a":1}\n{"a":2}\n'

    assert len(list(read_records(io.BytesIO(content), 8, START, Format.NDJSON))) == 1


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), min_size=2, max_size=3), max_size=12))
def test_reading_on_after_any_record_gives_the_rest(rows: list[list[str]]) -> None:
    content = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows).encode()

    whole = read(content, Format.CSV)

    assert [record.cells for record in whole] == rows
    for place, record in enumerate(whole):
        assert read(content, Format.CSV, record.end) == whole[place + 1 :]
    assert all(before.end < after.end for before, after in pairwise(whole))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.ndjson", Format.NDJSON), ("A.JSONL", Format.NDJSON), ("a.csv", Format.CSV), ("a.tsv", Format.CSV), ("a.txt", None)],
)
def test_the_extension_says_the_format(name: str, expected: Format | None) -> None:
    assert format_of(name) is expected
