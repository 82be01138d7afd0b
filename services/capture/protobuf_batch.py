"""Batches in protobuf: `CaptureRequest`, or `CaptureStreamRequest`, which is the same on the wire."""

from math import isfinite

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import MalformedRequest
from pug.capture.v1 import capture_pb2
from services.capture.admission import Admission, Properties
from services.capture.batch import Arrival, Batch, Reason, check_count, check_size
from services.capture.rules import (
    MAX_KEY,
    MAX_TEXT,
    Refused,
    check_level,
    check_property_count,
    check_sent_at,
    key_refused,
    not_finite,
    occurred_at_invalid,
    property_path,
    text_too_long,
)
from services.capture.unread_protobuf import read_outline

# Up to here a float is an integer and nothing else.
_MAX_SAFE = 2.0**53
_NANOS = 1_000_000_000


def decode_protobuf(body: bytes, arrival: Arrival) -> Batch:
    """The batch of a binary request; what is wrong with the whole of it is raised, what is wrong with an event is a problem.

    Fields with numbers we don't know are ignored, as protobuf does: a newer client may send them.
    """
    check_size(body)
    try:
        request = capture_pb2.CaptureRequest.FromString(body)
    except DecodeError:
        return _decode_one_by_one(body, arrival)
    check_count(len(request.events))
    admission = Admission(arrival, _sent_ms(request))
    for index, event in enumerate(request.events):
        _admit(admission, index, event)
    return admission.batch()


def _sent_ms(request: capture_pb2.CaptureRequest) -> int | None:
    return check_sent_at(_unix_ms(request.sent_at)) if request.HasField("sent_at") else None


def _admit(admission: Admission, index: int, event: capture_pb2.Event) -> None:
    try:
        occurred_ms = _occurred_ms(event.occurred_at) if event.HasField("occurred_at") else None
        fields = event.properties
        check_property_count(len(fields.fields))
        properties = _read_struct(fields, "properties", 1)
    except Refused as refused:
        admission.refuse(index, event.event_id, refused)
        return
    admission.admit(index, event.event_id, event.name, event.distinct_id, event.session_id, occurred_ms, properties)


def _occurred_ms(time: Timestamp) -> int:
    occurred_ms = _unix_ms(time)
    if occurred_ms is None:
        raise occurred_at_invalid()
    return occurred_ms


def _unix_ms(time: Timestamp) -> int | None:
    nanos = time.nanos
    return time.seconds * 1_000 + nanos // 1_000_000 if 0 <= nanos < _NANOS else None


def _read_struct(struct: Struct, path: str, depth: int) -> Properties:
    """The object as plain values, without its nulls."""
    check_level(depth, path)
    kept: Properties = {}
    fields = struct.fields
    # By key, because items() of a protobuf map is Python; by the value that is set rather than WhichOneof, because it is asked less.
    for key in fields:
        if not 0 < len(key) <= MAX_KEY:
            raise key_refused(key, path)
        value = fields[key]
        if text := value.string_value:
            if len(text) > MAX_TEXT:
                raise text_too_long(len(text), property_path(path, key))
            kept[key] = text
        elif number := value.number_value:
            kept[key] = _read_number(number, path, key)
        elif (other := _read_value(value, path, key, depth)) is not None:
            kept[key] = other
    return kept


def _read_number(number: float, path: str, key: str | int) -> float:
    """3.0 as 3, which JSON would have said."""
    if number.is_integer() and -_MAX_SAFE <= number <= _MAX_SAFE:
        return int(number)
    if not isfinite(number):
        raise not_finite(property_path(path, key))
    return number


def _read_value(value: Value, path: str, key: str | int, depth: int) -> object:
    """The value of one property or item, None for null and for a `Value` that was left empty."""
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            if len(text) > MAX_TEXT:
                raise text_too_long(len(text), property_path(path, key))
            return text
        case "number_value":
            return _read_number(value.number_value, path, key)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _read_struct(value.struct_value, property_path(path, key), depth + 1)
        case "list_value":
            inner = property_path(path, key)
            check_level(depth + 1, inner)
            # In a list null keeps its place: dropping it would move the others.
            return [_read_value(item, inner, place, depth + 1) for place, item in enumerate(value.list_value.values)]
        case _:
            return None


def _decode_one_by_one(body: bytes, arrival: Arrival) -> Batch:
    """The batch when some part of it can't be read: a string that isn't UTF-8 costs only its own event."""
    try:
        outline = read_outline(body)
        check_count(len(outline.events))
        # Messages sent in pieces are merged, which joining their bytes does.
        sent_at = Timestamp.FromString(b"".join(outline.sent_at)) if outline.sent_at else None
    except DecodeError as error:
        raise MalformedRequest(f"The body is not a CaptureRequest: {error}.", hint="Encode it with the published schema.") from error
    admission = Admission(arrival, None if sent_at is None else check_sent_at(_unix_ms(sent_at)))
    for index, event in enumerate(outline.events):
        try:
            read = capture_pb2.Event.FromString(event)
        except DecodeError:
            message = "The event can't be read: a string isn't UTF-8, it is nested too deeply, or it isn't an `Event`."
            admission.refuse(index, "", Refused(Reason.EVENT_UNREADABLE, "", message))
        else:
            _admit(admission, index, read)
    return admission.batch()
