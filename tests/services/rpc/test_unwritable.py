import math

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.filter_pb2 import Filter, FilterGroup
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import Compare, Insight, QueryRequest, TimeRange
from services.rpc.unwritable import first_unwritable

NOT_A_NUMBER = Value(number_value=math.nan)
DEEP = Value(struct_value=Struct(fields={"a": Value(number_value=1), "b": Value(list_value=ListValue(values=[Value(), NOT_A_NUMBER]))}))

UNWRITABLE: list[tuple[Message, str]] = [
    (Struct(fields={"x": NOT_A_NUMBER}), ".x"),
    (Struct(fields={"x": Value(number_value=-math.inf)}), ".x"),
    (Struct(fields={"x": DEEP}), ".x.b[1]"),
    (FilterGroup(groups=[FilterGroup(filters=[Filter(), Filter(values=[Value(), DEEP])])]), ".groups[0].filters[1].values[1].b[1]"),
    (Tile(insight=Insight(funnel=Funnel(window=Duration(seconds=2**63 - 1)))), ".insight.funnel.window"),
    (Tile(compare=Compare(offset=Duration(nanos=2**31 - 1))), ".compare.offset"),
    (QueryRequest(time_range=TimeRange(to=Timestamp(nanos=-1))), ".timeRange.to"),
    (QueryRequest(time_range=TimeRange(to=Timestamp(seconds=2**63 - 1))), ".timeRange.to"),
]


@pytest.mark.parametrize(("message", "rest"), UNWRITABLE, ids=[rest for _, rest in UNWRITABLE])
def test_what_json_cannot_hold_is_named_by_its_path(message: Message, rest: str) -> None:
    assert first_unwritable(message, "set") == f"set{rest}"


def test_of_what_json_can_hold_nothing_is_named() -> None:
    written = {"a": 1, "b": [None, "NaN", {"c": True}]}

    assert first_unwritable(ParseDict(written, Struct()), "set") == "set"


def test_a_path_is_shortened_whose_keys_are_long() -> None:
    found = first_unwritable(Struct(fields={"x" * 100_000: NOT_A_NUMBER}), "set")

    assert (len(found), found[-2:]) == (501, "x…")
