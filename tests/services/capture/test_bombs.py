"""Batches made to take long: refused, with the number that was too large, or read like any other."""

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict

from batches import Decode
from core.errors import BatchTooLarge
from pug.capture.v1 import capture_pb2 as pb
from services.capture.batch import MAX_NESTED, Arrival, Batch
from services.capture.json_batch import decode_json
from services.capture.protobuf_batch import decode_protobuf
from services.capture.uuid7 import new_uuid7

ARRIVAL = Arrival(7, datetime(2026, 3, 1, tzinfo=UTC), new_uuid7)


def as_json(*properties: object) -> Batch:
    return decode_json(json.dumps({"events": events(*properties)}, separators=(",", ":")).encode(), ARRIVAL).batch()


def as_protobuf(*properties: object) -> Batch:
    return decode_protobuf(ParseDict({"events": events(*properties)}, pb.CaptureRequest()).SerializeToString(), ARRIVAL).batch()


def events(*properties: object) -> list[dict[str, object]]:
    return [{"name": "seen", "distinctId": "ann", "properties": each} for each in properties]


@pytest.mark.parametrize("body", [b"[{}" + b",{}" * 349_000 + b"]", b"[0" + b",0" * 500_000 + b"]"], ids=["objects", "numbers"])
def test_a_mebibyte_of_empty_events_in_json_is_refused(body: bytes) -> None:
    with pytest.raises(BatchTooLarge, match=r"(349|500),0\d\d"):
        decode_json(b'{"events":' + body + b"}", ARRIVAL)


def test_half_a_million_empty_events_in_protobuf_are_refused() -> None:
    with pytest.raises(BatchTooLarge, match="524,288 events"):
        decode_protobuf(b"\x0a\x00" * 2**19, ARRIVAL)


@pytest.mark.parametrize("decode", [as_json, as_protobuf])
@pytest.mark.parametrize("inner", [[], {}], ids=["lists", "objects"])
def test_too_many_lists_or_objects_in_a_batch_are_refused(decode: Decode, inner: object) -> None:
    with pytest.raises(BatchTooLarge, match="at most 50,000"):
        decode(*[{"a": [inner] * 300}] * 170)


@pytest.mark.parametrize("decode", [as_json, as_protobuf])
def test_as_many_values_in_lists_as_are_allowed_are_read(decode: Decode) -> None:
    batch = decode(*[{"tags": [True] * 49}] * (MAX_NESTED // 50))

    assert (batch.accepted, batch.problems) == (1_000, [])


def test_too_many_values_in_lists_are_refused_where_each_is_read_in_python() -> None:
    with pytest.raises(BatchTooLarge, match="50,001 lists, objects and values"):
        as_protobuf(*[{"tags": [True] * 49}] * (MAX_NESTED // 50 - 1), {"tags": [True] * 50})


@pytest.mark.parametrize("text", ["[{" * 4_000, '"[{\\' * 2_000], ids=["plain", "escaped"])
def test_brackets_in_texts_are_no_lists(text: str) -> None:
    assert as_json(*[{"html": text}] * 10).accepted == 10


def test_many_nulls_are_no_properties() -> None:
    batch = as_protobuf(*[{f"k{number}": None for number in range(256)}] * 10)

    assert [json.loads(row)[7] for row in batch.rows.split(b"\n")] == [{}] * 10
