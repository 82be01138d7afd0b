import pytest

from core.errors import MalformedRequest, PugError, UnknownField
from pug.insights.v1.insights_pb2 import QueryRequest
from services.rpc.codecs import read_binary, read_json

BAD_JSON = [
    ('{"foo":1}', UnknownField, "foo"),
    ('{"insight":{"trends":{"series":[{"evnt":{}}]}}}', UnknownField, "insight.trends.series[0].evnt"),
    ('{"insight":{"trends":{"series":[{"metric":{"kind":"KIND_X"}}]}}}', MalformedRequest, "insight.trends.series[0].metric.kind"),
    ('{"granularity":"X"}', MalformedRequest, "granularity"),
    ('{"timeRange":{"from":"yesterday"}}', MalformedRequest, "timeRange.from"),
    ('{"timeZone":5}', MalformedRequest, "timeZone"),
    ('{"insight":{"trends":{"breakdownLimit":"x"}}}', MalformedRequest, "insight.breakdownLimit"),
    ('{"insight":5}', MalformedRequest, "insight"),
    ('{"a":', MalformedRequest, ""),
    ('{"a":1,"a":2}', MalformedRequest, ""),
    ("[" * 100_000, MalformedRequest, ""),
    ('{"insight":{"filters":' * 3_000, MalformedRequest, ""),
]


@pytest.mark.parametrize(("body", "error", "field"), BAD_JSON, ids=range(len(BAD_JSON)))
def test_unreadable_json_is_refused_naming_the_field(body: str, error: type[PugError], field: str) -> None:
    with pytest.raises(error) as refused:
        read_json(body.encode(), QueryRequest)

    assert refused.value.field == field
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"timeZone":"\xff"}'])
def test_bytes_that_are_no_text_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_json(body, QueryRequest)


def test_unreadable_protobuf_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read_binary(b"\x0a\xff\xff", QueryRequest)
