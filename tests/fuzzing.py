"""For tests/fuzz: how many examples are drawn, and how good bytes and messages are made bad.

A run of all tests draws few; `make fuzz` draws EXAMPLES of each.
"""

import os

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
    """Put anything into some fields of a message, whatever they are."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated and field.message_type is None:
            _mutate_list(message, field, draw)
        elif field.message_type is None:
            if draw(st.integers(0, 3)) == 0:
                setattr(message, field.name, draw(_scalar(field)))
        else:
            for inner in value if field.is_repeated else (value,):
                _mutate_inside(inner, draw)


def _mutate_inside(message: Message, draw: st.DrawFn) -> None:
    if isinstance(message, Value):
        if draw(st.integers(0, 2)) == 0:
            message.CopyFrom(draw(_VALUES))
    else:
        mutate(message, draw)


def _mutate_list(message: Message, field: FieldDescriptor, draw: st.DrawFn) -> None:
    if draw(st.integers(0, 3)) == 0:
        message.ClearField(field.name)
        getattr(message, field.name).extend(draw(st.lists(_scalar(field), max_size=3)))


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
