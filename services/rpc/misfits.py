"""Finds where a JSON value doesn't fit the message it should be.

json_format leaves the place out of many of its complaints, and puts the rest in the words of Python: what it refused is walked here.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

_DEPTH = 100  # as deep as json_format reads
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_LONGEST_NUMBER = 40
_TIMES = {
    "google.protobuf.Timestamp": (Timestamp, "must be an instant in RFC 3339, such as 2026-03-01T00:00:00Z"),
    "google.protobuf.Duration": (Duration, "must be a length in seconds, such as 3600s"),
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that cannot be read, by its path in the JSON spelling, and what it must be."""

    path: str
    words: str


def first_misfit(value: object, message_class: type[Message]) -> Misfit | None:
    """The first value that isn't what its field takes; None when nothing is found, which is no proof that all fits."""
    return next(_misfits(value, cast("Descriptor", message_class.DESCRIPTOR), "", _DEPTH), None)


def _misfits(value: object, message: Descriptor, path: str, depth: int) -> Iterator[Misfit]:
    if message.full_name in _TIMES:
        yield from _time_misfits(value, message, path)
    elif message.file.package == "google.protobuf" or depth == 0:
        return  # Value and Struct take anything, and json_format says where the others don't fit
    elif not isinstance(value, dict):
        yield Misfit(path, "must be an object")
    else:
        for name, part in cast("Mapping[str, object]", value).items():
            field = message.fields_by_camelcase_name.get(name) or message.fields_by_name.get(name)
            if field is not None and part is not None:
                yield from _field_misfits(part, field, f"{path}.{name}" if path else name, depth - 1)


def _field_misfits(part: object, field: FieldDescriptor, path: str, depth: int) -> Iterator[Misfit]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    if not field.is_repeated:
        yield from _one_misfit(part, field, path, depth)
    elif not isinstance(part, list):
        yield Misfit(path, "must be a list")
    else:
        for index, item in enumerate(cast("list[object]", part)):
            if item is not None:
                yield from _one_misfit(item, field, f"{path}[{index}]", depth)


def _one_misfit(value: object, field: FieldDescriptor, path: str, depth: int) -> Iterator[Misfit]:
    if field.message_type is not None:
        yield from _misfits(value, field.message_type, path, depth)
    elif field.type == FieldDescriptor.TYPE_STRING and not isinstance(value, str):
        yield Misfit(path, "must be a string")
    elif field.enum_type is not None and not _names_one(value, field.enum_type):
        names = ", ".join(known.name for known in field.enum_type.values[1:])
        yield Misfit(path, f"must be one of {names}")
    elif field.cpp_type in _INTEGERS and not _is_integer(value, _INTEGERS[field.cpp_type]):
        lowest, highest = _INTEGERS[field.cpp_type]
        yield Misfit(path, f"must be a whole number from {lowest} to {highest}")
    elif field.type == FieldDescriptor.TYPE_BOOL and not isinstance(value, bool):
        yield Misfit(path, "must be true or false")


def _time_misfits(value: object, message: Descriptor, path: str) -> Iterator[Misfit]:
    message_class, words = _TIMES[message.full_name]
    try:
        message_class().FromJsonString(cast("str", value))
    except (ValueError, TypeError, AttributeError):
        yield Misfit(path, words)


def _names_one(value: object, enum: EnumDescriptor) -> bool:
    return (isinstance(value, str) and value in enum.values_by_name) or _is_integer(value, _INTEGERS[FieldDescriptor.CPPTYPE_INT32])


def _is_integer(value: object, limits: tuple[int, int]) -> bool:
    """Whether json_format takes it: a number, or a string of one; "1e3" is 1000."""
    # A long string of digits takes long to read, and is too large anyway.
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and " " not in value:
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    lowest, highest = limits
    return lowest <= value <= highest and value == int(value)


def _number(text: str) -> int | float | None:
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(text)
    return None
