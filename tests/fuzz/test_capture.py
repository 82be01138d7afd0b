"""Whatever bytes come, a batch is taken or refused as a whole, and of one that is taken each event is accepted or has a problem."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from batches import batch_of
from core.clickhouse import ClickHouse
from core.errors import InvalidArgument, ResourceExhausted
from core.sql import sql, unsigned
from fuzzing import examples, mutated_bytes
from pug.capture.v1.capture_pb2 import CaptureRequest
from services.capture.admission import Admission
from services.capture.batch import Arrival, Batch, receipt
from services.capture.json_batch import decode_json
from services.capture.protobuf_batch import decode_protobuf
from services.capture.uuid7 import new_uuid7
from story import next_project
from workers.store import COLUMNS, FORMAT, SETTINGS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = {
    "events": [
        {
            "name": "page_view",
            "distinctId": "ann",
            "properties": {"$url": "https://shop.example/a?utm_source=x&gclid=1", "$screen_width": 3},
        },
        {"eventId": "0192f3a4-0000-7000-8000-000000000001", "name": "paid", "distinctId": "ü", "occurredAt": "2026-03-01T11:59:59.999Z"},
        {"name": "a", "distinctId": "b", "sessionId": "s", "properties": {"n": [1, "x", None, {"y": 1.5}], "o": {"p": {"q": True}}, "": 1}},
        {"name": "visit", "cookieless": True, "properties": {"$locale": "de_de", "$referrer": "//t.co/x", "big": 9007199254740993}},
    ],
    "sentAt": "2026-03-01T12:00:00Z",
}
AS_JSON = json.dumps(BATCH, ensure_ascii=False).encode()
GOOD = {
    **BATCH,
    "events": [{**event, "properties": {"n": [1, None], "o": {"p": True}}} for event in BATCH["events"] if isinstance(event, dict)],
}
AS_PROTOBUF = ParseDict(GOOD, CaptureRequest()).SerializeToString()
Decode = Callable[[bytes, Arrival], Admission]
FORMATS: dict[str, tuple[Decode, bytes]] = {"json": (decode_json, AS_JSON), "protobuf": (decode_protobuf, AS_PROTOBUF)}
_blocks = itertools.count(1)


def arrival(project: int = 7) -> Arrival:
    return Arrival(project, NOW, new_uuid7, '{"$browser": "Firefox", "$country": "DE"}')


def taken(format_: str, body: bytes, project: int = 7) -> Batch | None:
    """The batch; None when it was refused as a whole."""
    try:
        return batch_of(FORMATS[format_][0](body, arrival(project)))
    except (InvalidArgument, ResourceExhausted):
        return None


def events_in(format_: str, body: bytes) -> int | None:
    """How many events another reader finds; None when it finds no batch."""
    try:
        if format_ == "protobuf":
            return len(CaptureRequest.FromString(body).events)
        read = json.loads(body)
        return len(read["events"] or ())
    except (ValueError, KeyError, TypeError, RecursionError, DecodeError):
        return None


@pytest.mark.parametrize("format_", FORMATS)
@examples(200)
@given(data=st.data())
def test_each_event_of_a_batch_is_accepted_or_has_a_problem(format_: str, data: st.DataObject) -> None:
    body = data.draw(mutated_bytes(st.just(FORMATS[format_][1])) | st.binary(max_size=60))

    batch = taken(format_, body)

    if batch is None:
        return
    told = receipt(batch)
    refused = [problem.index for problem in told.problems if not problem.warning]
    assert len(refused) == len(set(refused)) == told.rejected
    assert all(problem.reason and problem.message for problem in told.problems)
    rows = [json.loads(row) for row in batch.rows.split(b"\n")] if batch.rows else []
    assert [row[0] for row in rows] == list(batch.event_ids)
    assert {(len(row), row[1]) for row in rows} <= {(len(COLUMNS), 7)}
    count = events_in(format_, body)
    if count is not None:
        assert told.accepted + told.duplicates + told.rejected == count


@pytest.mark.parametrize("format_", FORMATS)
async def test_whatever_is_accepted_can_be_stored(clickhouse: ClickHouse, format_: str) -> None:
    project, stored = next_project(), list[Batch]()

    @examples(100)
    @given(body=mutated_bytes(st.just(FORMATS[format_][1])))
    def draw(body: bytes) -> None:
        batch = taken(format_, body, project)
        if batch is not None and batch.rows:
            stored.append(batch)

    draw()
    rows = b"\n".join(batch.rows for batch in stored)
    await clickhouse.insert_bytes("events_in", COLUMNS, rows, FORMAT, {**SETTINGS, "log_comment": str(next(_blocks))})

    query = sql("SELECT count() FROM events WHERE project_id = {project}", project=unsigned(project))
    found = (await clickhouse.query(query)).rows[0][0]
    assert cast("int", found) == sum(batch.accepted for batch in stored) > 0
