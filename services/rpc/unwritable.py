"""Finds what protobuf's binary format carries and its JSON cannot say: numbers that aren't finite, times and durations out of range.

json_format refuses them without saying where: what it refused is walked here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

# Keys of a Struct are the caller's own text, however long that is.
_LONGEST = 500


def first_unwritable(message: Message, path: str) -> str:
    """The path of the first value in the message that JSON cannot hold; `path` is the message's own, and returned when none is found."""
    found = path + (_below(message) or "")
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"


def _below(message: Message) -> str | None:
    """The rest of the path. It is put together on the way back: long keys are not copied for each value below them."""
    match message:
        case Value():
            return _below_value(message)
        case Timestamp() | Duration():
            return None if _is_in_range(message) else ""
        case _:
            return next((f"{name}{rest}" for name, part in _parts(message) if (rest := _below(part)) is not None), None)


def _below_value(value: Value) -> str | None:
    match value.WhichOneof("kind"):
        case "number_value":
            return None if math.isfinite(value.number_value) else ""
        case "struct_value":
            return _below(value.struct_value)
        case "list_value":
            return _below(value.list_value)
        case _:
            return None


def _is_in_range(time: Timestamp | Duration) -> bool:
    try:
        time.ToJsonString()
    except ValueError:
        return False
    return True


def _parts(message: Message) -> Iterator[tuple[str, Message]]:
    """The messages in a message, each with what it adds to the path, in the JSON spelling."""
    match message:
        case Struct():
            yield from ((f".{key}", value) for key, value in cast("Mapping[str, Value]", message.fields).items())
        case ListValue():
            yield from ((f"[{place}]", value) for place, value in enumerate(message.values))
        case _:
            for field, value in message.ListFields():
                if field.message_type is None or field.message_type.GetOptions().map_entry:
                    continue
                if not field.is_repeated:
                    yield f".{field.json_name}", cast("Message", value)
                    continue
                yield from ((f".{field.json_name}[{place}]", part) for place, part in enumerate(cast("Sequence[Message]", value)))
