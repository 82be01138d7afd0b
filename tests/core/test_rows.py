import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rows import by_partition, heads_of, key_of, sender_of, senders_of, without

FIRST = "0190a1b2-0000-7000-8000-00000000000f"
SECOND = "ffffffff-ffff-4fff-bfff-fffffffffffe"
TEXT = st.text(max_size=30)


def row(event_id: str, project_id: int = 1) -> bytes:
    return f'["{event_id}",{project_id},"signed_up","ann","",0,0,{{"a":"line\\nbreak"}}]'.encode()


def test_ids_are_read_from_rows_as_two_halves() -> None:
    heads = heads_of(row(FIRST) + b"\n" + row(SECOND, 12345))

    assert [(int(high) << 64) | int(low) for high, low in heads.ids] == [uuid.UUID(FIRST).int, uuid.UUID(SECOND).int]
    assert heads.malformed == ()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"[",
        b"\x00\xff\xfe",
        b"x" * 100,
        row(FIRST).upper(),
        row(FIRST)[1:],
        row(FIRST).replace(b"-", b"_"),
        row(FIRST).replace(b",1,", b',"1",'),
        row(FIRST)[:39],
    ],
)
def test_a_line_that_is_no_row_is_told_apart_and_its_neighbours_are_read(garbage: bytes) -> None:
    heads = heads_of(b"\n".join([row(FIRST), garbage, row(SECOND)]))

    assert heads.malformed == (1,)
    assert int(heads.ids[2][1]) == uuid.UUID(SECOND).int & (2**64 - 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(rows: bytes) -> None:
    assert len(heads_of(rows).ids) == rows.count(b"\n") + 1


def test_an_event_is_known_by_its_project_and_its_id() -> None:
    assert key_of(row(FIRST, 12345)) == (12345, FIRST)


def test_a_blank_before_the_project_is_allowed() -> None:
    spaced = row(FIRST, 12345).replace(b",12345", b", 12345")

    assert heads_of(spaced).malformed == ()
    assert key_of(spaced) == (12345, FIRST)


def test_a_project_that_cannot_be_read_is_nobodys() -> None:
    assert key_of(row(FIRST).replace(b",1,", b",1x,")) == (-1, FIRST)


@given(st.lists(st.tuples(TEXT, st.dictionaries(TEXT, TEXT, max_size=3)), min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_every_row_but_some_is_kept_as_it_was(values: list[tuple[str, dict[str, str]]], places: set[int]) -> None:
    rows = [json.dumps([*value]).encode() for value in values]

    kept = without(b"\n".join(rows), sorted(places))

    assert kept == b"\n".join(row for place, row in enumerate(rows) if place not in places)


@given(st.lists(st.uuids(), min_size=1, max_size=50), st.sampled_from([1, 2, 4, 8, 16]))
def test_partitions_hold_every_row_once_and_the_same_id_always_in_the_same(ids: list[uuid.UUID], partitions: int) -> None:
    rows = [row(str(event_id)) for event_id in ids]

    parts = by_partition(b"\n".join(rows), partitions)

    assert sorted(b"\n".join(parts.values()).split(b"\n")) == sorted(rows)
    for partition, part in parts.items():
        assert all(by_partition(single, partitions) == {partition: single} for single in part.split(b"\n"))


@given(st.text(min_size=1, max_size=20), st.text(max_size=5), st.booleans())
def test_whose_a_row_is_is_read_as_it_was_written(distinct_id: str, name: str, ascii_only: bool) -> None:  # noqa: FBT001 (hypothesis draws it)
    values = [FIRST, 42, name, distinct_id, "", 1, 1, {"distinct_id": "another"}]
    row = json.dumps(values, separators=(",", ":"), ensure_ascii=ascii_only).encode()

    assert sender_of(row) == (42, distinct_id.encode())
    assert list(senders_of(row + b"\nno row\n" + row, {42, 43})) == [(place, 42, distinct_id.encode()) for place in (0, 2)]
    assert list(senders_of(row, {4, 2, 420})) == []


@given(st.binary())
def test_a_line_that_is_no_row_is_nobodys_and_breaks_nothing(line: bytes) -> None:
    assert sender_of(line) is None
