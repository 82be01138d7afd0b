"""Writes JSON of messages that hold only texts, whole numbers, booleans, and lists of messages that do, as a receipt does.

protobuf's own writer looks at each field of each message through its description: 13 µs for each problem of a receipt, against 2.5.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

Write = Callable[[Message], dict[str, object]]

_PLAIN = frozenset(
    {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32},
)


@lru_cache(maxsize=256)
def plain_writer(descriptor: Descriptor) -> Write | None:
    """What makes a dictionary for JSON of a message, zeros and empty lists included; None when the message isn't that plain."""
    return _writer([(field.json_name, _value_of(field) or _list_of(field)) for field in descriptor.fields])


def _writer(values: list[tuple[str, Callable[[Message], object] | None]]) -> Write | None:
    known = [(name, value) for name, value in values if value]
    return (lambda message: {name: value(message) for name, value in known}) if len(known) == len(values) else None


def _value_of(field: FieldDescriptor) -> Callable[[Message], object] | None:
    # Of a oneof, and of what is `optional`, only what is set is written.
    is_plain = field.type in _PLAIN and not field.is_repeated and not field.has_presence
    return attrgetter(field.name) if is_plain else None


def _list_of(field: FieldDescriptor) -> Callable[[Message], object] | None:
    message = field.message_type
    # A map is written as an object, and a type of Google's in its own way.
    if message is None or not field.is_repeated or message.GetOptions().map_entry or message.file.package.startswith("google."):
        return None
    write = _writer([(inner.json_name, _value_of(inner)) for inner in message.fields])
    get = attrgetter(field.name)
    return (lambda holder: [write(one) for one in cast("Sequence[Message]", get(holder))]) if write else None
