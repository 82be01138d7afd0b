"""For tests/fuzz: how many examples are drawn, and how good bytes and messages are made bad.

A run of all tests draws few; `make fuzz` draws EXAMPLES of each.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import Parse
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# What has been trouble somewhere before.
TOKENS = (
    *(b"null", b"NaN", b"1e999", b"-0", b"\\ud800", b"\\u0000", b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\\", b"{", b"}", b"[", b"]"),
    *(b",", b":", b"\n", b"\r", b"[" * 2_000, b'{"a":' * 2_000, b"9" * 400, b'""', "\u2028ä🙂".encode(), b"\x12\xff\xff\xff\xff\x0f"),
)
TEXTS = st.text(max_size=12) | st.sampled_from(
    ("", " ", "\0", "'", "`", "\\", "{a:String}", "{}", "%s", "?", "*", "(", "[", "(?=x)", "(" * 1_001, "a{1001}", "$os", "a.b", ".", "..",
     "🙂", "\ud7ff", "x" * 201, "--", "/*", ";", "2026-03-01", "1e400", "-1", "\n", "\u202e")
)  # fmt: skip
NUMBERS = st.sampled_from((0, 1, -1, 2**31 - 1, -(2**31), 3, 26, 100, 1_001))
DOUBLES = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from((0.0, -0.0, 1e308, 2.0**63))


def examples(few: int) -> settings:
    """So many examples, or as many as PUG_TEST_FUZZ_EXAMPLES says."""
    most = int(os.environ.get("PUG_TEST_FUZZ_EXAMPLES", few))
    return settings(max_examples=most, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@st.composite
def mutated_bytes(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with up to four pieces cut out, doubled, overwritten or put in."""
    content = draw(whole)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(("cut", "double", "replace", "insert")))
        token = b"" if kind in {"cut", "double"} else draw(st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=4))
        middle = {"cut": b"", "double": content[start:end] * 2, "replace": token, "insert": token + content[start:end]}[kind]
        content = content[:start] + middle + content[end:]
    return content


def mutate(message: Message, draw: st.DrawFn) -> None:
    """Put anything into up to three places of a message; more would only be refused by the first that is looked at."""
    places = list(_places(message))
    for place in draw(st.lists(st.sampled_from(places), max_size=3)):
        place(draw)


def _places(message: Message) -> Iterator[Callable[[st.DrawFn], None]]:
    """What puts anything into each of the places where something is."""
    if isinstance(message, Value):
        yield lambda draw: message.CopyFrom(draw(_VALUES))
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            yield partial(_overwrite, message, field)
        elif not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else (value,):
                yield from _places(inner)


def _overwrite(message: Message, field: FieldDescriptor, draw: st.DrawFn) -> None:
    if field.is_repeated:
        message.ClearField(field.name)
        getattr(message, field.name).extend(draw(st.lists(_scalar(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_scalar(field)))


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[object]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return TEXTS
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return DOUBLES
    return NUMBERS


_VALUES = st.one_of(
    TEXTS.map(lambda text: Value(string_value=text)),
    DOUBLES.map(lambda number: Value(number_value=number)),
    st.booleans().map(lambda truth: Value(bool_value=truth)),
    st.sampled_from([Parse(value, Value()) for value in ("null", "{}", '{"a": {"b": 1}}', "[]", '[null, "x"]', "[[1]]")] + [Value()]),
)
