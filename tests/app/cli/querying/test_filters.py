import pytest
from google.protobuf.json_format import MessageToDict

from app.cli.client import UsageError
from app.cli.querying.filters import breakdown_of, event_of, filter_of

FILTERS: list[tuple[str, str, str, list[object]]] = [
    ("plan=pro", "plan", "OP_IS", ["pro"]),
    ("plan=pro, team", "plan", "OP_IS", ["pro", "team"]),
    ("plan!=free,trial", "plan", "OP_IS_NOT", ["free", "trial"]),
    ("plan=", "plan", "OP_IS", [""]),
    ("seats=3,4.5,-1", "seats", "OP_IS", [3, 4.5, -1]),
    ("vip=true", "vip", "OP_IS", [True]),
    ("zip=01234", "zip", "OP_IS", ["01234"]),
    ('zip="1234"', "zip", "OP_IS", ["1234"]),
    ('city="Berlin, Mitte",Bonn', "city", "OP_IS", ["Berlin, Mitte", "Bonn"]),
    ("price>10", "price", "OP_GT", [10]),
    ("price >= 10", "price", "OP_GTE", [10]),
    ("price<0.5", "price", "OP_LT", [0.5]),
    ("price<=10", "price", "OP_LTE", [10]),
    ("price=10..20.5", "price", "OP_BETWEEN", [10, 20.5]),
    ("price!=-5..5", "price", "OP_NOT_BETWEEN", [-5, 5]),
    ("name*=ann", "name", "OP_CONTAINS", ["ann"]),
    ("name!*=7", "name", "OP_NOT_CONTAINS", ["7"]),
    ("$url^=https://a,http://b", "$url", "OP_STARTS_WITH", ["https://a", "http://b"]),
    ("$url$=.pdf", "$url", "OP_ENDS_WITH", [".pdf"]),
    ("$url=~'/a,b/[0-9]+'", "$url", "OP_MATCHES", ["/a,b/[0-9]+"]),
    ("$url!~x=y", "$url", "OP_NOT_MATCHES", ["x=y"]),
    ("$country=DE", "$country", "OP_IS", ["DE"]),
    ("address.city=Bonn", "address.city", "OP_IS", ["Bonn"]),
    ('"my key"=x', "my key", "OP_IS", ["x"]),
    ("coupon", "coupon", "OP_IS_SET", []),
    ("!coupon", "coupon", "OP_IS_NOT_SET", []),
    ("due<2026-03-01", "due", "OP_BEFORE", ["2026-03-01"]),
    ("due>=2026-03-01T10:00:00Z", "due", "OP_AFTER", ["2026-03-01T10:00:00Z"]),
    ("due in last 7d", "due", "OP_IN_LAST", ["7d"]),
]


@pytest.mark.parametrize(("text", "key", "operator", "values"), FILTERS)
def test_a_filter_is_typed_in_a_few_characters(text: str, key: str, operator: str, values: list[object]) -> None:
    written = MessageToDict(filter_of(text))

    assert (written["property"], written["op"], written.get("values", [])) == (key, operator, values)
    assert "source" not in written


@pytest.mark.parametrize(
    ("text", "source", "key"),
    [
        ("@tier=gold", "SOURCE_PERSON", "tier"),
        ("session:$utm_source=news", "SOURCE_SESSION", "$utm_source"),
        ('@"first name"=Ann', "SOURCE_PERSON", "first name"),
        ("!@tier", "SOURCE_PERSON", "tier"),
        ("@tier in last 4w", "SOURCE_PERSON", "tier"),
    ],
)
def test_a_mark_says_whose_property_it_is(text: str, source: str, key: str) -> None:
    written = MessageToDict(filter_of(text))

    assert (written["source"], written["property"]) == (source, key)


@pytest.mark.parametrize("text", ["", "=x", "plan pro", "due>2026-03-01", "due<=2026-03-01", '"open=x'])
def test_what_is_no_filter_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        filter_of(text)

    assert refused.value.message.startswith("--where: ")
    assert refused.value.fix


def test_events_may_have_filters_of_their_own() -> None:
    assert MessageToDict(event_of("purchase", "--step")) == {"name": "purchase"}
    assert MessageToDict(event_of("*", "--step")) == {}
    assert MessageToDict(event_of('buy it[price>=10 & name="a & b"]', "--step")) == {
        "name": "buy it",
        "filters": [
            {"property": "price", "op": "OP_GTE", "values": [10]},
            {"property": "name", "op": "OP_IS", "values": ["a & b"]},
        ],
    }
    assert event_of("*[$url=~[0-9]]", "--step").filters[0].values[0].string_value == "[0-9]"


@pytest.mark.parametrize("text", ["buy[", "buy[plan=pro", "buy[=]", "buy[plan=pro]!"])
def test_an_event_that_cannot_be_read_names_its_option(text: str) -> None:
    with pytest.raises(UsageError, match="--step: "):
        event_of(text, "--step")


def test_breakdowns_are_written_like_the_properties_of_filters() -> None:
    assert MessageToDict(breakdown_of("plan")) == {"property": "plan"}
    assert MessageToDict(breakdown_of("@tier")) == {"property": "tier", "source": "SOURCE_PERSON"}
    assert MessageToDict(breakdown_of('session:"my key"')) == {"property": "my key", "source": "SOURCE_SESSION"}
    with pytest.raises(UsageError, match="--by"):
        breakdown_of("plan=pro", "--by")
