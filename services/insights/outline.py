"""What a question is like, for logs: its fields, keys of properties and operators, and none of its values.

Names of events, values of filters, labels and formulas are left out: they may be somebody's data. A field that a contract gains later is
left out too, unless it is a number, a choice or a flag.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pug.insights.v1.insights_pb2 import QueryRequest, TimeRange

# The fields that hold keys of properties.
_KEYS = frozenset({"property", "hold_constant"})
_LONGEST = 2_000
_LONGEST_KEY = 100


def outline_of(request: QueryRequest) -> str:
    """The question as a line of at most 2,000 characters, such as `trends{series[{metric{kind=KIND_PERSONS}}]} preset=PRESET_TODAY`."""
    insight = request.insight
    words = " ".join([*_words(insight), *(word for field, word in _fields(request) if field.name not in {"insight", "as_of_identity"})])
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def fingerprint_of(outline: str) -> str:
    """16 hexadecimal digits, the same for the same outline."""
    return blake2b(outline.encode(), digest_size=8).hexdigest()


def _words(message: Message) -> Iterable[str]:
    return (word for _, word in _fields(message))


def _fields(message: Message) -> Iterable[tuple[FieldDescriptor, str]]:
    for field, value in message.ListFields():
        yield field, _word(field, value)


def _word(field: FieldDescriptor, value: object) -> str:
    if not field.is_repeated:
        return field.name + _written(field, value)
    values = list(cast("Sequence[object]", value))
    if field.message_type is not None and not _is_foreign(field):
        return f"{field.name}[{' '.join(_braced(cast('Message', each)) for each in values)}]"
    if field.name in _KEYS:
        return f"{field.name}={','.join(_key(str(each)) for each in values)}"
    return f"{field.name}({len(values)})"


def _written(field: FieldDescriptor, value: object) -> str:
    match value:
        case Message():
            return _written_message(field, value)
        case bool():
            return ""
        case int() if field.enum_type is not None:
            known = field.enum_type.values_by_number.get(value)
            return f"={known.name if known else value}"
        case int() | float():
            return f"={value:g}"
        case str() if field.name in _KEYS:
            return f"={_key(value)}"
        case _:
            return ""


def _written_message(field: FieldDescriptor, message: Message) -> str:
    match message:
        case Duration():
            return f"={_seconds(message):g}s"
        case TimeRange():
            return f"={(_seconds(message.to) - _seconds(getattr(message, 'from'))) / 86_400:.2f}d"
        case _:
            return "" if _is_foreign(field) else _braced(message)


def _seconds(time: Duration | Timestamp) -> float:
    """Whatever was sent, though it may be refused: a refusal that took long is told, too."""
    return time.seconds + time.nanos / 1e9


def _braced(message: Message) -> str:
    return f"{{{' '.join(_words(message))}}}"


def _is_foreign(field: FieldDescriptor) -> bool:
    """Whether it is one of protobuf's own messages, such as the values of a filter."""
    return field.message_type is not None and field.message_type.file.package == "google.protobuf"


def _key(key: str) -> str:
    shown = "".join(character if character.isprintable() and character not in " {}[]" else "_" for character in key)
    return shown if len(shown) <= _LONGEST_KEY else f"{shown[:_LONGEST_KEY]}…"
