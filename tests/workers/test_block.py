import json

from workers.block import BlockRecord


def record(*dropped: int) -> BlockRecord:
    return BlockRecord(first_seq=3, last_seq=9, messages=4, stored_at=1_790_000_000_000_123, dropped=dropped)


def test_record_survives_the_ledger() -> None:
    kept = BlockRecord(3, 9, 4, 1_790_000_000_000_123, dropped=(1, 5), unburied=(4,))

    assert BlockRecord.from_bytes(kept.to_bytes()) == kept


def test_record_of_the_version_before_is_read() -> None:
    assert BlockRecord.from_bytes(json.dumps([3, 9, 4, 7, [1, 5]]).encode()) == BlockRecord(3, 9, 4, 7, (1, 5))


def test_blocks_of_the_same_messages_stored_at_another_time_have_another_token() -> None:
    assert record().token != BlockRecord(3, 9, 4, 7).token
