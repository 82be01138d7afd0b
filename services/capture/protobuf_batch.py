"""Batches in protobuf: `CaptureRequest`, or `CaptureStreamRequest`, which is the same on the wire."""

from collections.abc import Sequence
from math import isfinite
from struct import Struct as Layout
from typing import cast

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import MalformedRequest
from services.capture.admission import Admission
from services.capture.batch import Arrival, Reason, check_count, check_nested, check_size
from services.capture.rules import (
    MAX_DEPTH,
    MAX_KEY,
    MAX_TEXT,
    Refused,
    check_level,
    check_property_count,
    check_sent_at,
    key_refused,
    natural,
    not_finite,
    occurred_at_invalid,
    property_path,
    text_too_long,
)
from services.capture.unread_protobuf import UnreadEvent, UnreadRequest, read_event, read_outline, read_property, read_request

_NANOS = 1_000_000_000
# How the short kinds of `google.protobuf.Value` begin: the number of their field and how it is written.
_STRING, _NUMBER, _BOOL = 0x1A, 0x11, 0x20
_SHORT_TEXT = 0x80
_double = Layout("<d").unpack_from
_DOUBLE_SIZE = 9
# Properties of so many bytes are remembered, so many of them: some 30 MB at most.
_SHORT_PROPERTY, _REMEMBERED = 128, 65_536
_UNREADABLE = "The event can't be read: a string isn't UTF-8, it is nested too deeply, or it isn't an `Event`."


def decode_protobuf(body: bytes, arrival: Arrival) -> Admission:
    """The events of a binary request; what is wrong with the whole of it is raised, what is wrong with an event is a problem.

    Fields with numbers we don't know are ignored, as protobuf does: a newer client may send them.
    """
    check_size(body)
    try:
        request = read_request(body)
    except DecodeError:
        return _decode_one_by_one(body, arrival)
    check_count(len(request.events))
    admission, reader = Admission(arrival, _sent_ms(request)), _Reader()
    for index, event in enumerate(request.events):
        _admit(admission, reader, index, event)
    return admission


def _sent_ms(request: UnreadRequest) -> int | None:
    return check_sent_at(_unix_ms(request.sent_at)) if request.HasField("sent_at") else None


def _admit(admission: Admission, reader: "_Reader", index: int, event: UnreadEvent) -> None:
    try:
        occurred_ms = _occurred_ms(event.occurred_at) if event.HasField("occurred_at") else None
        fields = event.properties.fields
        check_property_count(len(fields))
        properties = reader.read_properties(fields)
    except Refused as refused:
        admission.refuse(index, event.event_id, refused)
    except (DecodeError, UnicodeDecodeError):
        admission.refuse(index, event.event_id, Refused(Reason.EVENT_UNREADABLE, "properties", _UNREADABLE))
    else:
        admit = admission.admit_cookieless if event.cookieless else admission.admit
        admit(index, event.event_id, event.name, event.distinct_id, event.session_id, occurred_ms, properties)


