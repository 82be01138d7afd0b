from datetime import UTC, datetime

import pytest

from app.cli.client import UsageError
from app.cli.querying.request import Framing, Shorthand, additive_series, framed, request_of_shorthand, request_of_text, series_names
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.metric_pb2 import Metric

INSIGHT = '{"trends":{"series":[{"event":{"name":"purchase"},"metric":{"kind":"KIND_SUM","property":"dollars"}}]}}'


def test_an_insight_alone_is_a_question_too() -> None:
    whole = request_of_text(f'{{"insight":{INSIGHT}}}')

    assert request_of_text(INSIGHT) == whole
    assert whole.insight.trends.series[0].metric.property == "dollars"


@pytest.mark.parametrize(("text", "message"), [("nope", "not JSON"), ("[]", "not an object"), ('{"insight":{"trnds":{}}}', "trnds")])
def test_a_question_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        request_of_text(text)


def test_options_say_a_trend_of_one_series() -> None:
    request = request_of_shorthand(Shorthand("purchase", "sum", "dollars", ("plan",), 5))

    assert request.insight.trends.series[0].event.name == "purchase"
    assert request.insight.trends.series[0].metric == Metric(kind=Metric.KIND_SUM, property="dollars")
    assert [breakdown.property for breakdown in request.insight.trends.breakdowns] == ["plan"]
    assert request.insight.trends.breakdown_limit == 5
    assert series_names(request) == {"A": "purchase: sum of dollars"}
    assert additive_series(request) == {"A"}
    assert additive_series(request_of_shorthand(Shorthand("purchase", "persons"))) == frozenset()


def test_nothing_said_about_time_means_the_last_30_days() -> None:
    assert framed(pb.QueryRequest(), Framing()).preset == pb.PRESET_LAST_30_DAYS
    assert framed(pb.QueryRequest(preset=pb.PRESET_TODAY), Framing()).preset == pb.PRESET_TODAY


def test_options_win_over_the_file() -> None:
    request = framed(
        pb.QueryRequest(preset=pb.PRESET_TODAY), Framing("2026-03-01", "2026-04-01", granularity="month", time_zone="Europe/Berlin")
    )

    assert request.WhichOneof("range") == "time_range"
    assert getattr(request.time_range, "from").ToDatetime(UTC) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert request.time_range.to.ToDatetime(UTC) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert request.granularity == pb.GRANULARITY_MONTH


@pytest.mark.parametrize(
    ("framing", "message"),
    [
        (Framing(begin="yesterday"), "not a time"),
        (Framing(end="2026-01-01"), "without a beginning"),
        (Framing(preset="today", begin="2026-01-01"), "both say the range"),
        (Framing(preset="last_week"), "There are: today"),
        (Framing(granularity="fortnight"), "There are: minute, hour"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused_with_what_would(framing: Framing, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        framed(pb.QueryRequest(), framing)

    assert message in f"{refused.value.message} {refused.value.fix}"
