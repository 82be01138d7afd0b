"""What of the dead letters is about somebody: rows by their id, and of what cannot be read whatever has the id in it."""

import json

import pytest

from core.dead_letters import Traces

ID = "0192f3a4-0000-7000-8000-000000000001"


def row(distinct_id: str, project: int = 5, *, ascii_only: bool = False, **properties: object) -> bytes:
    values = [ID, project, "pressed", distinct_id, "", 1, 1, properties]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=ascii_only).encode("utf-8", "replace")


@pytest.mark.parametrize("distinct_id", ["ann", 'a"nn', "a\\nn", "änn €", "a,b", "1", "a\tb", '","ann","'])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_rows_of_theirs_are_found_however_their_id_is_written(*, distinct_id: str, ascii_only: bool) -> None:
    rows = b"\n".join([row("bob"), row(distinct_id, ascii_only=ascii_only), row("carl", knows=distinct_id)])

    assert Traces(5, {distinct_id, "eve"}).places(rows) == [1]


def test_the_same_id_in_another_project_is_somebody_else() -> None:
    assert Traces(5, {"ann"}).places(row("ann", project=6) + b"\n" + row("ann", project=55)) == []


@pytest.mark.parametrize(
    ("line", "theirs"),
    [
        (b"garbage about ann", True),
        (b'["' + ID.encode() + b'",5,"pressed","ann', True),
        (b'["' + ID.encode() + b'",6,"pressed","ann', False),
        (b"garbage about hannah, anna-ann and ann_1", False),
        (b'{"id": "\\u00e4nn"}', True),
        (b"", False),
        (b"\xff\xfeann\xff", True),
    ],
)
def test_of_what_is_no_row_those_lines_are_theirs_that_have_an_id_in_them_as_a_word(*, line: bytes, theirs: bool) -> None:
    assert Traces(5, {"ann", "änn"}).places(line) == ([0] if theirs else [])
