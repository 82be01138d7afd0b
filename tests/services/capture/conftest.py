"""The same events through both decoders."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import cast

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from batches import batch_of
from pug.capture.v1 import capture_pb2
from services.capture.batch import Arrival, Batch
from services.capture.json_batch import decode_json
from services.capture.protobuf_batch import decode_protobuf
from services.capture.uuid7 import new_uuid7

Event = Mapping[str, object]


@pytest.fixture(scope="session")
def arrival() -> Arrival:
    return Arrival(7, datetime(2026, 3, 1, 12, tzinfo=UTC), new_uuid7)


@pytest.fixture(scope="session", params=["json", "protobuf"])
def decode(request: pytest.FixtureRequest, arrival: Arrival) -> Callable[..., Batch]:
    """`decode(*events, sent_at=None)`, once in each format."""
    return partial(_through_json if request.param == "json" else _through_protobuf, arrival)


@pytest.fixture(scope="session")
def through_json(arrival: Arrival) -> Callable[..., Batch]:
    return partial(_through_json, arrival)


@pytest.fixture(scope="session")
def through_protobuf(arrival: Arrival) -> Callable[..., Batch]:
    return partial(_through_protobuf, arrival)


def _through_json(arrival: Arrival, *events: Event, sent_at: str | None = None) -> Batch:
    return batch_of(decode_json(json.dumps({"events": events} | ({"sentAt": sent_at} if sent_at else {})).encode(), arrival))


def _through_protobuf(arrival: Arrival, *events: Event, sent_at: str | None = None) -> Batch:
    request = capture_pb2.CaptureRequest(events=[_event(event) for event in events])
    if sent_at:
        request.sent_at.CopyFrom(_timestamp(sent_at))
    return batch_of(decode_protobuf(request.SerializeToString(), arrival))


def _event(event: Event) -> capture_pb2.Event:
    message = capture_pb2.Event(
        event_id=cast("str", event.get("eventId", "")),
        name=cast("str", event.get("name", "")),
        distinct_id=cast("str", event.get("distinctId", "")),
        session_id=cast("str", event.get("sessionId", "")),
        cookieless=cast("bool", event.get("cookieless", False)),
    )
    if "occurredAt" in event:
        message.occurred_at.CopyFrom(_timestamp(cast("str", event["occurredAt"])))
    if "properties" in event:
        message.properties.CopyFrom(_struct(cast("Event", event["properties"])))
    return message


def _timestamp(text: str) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromJsonString(text)
    return timestamp


def _struct(properties: Event) -> Struct:
    return Struct(fields={key: _value(value) for key, value in properties.items()})


def _value(value: object) -> Value:
    match value:
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case list():
            return Value(list_value=ListValue(values=[_value(item) for item in cast("list[object]", value)]))
        case _:
            return Value(struct_value=_struct(cast("Event", value)))
