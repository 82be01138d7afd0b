"""A question as a log shows it has no value of anybody's in it, whatever is asked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from pug.insights.v1.insights_pb2 import Compare, QueryRequest, TimeRange
from services.insights.outline import fingerprint_of, outline_of

from .specs import KINDS, requests

START = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "ann@example.com"
KEYS = ("property", "hold_constant")


def asked(**insight: object) -> QueryRequest:
    return ParseDict({"insight": insight, "preset": "PRESET_LAST_30_DAYS", "granularity": "GRANULARITY_DAY"}, QueryRequest())


def test_keys_operators_and_choices_are_told() -> None:
    request = asked(
        trends={
            "series": [{"event": {"name": "paid", "filters": [{"property": "plan", "op": "OP_IS", "values": [SECRET, 3]}]}}],
            "breakdowns": [{"property": "$browser"}],
            "breakdownLimit": 5,
        }
    )

    assert outline_of(request) == (
        "trends{series[{event{name filters[{property=plan op=OP_IS values(2)}]}}] breakdowns[{property=$browser}] breakdown_limit=5}"
        " preset=PRESET_LAST_30_DAYS granularity=GRANULARITY_DAY"
    )


def test_a_range_is_told_by_its_length() -> None:
    request = ParseDict({"timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T12:00:00Z"}}, QueryRequest())

    assert outline_of(request) == "time_range=7.50d"


def test_times_that_are_out_of_range_are_told_all_the_same() -> None:
    request = QueryRequest(
        time_range=TimeRange(**{"from": Timestamp(seconds=-(2**63), nanos=-1)}, to=Timestamp(nanos=2**31 - 1)),
        compare=Compare(offset=Duration(seconds=2**63 - 1, nanos=-(2**31))),
    )

    assert outline_of(request) == "time_range=106751991167300.64d compare{offset=9.22337e+18s}"


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_no_text_of_a_question_but_its_keys_is_told(kind: str, data: st.DataObject) -> None:
    request = data.draw(requests(kind, START))
    before = outline_of(request)
    _say_everywhere(request)

    told = outline_of(request)

    assert SECRET not in told
    # The names that a question gives, and the values that it compares with, make no other outline.
    assert told == before or before.endswith("…")


def _say_everywhere(message: Message) -> None:
    """The secret in place of every text but keys."""
    for field, value in message.ListFields():
        if isinstance(value, Value):
            value.string_value = SECRET
        elif field.message_type and field.is_repeated:
            for each in value:
                if isinstance(each, Value):
                    each.string_value = SECRET
                else:
                    _say_everywhere(each)
        elif field.message_type:
            _say_everywhere(value)
        elif field.type == field.TYPE_STRING and field.name not in KEYS:
            if field.is_repeated:
                value[:] = [SECRET] * len(value)
            else:
                setattr(message, field.name, SECRET)


def test_an_outline_is_a_line_of_bounded_length_whatever_keys_there_are() -> None:
    filters: list[Mapping[str, Any]] = [{"property": "\n\x1b[31m" + "x" * 300, "op": "OP_IS_SET"}] * 100
    told = outline_of(asked(trends={"series": [{"event": {"filters": [*filters]}}]}))

    assert told.isprintable()
    assert len(told) == 2000


def test_questions_alike_have_one_fingerprint() -> None:
    def one(value: str) -> str:
        filters: list[Mapping[str, Any]] = [{"property": "plan", "op": "OP_IS", "values": [value]}]
        return fingerprint_of(outline_of(asked(trends={"series": [{"event": {"filters": filters}}]})))

    assert one("a") == one("b") != fingerprint_of(outline_of(asked(trends={"series": [{"metric": {"kind": "KIND_PERSONS"}}]})))
