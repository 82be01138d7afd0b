import json

from hypothesis import given
from hypothesis import strategies as st

from workers.block import BlockRecord, kept_rows

TEXT = st.text(max_size=30)


def record(*dropped: int) -> BlockRecord:
    return BlockRecord(first_seq=3, last_seq=9, messages=4, stored_at=1_790_000_000_000_123, dropped=dropped)


def test_record_survives_the_ledger() -> None:
    assert BlockRecord.from_bytes(record(1, 5).to_bytes()) == record(1, 5)


def test_blocks_of_the_same_messages_stored_at_another_time_have_another_token() -> None:
    assert record().token != BlockRecord(3, 9, 4, 7).token


@given(st.lists(st.tuples(TEXT, st.dictionaries(TEXT, TEXT, max_size=3)), min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_every_row_but_the_dropped_ones_is_kept_as_it_was(values: list[tuple[str, dict[str, str]]], dropped: set[int]) -> None:
    rows = [json.dumps([*value]).encode() for value in values]

    kept = kept_rows(b"\n".join(rows), sorted(dropped))

    assert kept == b"\n".join(row for place, row in enumerate(rows) if place not in dropped)
