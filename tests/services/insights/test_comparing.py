"""What a query may be compared with. It is 2026-03-10 12:00 UTC."""

from datetime import UTC, datetime

import pytest
from google.protobuf.duration_pb2 import Duration

from core.errors import InvalidArgument
from pug.insights.v1.insights_pb2 import Compare, Preset, QueryRequest
from services.insights.scope import scope_of
from services.rpc.call import Project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


# JSON holds no such durations, protobuf's binary format does.
@pytest.mark.parametrize("seconds", [9_007_199_254_740_993, 2**63 - 1, -(2**63)])
def test_an_offset_longer_than_time_is_refused(seconds: int) -> None:
    request = QueryRequest(preset=Preset.PRESET_TODAY, compare=Compare(offset=Duration(seconds=seconds)))

    with pytest.raises(InvalidArgument) as refused:
        scope_of(request, Project(1, "UTC"), NOW)

    assert (refused.value.field, bool(refused.value.hint)) == ("compare.offset", True)
