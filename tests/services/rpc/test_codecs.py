import pytest

from core.errors import MalformedRequest, PugError, UnknownField
from pug.insights.v1.insights_pb2 import QueryRequest
from services.rpc.codecs import _shortened, read_binary, read_json  # pyright: ignore[reportPrivateUsage] (what bounds every search)

BAD_JSON = [
    ('{"foo":1}', UnknownField, "foo"),
    ('{"insight":{"trends":{"series":[{"evnt":{}}]}}}', UnknownField, "insight.trends.series[0].evnt"),
    ('{"insight":{"trends":{"series":[{"metric":{"kind":"KIND_X"}}]}}}', MalformedRequest, "insight.trends.series[0].metric.kind"),
    ('{"granularity":"X"}', MalformedRequest, "granularity"),
    ('{"timeRange":{"from":"yesterday"}}', MalformedRequest, "timeRange.from"),
    ('{"timeZone":5}', MalformedRequest, "timeZone"),
    ('{"insight":{"trends":{"breakdownLimit":"x"}}}', MalformedRequest, "insight.trends.breakdownLimit"),
    ('{"insight":5}', MalformedRequest, "insight"),
    ('{"insight":{"trends":{"series":[{"event":5}]}}}', MalformedRequest, "insight.trends.series[0].event"),
    ('{"insight":{"trends":{"series":[null]}}}', MalformedRequest, "insight.trends.series[0]"),
    ("5", MalformedRequest, ""),
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


@pytest.mark.parametrize(
    "body",
    [
        '{"preset":"' + " " * 2**20 + 'x"}',
        '{"preset":"' + " at " * 2**18 + 'x"}',
        '{"preset":"' + 'has no field named "" at "".Available Fields: "['.replace('"', '\\"') * 2**14 + '"}',
        '{"' + " " * 2**20 + '":1}',
        '{"timeRange":{"from":"' + " " * 2**20 + '"}}',
        '{"insight":{"trends":{"breakdownLimit":"' + "9" * 2**20 + '"}}}',
        '{"insight":' + "[" * 2**19 + "]" * 2**19 + "}",
    ],
    ids=range(7),
)
def test_a_megabyte_of_the_callers_text_is_refused_in_a_short_message(body: str) -> None:
    with pytest.raises(PugError) as refused:
        read_json(body.encode(), QueryRequest)

    assert len(refused.value.message) < 1000
    assert len(refused.value.field) < 700


@pytest.mark.parametrize("body", ["[]", " [ ]", '""', "null", "true", "0", '"a"', "[{}]"])
def test_a_body_that_is_no_object_is_refused_whatever_it_is(body: str) -> None:
    with pytest.raises(MalformedRequest, match=r"^The body must be an object\.$"):
        read_json(body.encode(), QueryRequest)


@pytest.mark.parametrize("body", ["{}", "\r\n\t {}"])
def test_an_empty_object_is_an_empty_message(body: str) -> None:
    assert read_json(body.encode(), QueryRequest) == QueryRequest()


def test_a_complaint_is_cut_before_it_is_searched() -> None:
    assert len(_shortened("head" + " " * 2**20 + "tail")) < 1300
    assert _shortened("head" + " " * 2**20 + "tail").endswith("tail")


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"timeZone":"\xff"}'])
def test_bytes_that_are_no_text_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_json(body, QueryRequest)


def test_unreadable_protobuf_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read_binary(b"\x0a\xff\xff", QueryRequest)
