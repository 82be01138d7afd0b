"""A `CaptureRequest` whose events are left as bytes, so that each can be read, or fail to be read, on its own."""

from collections.abc import Sequence
from typing import Protocol, cast

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass


class UnreadRequest(Protocol):
    """The fields of a request, each as often as it was sent."""

    events: Sequence[bytes]
    sent_at: Sequence[bytes]


def read_outline(body: bytes) -> UnreadRequest:
    """The request's outline; DecodeError when even that isn't protobuf."""
    return cast("UnreadRequest", _UnreadRequest.FromString(body))


def _describe() -> FileDescriptorProto:
    file = FileDescriptorProto(name="unread.proto", package="pug.capture.unread", syntax="proto3")
    message = file.message_type.add(name="UnreadRequest")
    # An embedded message and bytes are the same on the wire.
    for number, name in enumerate(("events", "sent_at"), start=1):
        message.field.add(name=name, number=number, type=FieldDescriptorProto.TYPE_BYTES, label=FieldDescriptorProto.LABEL_REPEATED)
    return file


# In a pool of its own: it is no part of the published schema.
_pool = DescriptorPool()
_pool.Add(_describe())
_UnreadRequest = GetMessageClass(_pool.FindMessageTypeByName("pug.capture.unread.UnreadRequest"))