class _Reader:
    """Reads the properties of one batch's events as plain values, without nulls."""

    __slots__ = ("_nested",)

    def __init__(self) -> None:
        self._nested = 0

    def read_properties(self, fields: Sequence[bytes]) -> dict[str, object]:
        """The properties of an event, of which the last counts where a key comes twice."""
        written = fields[:]
        pairs = list(map(_known.get, written))
        if None not in pairs:
            return dict(cast("list[tuple[str, object]]", pairs))
        read = dict(pair or self._learn(field) for pair, field in zip(pairs, written, strict=True))
        return {key: value for key, value in read.items() if value is not None}

    def _learn(self, field: bytes) -> tuple[str, object]:
        pair = self.read_property(field)
        if len(field) <= _SHORT_PROPERTY and isinstance(pair[1], str | int | float):
            if len(_known) >= _REMEMBERED:
                _known.clear()
            _known[field] = pair
        return pair

    def read_property(self, field: bytes) -> tuple[str, object]:
        """A property's key and value. Short strings, numbers and booleans, which most are, are read right here."""
        unread = read_property(field)
        key, written = unread.key, unread.value
        if not 0 < len(key) <= MAX_KEY:
            raise key_refused(key, "properties")
        size = len(written)
        kind = written[0] if size > 1 else 0
        if kind == _STRING and written[1] == size - 2 < _SHORT_TEXT:
            return key, written[2:].decode()
        if kind == _NUMBER and size == _DOUBLE_SIZE:
            return key, _read_number(_double(written, 1)[0], (_PROPERTIES, key))
        if kind == _BOOL and size == 2:  # noqa: PLR2004 (one byte says what it is, one its value)
            return key, written[1] != 0
        return key, self._read_value(Value.FromString(written), (_PROPERTIES, key), 1)

    def _read_value(self, value: Value, place: "_Place", depth: int) -> object:
        """The value of one property or item, None for null and for a `Value` that was left empty."""
        match value.WhichOneof("kind"):
            case "string_value":
                text = value.string_value
                if len(text) > MAX_TEXT:
                    raise text_too_long(len(text), _path(place))
                return text
            case "number_value":
                return _read_number(value.number_value, place)
            case "bool_value":
                return value.bool_value
            case "struct_value":
                return self._read_struct(value.struct_value, place, depth + 1)
            case "list_value":
                return self._read_list(value.list_value, place, depth + 1)
            case _:
                return None

    def _read_struct(self, struct: Struct, place: "_Place", depth: int) -> dict[str, object]:
        """An object inside the properties as plain values, without its nulls."""
        fields = struct.fields
        self._go_into(len(fields), place, depth)
        kept: dict[str, object] = {}
        for key in fields:
            if not 0 < len(key) <= MAX_KEY:
                raise key_refused(key, _path(place))
            if (value := self._read_value(fields[key], (place, key), depth)) is not None:
                kept[key] = value
        return kept

    def _read_list(self, items: ListValue, place: "_Place", depth: int) -> list[object]:
        self._go_into(len(items.values), place, depth)
        # In a list null keeps its place: dropping it would move the others.
        return [self._read_value(item, (place, index), depth) for index, item in enumerate(items.values)]

    def _go_into(self, values: int, place: "_Place", depth: int) -> None:
        """Before anything inside is looked at."""
        if depth > MAX_DEPTH:
            check_level(depth, _path(place))
        self._nested += 1 + values
        check_nested(self._nested, "lists, objects and values inside them")


# Properties as they were read before, by how they are written: most of what comes has come already, the same browser, plan and place.
_known: dict[bytes, tuple[str, object]] = {}


# Where a value is, from the inside out; written down only when something is wrong there.
_Place = tuple["_Place | None", str | int]
_PROPERTIES: _Place = (None, "properties")


def _path(place: _Place) -> str:
    outer, key = place
    return property_path("" if outer is None else _path(outer), key)


def _read_number(number: float, place: _Place) -> float:
    if not isfinite(number):
        raise not_finite(_path(place))
    return natural(number)


def _occurred_ms(time: Timestamp) -> int:
    occurred_ms = _unix_ms(time)
    if occurred_ms is None:
        raise occurred_at_invalid()
    return occurred_ms


def _unix_ms(time: Timestamp) -> int | None:
    nanos = time.nanos
    return time.seconds * 1_000 + nanos // 1_000_000 if 0 <= nanos < _NANOS else None


def _decode_one_by_one(body: bytes, arrival: Arrival) -> Admission:
    """The same when some part of it can't be read: a string that isn't UTF-8 costs only its own event."""
    try:
        outline = read_outline(body)
        check_count(len(outline.events))
        # Messages sent in pieces are merged, which joining their bytes does.
        sent_at = Timestamp.FromString(b"".join(outline.sent_at)) if outline.sent_at else None
    except DecodeError as error:
        raise MalformedRequest(f"The body is not a CaptureRequest: {error}.", hint="Encode it with the published schema.") from error
    admission, reader = Admission(arrival, None if sent_at is None else check_sent_at(_unix_ms(sent_at))), _Reader()
    for index, event in enumerate(outline.events):
        try:
            read = read_event(event)
        except DecodeError:
            admission.refuse(index, "", Refused(Reason.EVENT_UNREADABLE, "", _UNREADABLE))
        else:
            _admit(admission, reader, index, read)
    return admission
