"""Batches written as JSON, in lowerCamelCase or snake_case as proto3 JSON has it.

A good batch is read and checked by msgspec in one call. Only when that fails are the events read one by one, and those it still refuses in
Python, which says what is wrong. Whatever the first way takes, the second takes too, and makes the same row of it.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar, cast

import msgspec
from msgspec import Meta

from core.errors import MalformedRequest, UnknownField
from services.capture import loose_json
from services.capture.admission import Admission, Properties
from services.capture.batch import MAX_NESTED, Arrival, Reason, check_count, check_nested, check_size
from services.capture.rules import (
    MAX_KEY,
    MAX_PROPERTIES,
    MAX_TEXT,
    Refused,
    check_sent_at,
    printable,
    property_path,
    read_rfc3339,
    unix_ms,
)

T = TypeVar("T")

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1

_Instant = Annotated[datetime, Meta(tz=True)]
_Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY)]
_Scalar = bool | Annotated[int, Meta(ge=_MIN_INT, le=_MAX_INT)] | float | Annotated[str, Meta(max_length=MAX_TEXT)] | None
# One type a level: msgspec has no other way to say how deep a value may go.
_Level5 = _Scalar
_Level4 = _Scalar | dict[_Key, _Level5] | list[_Level5]
_Level3 = _Scalar | dict[_Key, _Level4] | list[_Level4]
_Level2 = _Scalar | dict[_Key, _Level3] | list[_Level3]
_Level1 = _Scalar | dict[_Key, _Level2] | list[_Level2]


_Properties = Annotated[dict[_Key, _Level1], Meta(max_length=MAX_PROPERTIES)]


class _Event(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    event_id: str | None = None
    name: str | None = None
    distinct_id: str | None = None
    session_id: str | None = None
    occurred_at: _Instant | None = None
    properties: _Properties | None = None
    cookieless: bool | None = None


# Said again, because `rename` passes over fields that are inherited.
class _CamelEvent(_Event, gc=False, forbid_unknown_fields=True, rename="camel"):
    event_id: str | None = None
    name: str | None = None
    distinct_id: str | None = None
    session_id: str | None = None
    occurred_at: _Instant | None = None
    properties: _Properties | None = None
    cookieless: bool | None = None


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_Event] | None = None
    sent_at: _Instant | None = None


class _CamelRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    events: list[_CamelEvent] | None = None
    sent_at: _Instant | None = None


_read_request = (msgspec.json.Decoder(_CamelRequest).decode, msgspec.json.Decoder(_Request).decode)
_read_event = (msgspec.json.Decoder(_CamelEvent).decode, msgspec.json.Decoder(_Event).decode)
_read_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_NULL = msgspec.Raw(b"null")
_SHAPE = 'Send `{"events": [{"name": "signed_up", "distinctId": "u1"}]}`.'

# What msgspec takes for the end of all reading may be in a body that Python's own reader can take apart.
_READ_LOOSELY = (b"\\u", b"NaN", b"Infinity")

# msgspec rounds to microseconds: these fractions would come out a millisecond late, so they are read the other way.
_rounds_up = re.compile(rb"\.[0-9]{3}999[5-9]").search


def decode_json(body: bytes, arrival: Arrival) -> Admission:
    """The events of a JSON `CaptureRequest`; what is wrong with the whole of it is raised, what is wrong with an event is a problem."""
    check_size(body)
    if len(body) > MAX_NESTED:
        check_nested(_lists_and_objects(body), "lists and objects")
    request = _first_to_read(_read_request, body)
    if request is None:
        return decode_one_by_one(body, arrival)
    events = request.events or ()
    check_count(len(events))
    admission = Admission(arrival, None if request.sent_at is None else check_sent_at(unix_ms(request.sent_at)))
    has_nulls = b"null" in body
    for index, event in enumerate(events):
        _admit(admission, index, event, has_nulls)
    return admission


def _lists_and_objects(body: bytes) -> int:
    """How many a body holds; those inside texts are left out only when there are too many."""
    brackets = body.count(b"{") + body.count(b"[")
    if brackets <= MAX_NESTED:
        return brackets
    # Without what is escaped, every second piece between quotes is a text.
    between_texts = b"".join(body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    return between_texts.count(b"{") + between_texts.count(b"[")


def _first_to_read(readers: Sequence[Callable[[bytes], T]], data: bytes) -> T | None:
    if b"999" in data and _rounds_up(data):
        return None
    for read in readers:
        try:
            return read(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def _admit(admission: Admission, index: int, event: _Event, has_nulls: bool) -> None:  # noqa: FBT001 - a name would cost time
    properties: Properties = event.properties or {}
    admit = admission.admit_cookieless if event.cookieless else admission.admit
    admit(
        index,
        event.event_id or "",
        event.name or "",
        event.distinct_id or "",
        event.session_id or "",
        unix_ms(event.occurred_at) if event.occurred_at else None,
        _without_nulls(properties) if has_nulls else properties,
    )


def _without_nulls(properties: Properties) -> Properties:
    return {key: _clean(value) for key, value in properties.items() if value is not None}


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return _without_nulls(cast("Properties", value))
    if isinstance(value, list):
        # In a list null keeps its place: dropping it would move the others.
        return [_clean(item) for item in cast("list[object]", value)]
    return value


def decode_one_by_one(body: bytes, arrival: Arrival) -> Admission:
    """The same, with what is wrong with each event that is wrong."""
    events, sent_at = _open_envelope(body)
    check_count(len(events))
    admission = Admission(arrival, None if sent_at is None else check_sent_at(read_rfc3339(sent_at)))
    for index, event in enumerate(events):
        if isinstance(event, msgspec.Raw):
            _admit_raw(admission, index, bytes(event))
        else:
            _admit_loosely(admission, index, event)
    return admission


def _open_envelope(body: bytes) -> tuple[Sequence[object], object]:
    """The events of a batch, each still to be read, and when it was sent."""
    try:
        fields = _known_fields(_read_envelope(body))
        events = _read_list(fields.get("events", _NULL))
        sent_at = loose_json.load(bytes(fields.get("sentAt", _NULL)))
    except RecursionError as error:
        raise MalformedRequest("The body is nested too deeply to be read.", hint="Properties may be 5 levels deep.") from error
    except msgspec.ValidationError as error:
        raise MalformedRequest("The body must be an object with a list of `events`.", field="events", hint=_SHAPE) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if any(mark in body for mark in _READ_LOOSELY):
            return _open_loosely(body)
        raise MalformedRequest(f"The body is not JSON: {str(error).removeprefix('JSON is malformed: ')}.", hint=_SHAPE) from error
    return events or (), sent_at


def _open_loosely(body: bytes) -> tuple[Sequence[object], object]:
    """As `_open_envelope`, where half a surrogate pair or a NaN, which msgspec won't even skip, costs only its own event."""
    envelope = loose_json.load(body)
    fields = _known_fields(cast("dict[str, object]", envelope)) if isinstance(envelope, dict) else {"events": envelope}
    events = fields.get("events")
    if not isinstance(envelope, dict) or not isinstance(events, list | None):
        raise MalformedRequest("The body must be an object with a list of `events`.", field="events", hint=_SHAPE)
    return cast("list[object]", events or []), fields.get("sentAt")


def _known_fields(envelope: dict[str, T]) -> dict[str, T]:
    for key in envelope:
        if key not in ("events", "sentAt", "sent_at"):
            shown = printable(property_path("", key))
            raise UnknownField(f"A batch has no field `{shown}`.", field=shown, hint="Its fields are `events` and `sentAt`.")
    if "sent_at" in envelope:
        return {"sentAt": envelope["sent_at"], **envelope}
    return envelope


def _admit_raw(admission: Admission, index: int, event: bytes) -> None:
    read = _first_to_read(_read_event, event)
    if read is not None:
        _admit(admission, index, read, b"null" in event)
        return
    try:
        loose = loose_json.load(event)
    except MalformedRequest as error:
        admission.refuse(index, "", Refused(Reason.EVENT_UNREADABLE, "", error.message))
    else:
        _admit_loosely(admission, index, loose)


def _admit_loosely(admission: Admission, index: int, event: object) -> None:
    try:
        read = loose_json.read_event(event)
    except Refused as refused:
        admission.refuse(index, loose_json.id_of(event), refused)
        return
    admit = admission.admit_cookieless if read.cookieless else admission.admit
    admit(index, read.event_id, read.name, read.distinct_id, read.session_id, read.occurred_ms, read.properties)
