"""A `CaptureRequest` read only as far as it pays: the same bytes, described with some of the messages left unread.

An embedded message and a string of bytes look the same on the wire, so what is described as bytes here is skipped by the parser, and can be
read, or fail to be read, on its own later. Read so, a property costs half of what it does as a `google.protobuf.Value`.
"""

from collections.abc import Sequence
from typing import Protocol, cast

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from pug.capture.v1 import capture_pb2


class UnreadProperty(Protocol):
    """A property whose value, a `google.protobuf.Value`, is still to be read."""

    key: str
    value: bytes


class UnreadProperties(Protocol):
    """The properties of an event, each an `UnreadProperty` still to be read."""

    fields: Sequence[bytes]


class UnreadEvent(Protocol):
    """An event whose properties are still to be read."""

    event_id: str
    name: str
    distinct_id: str
    session_id: str
    occurred_at: Timestamp
    properties: UnreadProperties
    cookieless: bool

    def HasField(self, field_name: str) -> bool: ...  # noqa: D102, N802 (protobuf's)


class UnreadRequest(Protocol):
    """A request of such events."""

    events: Sequence[UnreadEvent]
    sent_at: Timestamp

    def HasField(self, field_name: str) -> bool: ...  # noqa: D102, N802 (protobuf's)


class Outline(Protocol):
    """The fields of a request, each as often as it was sent."""

    events: Sequence[bytes]
    sent_at: Sequence[bytes]


def read_request(body: bytes) -> UnreadRequest:
    """The request; DecodeError when anything but the properties' values cannot be read."""
    return cast("UnreadRequest", _Request.FromString(body))


def read_event(body: bytes) -> UnreadEvent:
    """One event of an outline; DecodeError as above."""
    return cast("UnreadEvent", _Event.FromString(body))


def read_property(body: bytes) -> UnreadProperty:
    """One property of an event; DecodeError as above."""
    return cast("UnreadProperty", _Property.FromString(body))


def read_outline(body: bytes) -> Outline:
    """The request with its events left as bytes; DecodeError when even that isn't protobuf."""
    return cast("Outline", _Outline.FromString(body))


def _describe() -> FileDescriptorProto:
    file = FileDescriptorProto(name="unread.proto", package="unread", syntax="proto3", dependency=["google/protobuf/timestamp.proto"])
    outline = file.message_type.add(name="Outline")
    for field in capture_pb2.CaptureRequest.DESCRIPTOR.fields:
        _bytes(outline, field.name, field.number, FieldDescriptorProto.LABEL_REPEATED)
    for described in (capture_pb2.CaptureRequest, capture_pb2.Event):
        described.DESCRIPTOR.CopyToProto(message := file.message_type.add())
        for field in message.field:
            if field.type_name.startswith(".pug.capture.v1."):
                field.type_name = field.type_name.replace(".pug.capture.v1.", ".unread.")
            if field.type_name == ".google.protobuf.Struct":
                field.type_name = ".unread.Properties"
    _bytes(file.message_type.add(name="Properties"), "fields", 1, FieldDescriptorProto.LABEL_REPEATED)
    entry = file.message_type.add(name="Property")
    entry.field.add(name="key", number=1, type=FieldDescriptorProto.TYPE_STRING, label=FieldDescriptorProto.LABEL_OPTIONAL)
    _bytes(entry, "value", 2, FieldDescriptorProto.LABEL_OPTIONAL)
    return file


def _bytes(message: DescriptorProto, name: str, number: int, label: FieldDescriptorProto.Label.ValueType) -> None:
    message.field.add(name=name, number=number, type=FieldDescriptorProto.TYPE_BYTES, label=label)


def _message(name: str) -> type[Message]:
    return GetMessageClass(_pool.FindMessageTypeByName(f"unread.{name}"))


# In a pool of its own: it is no part of the published schema.
_pool = DescriptorPool()
_pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
_pool.Add(_describe())
_Outline, _Request, _Event, _Property = (_message(name) for name in ("Outline", "CaptureRequest", "Event", "Property"))
