from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import MessageToDict

from app.cli.client import UsageError
from app.cli.querying.options import Framing
from app.cli.querying.request import framed, request_of, request_of_text
from app.cli.querying.series import additive_series, formulas_of, series_names, series_of
from app.cli.querying.words import span_of, span_text
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.filter_pb2 import Filter, FilterGroup

INSIGHT = '{"trends":{"series":[{"event":{"name":"purchase"},"metric":{"kind":"KIND_SUM","property":"dollars"}}]}}'


def test_an_insight_alone_is_a_question_too() -> None:
    whole = request_of_text(f'{{"insight":{INSIGHT}}}')

    assert request_of_text(INSIGHT) == whole
    assert whole.insight.trends.series[0].metric.property == "dollars"


@pytest.mark.parametrize(("text", "message"), [("nope", "not JSON"), ("[]", "not an object"), ('{"insight":{"trnds":{}}}', "trnds")])
def test_a_question_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        request_of_text(text)


def test_series_may_have_metrics_of_their_own() -> None:
    series = series_of(["purchase", "purchase: sum of price", "page_view[plan=pro]: per person", "Order: paid"], "persons", None)

    assert series_names(series) == {
        "A": "purchase: persons",
        "B": "purchase: sum of price",
        "C": "page_view (filtered): per person",
        "D": "Order: paid: persons",
    }
    assert additive_series(series) == {"B"}
    assert additive_series(series_of([], None, None)) == {"A"}


def test_formulas_may_have_a_name() -> None:
    assert [MessageToDict(each) for each in formulas_of(["A / B * 100", "share = A / B"])] == [
        {"expression": "A / B * 100"},
        {"expression": "A / B", "label": "share"},
    ]
    with pytest.raises(UsageError, match="--formula"):
        formulas_of(["a = b = c"])


def test_nothing_said_about_time_means_the_last_30_days() -> None:
    assert framed(pb.QueryRequest(), Framing()).preset == pb.PRESET_LAST_30_DAYS
    assert framed(pb.QueryRequest(preset=pb.PRESET_TODAY), Framing()).preset == pb.PRESET_TODAY


def test_options_win_over_the_file() -> None:
    request = framed(
        pb.QueryRequest(preset=pb.PRESET_TODAY),
        Framing(since="2026-03-01", until="2026-04-01", time_zone="Europe/Berlin", week_start="sunday"),
        granularity="month",
    )

    assert request.WhichOneof("range") == "time_range"
    assert getattr(request.time_range, "from").ToDatetime(UTC) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert request.time_range.to.ToDatetime(UTC) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert request.granularity == pb.GRANULARITY_MONTH
    assert request.week_start == pb.WEEK_START_SUNDAY


def test_who_is_counted_is_said_for_every_kind() -> None:
    request = request_of(
        pb.Insight(),
        Framing(where=["plan=pro", "@tier=gold"], any_where=True, include_cookieless=True, as_of_identity=7),
        compare="7d",
        approximate=True,
    )

    assert request.insight.filters.match == FilterGroup.MATCH_ANY
    assert [each.property for each in request.insight.filters.filters] == ["plan", "tier"]
    assert request.insight.include_cookieless
    assert request.as_of_identity == 7
    assert request.compare.offset.ToTimedelta() == timedelta(days=7)
    assert request.approximate


def test_to_compare_with_what_came_before_needs_no_offset() -> None:
    request = request_of(pb.Insight(), Framing(), compare="previous")

    assert request.HasField("compare")
    assert not request.compare.HasField("offset")


def test_filters_join_those_of_the_file() -> None:
    of_file = FilterGroup(match=FilterGroup.MATCH_ANY, filters=[Filter(property="a"), Filter(property="b")])

    joined = framed(pb.QueryRequest(insight=pb.Insight(filters=of_file)), Framing(where=["plan=pro"])).insight.filters

    assert joined.match in {FilterGroup.MATCH_UNSPECIFIED, FilterGroup.MATCH_ALL}
    assert joined.groups[0] == of_file
    assert [each.property for each in joined.groups[1].filters] == ["plan"]


@pytest.mark.parametrize(
    ("framing", "message"),
    [
        (Framing(since="yesterday"), "not a time"),
        (Framing(until="2026-01-01"), "without a beginning"),
        (Framing(preset="today", since="2026-01-01"), "both say the range"),
        (Framing(preset="last_week"), "There are: today"),
        (Framing(week_start="friday"), "There are: monday, sunday"),
        (Framing(any_where=True), "--where"),
    ],
)
def test_a_framing_that_makes_no_sense_is_refused_with_what_would(framing: Framing, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        framed(pb.QueryRequest(), framing)

    assert message in f"{refused.value.message} {refused.value.fix}"


def test_spans_are_a_number_and_a_unit() -> None:
    assert [span_of(text, "--window") for text in ("90s", "30m", "12h", "14d", "2w")] == [
        timedelta(seconds=90),
        timedelta(minutes=30),
        timedelta(hours=12),
        timedelta(days=14),
        timedelta(weeks=2),
    ]
    assert [span_text(timedelta(seconds=seconds)) for seconds in (30, 120, 3_600, 604_800)] == ["30s", "2m", "1h", "7d"]
    with pytest.raises(UsageError, match="--window"):
        span_of("two days", "--window")
