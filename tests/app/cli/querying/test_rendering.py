import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from app.cli.output import number_texts, print_table, table
from app.cli.querying.rendering.charts import bar, change, shade, sparkline
from app.cli.querying.rendering.labels import bucket_text
from app.cli.querying.rendering.meta import hint_line, meta_line
from app.cli.querying.rendering.trends import series_labels
from golden_text import assert_looks_like, drawn
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Breakdown, Cell
from pug.insights.v1.filter_pb2 import SOURCE_PERSON, EventMatcher, Filter
from pug.insights.v1.flow_pb2 import Flow, FlowResult
from pug.insights.v1.funnel_pb2 import Funnel, FunnelResult
from pug.insights.v1.lifecycle_pb2 import LifecycleResult
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.person_pb2 import Person
from pug.insights.v1.retention_pb2 import Retention, RetentionResult
from pug.insights.v1.segmentation_pb2 import Segmentation, SegmentationResult
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.stickiness_pb2 import Stickiness, StickinessResult
from pug.insights.v1.top_k_pb2 import TopK, TopKResult
from pug.insights.v1.trends_pb2 import Trends, TrendsResult

PLAN = Breakdown(property="plan")
START = datetime(2026, 3, 2, tzinfo=UTC)
CELLS = (["pro"], ["free"], [None])


def cell(*values: str | None, others: bool = False) -> Cell:
    return Cell(values=[Cell.Value(value=value or "", absent=value is None) for value in values], others=others)


def buckets(count: int, step: timedelta = timedelta(days=1)) -> list[TrendsResult.Bucket]:
    return [TrendsResult.Bucket(start=START + place * step, partial=place == count - 1) for place in range(count)]


def trends(*series: TrendsResult.Series, count: int = 7) -> pb.QueryResponse:
    return pb.QueryResponse(trends=TrendsResult(buckets=buckets(count), series=series))


def line(letter: str, values: Sequence[float], of: Cell | None = None, before: Sequence[float] = ()) -> TrendsResult.Series:
    return TrendsResult.Series(series=letter, cell=of, values=values, compare_values=before)


def series(event: str, kind: Metric.Kind = Metric.KIND_UNSPECIFIED, key: str = "") -> Trends.Series:
    return Trends.Series(event=EventMatcher(name=event), metric=Metric(kind=kind, property=key))


def asked(insight: pb.Insight, granularity: pb.Granularity = pb.GRANULARITY_DAY) -> pb.QueryRequest:
    return pb.QueryRequest(insight=insight, granularity=granularity)


def test_one_line_of_a_trend_has_bars_and_its_comparison() -> None:
    values, before = [1200, 900.5, 0, 1300, 12.25, 700, 30], [1000, 0, 0, 1300, 24.5, 650, 900]
    request = asked(pb.Insight(trends=Trends(series=[series("purchase", Metric.KIND_SUM, "price")])))

    assert_looks_like("trends_compared", trends(line("A", values, before=before)), request)


def test_many_lines_of_a_trend_stand_in_blocks_that_fit() -> None:
    lines = [line(letter, [1000 * number + day for day in range(7)], cell(*names)) for letter in "AB" for number, names in enumerate(CELLS)]
    formula = line("conversion", [12.5, 0, 3, 4, 5, 6, 7], cell("pro"))
    request = asked(pb.Insight(trends=Trends(series=[series("page_view", Metric.KIND_PERSONS), series("purchase")], breakdowns=[PLAN])))

    assert_looks_like("trends_broken_down", trends(*lines, line("A", [1] * 7, cell(others=True)), formula), request)


def test_a_trend_as_sparklines_has_a_total_only_where_buckets_add_up() -> None:
    days = 90
    lines = [line("A", [abs(45 - day) for day in range(days)]), line("B", [day % 7 for day in range(days)])]
    request = asked(pb.Insight(trends=Trends(series=[series("page_view"), series("purchase", Metric.KIND_PERSONS)])))

    assert_looks_like("trends_sparkline", trends(*lines, count=days), request, sparkline=True)


def test_a_segmentation_compares_the_cells_of_a_series() -> None:
    rows = [
        SegmentationResult.Row(series=letter, cell=cell(*names), value=value, compare_value=before)
        for letter, values in (("A", ((700, 600), (350, 350), (10, 0))), ("B", ((1.5, 2.25), (3, 1), (0, 0))))
        for names, (value, before) in zip(CELLS, values, strict=True)
    ]
    insight = pb.Insight(
        segmentation=Segmentation(series=[series("page_view"), series("purchase", Metric.KIND_AVG, "price")], breakdowns=[PLAN])
    )

    assert_looks_like("segmentation", pb.QueryResponse(segmentation=SegmentationResult(rows=rows)), asked(insight))


def funnel_series(counts: Sequence[int], of: Cell | None = None) -> FunnelResult.Series:
    edges = (30, 120, 300, 900, 3_600, 21_600, 86_400, 604_800)
    steps: list[FunnelResult.Step] = []
    for place, count in enumerate(counts):
        before = counts[place - 1] if place else count
        step = FunnelResult.Step(count=count, from_first=count / counts[0], from_previous=count / before if before else 0)
        if place and count:
            step.average.FromTimedelta(timedelta(minutes=place * 7))
            step.median.FromTimedelta(timedelta(seconds=place * 41))
            step.p95.FromTimedelta(timedelta(hours=place * 5))
        if place:
            bins = [FunnelResult.Bin(upper=timedelta(seconds=edge), count=count // 8) for edge in edges]
            step.histogram.extend([*bins, FunnelResult.Bin(count=count - 8 * (count // 8))])
        steps.append(step)
    trend = [
        FunnelResult.Entry(start=START + timedelta(days=day), partial=day == 2, entered=counts[0] // 3, converted=counts[-1] // (day + 1))
        for day in range(3)
    ]
    return FunnelResult.Series(cell=of, steps=steps, trend=trend)


def funnel(*, with_breakdown: bool = False) -> Funnel:
    cheap = Filter(property="price", op=Filter.OP_LT)
    steps = [
        Funnel.Step(event=EventMatcher(name="page_view")),
        Funnel.Step(event=EventMatcher(name="added_to_the_basket_of_things_to_buy"), optional=True),
        Funnel.Step(event=EventMatcher(name="purchase", filters=[cheap])),
    ]
    return Funnel(steps=steps, breakdowns=[PLAN] if with_breakdown else [], timing=True, trend=True)


def test_a_funnel_has_bars_timing_and_trend() -> None:
    answer = pb.QueryResponse(funnel=FunnelResult(series=[funnel_series([12_345, 700, 90])]))

    assert_looks_like("funnel", answer, asked(pb.Insight(funnel=funnel())))


def test_a_funnel_broken_down_has_the_cells_of_a_step_below_each_other() -> None:
    parts = [
        funnel_series([1000, 400, 80], cell("pro")),
        funnel_series([300, 0, 0], cell(None)),
        funnel_series([20, 8, 1], cell(others=True)),
    ]

    assert_looks_like(
        "funnel_broken_down", pb.QueryResponse(funnel=FunnelResult(series=parts)), asked(pb.Insight(funnel=funnel(with_breakdown=True)))
    )


def cohorts(count: int, size: int, step: timedelta) -> list[RetentionResult.Cohort]:
    return [
        RetentionResult.Cohort(
            start=START + place * step,
            size=size if place != 2 else 0,
            counts=[size, *(size // (period + 1) for period in range(1, count - place))] if place != 2 else [0] * (count - place),
            complete=count - place - 1,
        )
        for place in range(count)
    ]


def test_retention_is_a_shaded_triangle() -> None:
    part = RetentionResult.Series(cohorts=cohorts(8, 120, timedelta(days=7)), mean=[1, 0.5, 0.33, 0.25, 0.2, 0.16])

    answer = pb.QueryResponse(retention=RetentionResult(series=[part]))

    assert_looks_like("retention", answer, asked(pb.Insight(retention=Retention(period=Retention.PERIOD_WEEK))))


def test_long_retention_goes_on_below_and_cells_have_a_triangle_each() -> None:
    parts = [
        RetentionResult.Series(cell=cell("pro"), cohorts=cohorts(12, 1200, timedelta(days=1)), mean=[1, 0.5]),
        RetentionResult.Series(cell=cell(others=True), cohorts=cohorts(3, 10, timedelta(days=1)), mean=[1]),
    ]
    insight = pb.Insight(retention=Retention(breakdowns=[Breakdown(property="tier", source=SOURCE_PERSON)], periods=11))

    assert_looks_like("retention_broken_down", pb.QueryResponse(retention=RetentionResult(series=parts)), asked(insight))


def test_brackets_of_retention_are_named_by_their_periods() -> None:
    part = RetentionResult.Series(
        cohorts=[RetentionResult.Cohort(start=START, size=10, counts=[10, 5, 2, 1], complete=4)], mean=[1, 0.5, 0.2, 0.1]
    )
    insight = pb.Insight(retention=Retention(mode=Retention.MODE_BRACKETS, brackets=[1, 6, 23]))

    head = drawn(pb.QueryResponse(retention=RetentionResult(series=[part])), asked(insight), 80).splitlines()[0]

    assert head.split() == ["day", "size", "1", "2–7", "8–30"]


def test_few_returns_are_told_with_a_decimal() -> None:
    part = RetentionResult.Series(
        cohorts=[RetentionResult.Cohort(start=START, size=1000, counts=[1000, 42, 3], complete=2)], mean=[1, 0.042]
    )

    lines = drawn(pb.QueryResponse(retention=RetentionResult(series=[part])), asked(pb.Insight(retention=Retention())), 80).splitlines()

    assert [line.split() for line in lines[2:]] == [
        ["2026-03-02", "1,000", "4.2%█", "0.3%*"],
        ["mean", "4.2%"],
        ["*", "can", "still", "grow"],
    ]


def test_a_funnel_nobody_goes_through_has_no_histogram() -> None:
    answer = pb.QueryResponse(
        funnel=FunnelResult(series=[FunnelResult.Series(steps=[FunnelResult.Step(count=2)] + [FunnelResult.Step()] * 2)])
    )

    text = drawn(answer, asked(pb.Insight(funnel=Funnel(steps=funnel().steps, timing=True))), 80)

    assert "median" in text
    assert "within" not in text


@pytest.mark.parametrize(("mode", "counts"), [("exact", [400, 120, 30, 5, 0, 0]), ("cumulative", [555, 155, 35, 5, 0, 0])])
def test_stickiness_ends_with_the_most_that_anybody_was_active(mode: str, counts: list[int]) -> None:
    insight = pb.Insight(stickiness=Stickiness(mode=Stickiness.MODE_CUMULATIVE if mode == "cumulative" else Stickiness.MODE_EXACT))

    answer = pb.QueryResponse(stickiness=StickinessResult(counts=counts))

    assert_looks_like(f"stickiness_{mode}", answer, asked(insight, pb.GRANULARITY_WEEK))


def test_lifecycle_has_who_goes_left_of_the_axis() -> None:
    result = LifecycleResult(
        buckets=buckets(4), new=[120, 40, 0, 10], returning=[0, 60, 70, 20], resurrecting=[0, 5, 12, 1], dormant=[0, -60, -35, -62]
    )

    assert_looks_like("lifecycle", pb.QueryResponse(lifecycle=result), asked(pb.Insight()))


def node(number: int, hop: int, label: str, value: int, *, others: bool = False) -> FlowResult.Node:
    return FlowResult.Node(id=number, label=label, hop=hop, others=others, value=value)


def test_a_flow_goes_hop_by_hop_from_each_node_to_what_follows() -> None:
    nodes = [
        node(0, 1, "/", 1000),
        node(1, 1, "/blog/a-very-long-path-that-nobody-would-type-by-hand", 50),
        node(2, 2, "/pricing", 600),
        node(3, 2, "", 150, others=True),
        node(4, 3, "/checkout", 200),
    ]
    links = [(0, 2, 580), (0, 3, 130), (2, 4, 195), (1, 2, 20), (1, 3, 20), (3, 4, 5)]

    answer = pb.QueryResponse(
        flow=FlowResult(nodes=nodes, links=[FlowResult.Link(source=source, target=target, value=value) for source, target, value in links])
    )

    assert_looks_like("flow", answer, asked(pb.Insight(flow=Flow(unit=Flow.UNIT_PERSON))))


def test_a_flow_that_leads_nowhere_lists_its_nodes() -> None:
    answer = pb.QueryResponse(flow=FlowResult(nodes=[node(0, 1, "left", 3)]))

    lines = drawn(answer, asked(pb.Insight(flow=Flow())), 80).splitlines()

    assert [each.split() for each in (lines[0], lines[2])] == [["hop", "sessions"], ["1", "left", "3"]]


def test_places_have_bars_but_not_the_others() -> None:
    rows = [TopKResult.Row(value="/", metric=1200), TopKResult.Row(absent=True, metric=300), TopKResult.Row(others=True, metric=9000)]

    answer = pb.QueryResponse(top_k=TopKResult(rows=rows))

    assert_looks_like("top_k", answer, asked(pb.Insight(top_k=TopK(dimension=TopK.DIMENSION_PROPERTY, property="$pathname"))))


def test_persons_in_places_are_called_by_their_id_and_traits() -> None:
    traits = Struct()
    traits.update({"email": "ann@example.org", "tier": "gold", "note": "[b]bold"})
    rows = [
        TopKResult.Row(value="00ff", metric=450.255, person=Person(id="00ff", distinct_id="ann", traits=traits)),
        TopKResult.Row(value="00aa", metric=2, person=Person(id="00aa", distinct_id="anon-1")),
    ]
    insight = pb.Insight(top_k=TopK(dimension=TopK.DIMENSION_PERSON, metric=Metric(kind=Metric.KIND_SUM, property="price")))

    assert_looks_like("top_k_persons", pb.QueryResponse(top_k=TopKResult(rows=rows)), asked(insight))


def test_sessions_by_bucket_say_durations_and_shares_as_such() -> None:
    request = asked(pb.Insight(sessions=Sessions(metric=Sessions.METRIC_AVG_DURATION)))

    assert_looks_like("sessions_trends", trends(line("A", [0, 3.25, 59, 61, 3700, 90_000, 1])), request)


def test_sessions_in_all_are_told_by_where_they_begin() -> None:
    rows = [SegmentationResult.Row(series="A", cell=cell(value), value=count) for value, count in (("/", 1846), ("/pricing", 12))]
    insight = pb.Insight(sessions=Sessions(metric=Sessions.METRIC_ENTRY, property="$pathname"))

    assert_looks_like("sessions_segmentation", pb.QueryResponse(segmentation=SegmentationResult(rows=rows)), asked(insight))


def test_an_answer_without_anything_says_so() -> None:
    for empty in (pb.QueryResponse(), pb.QueryResponse(flow=FlowResult()), pb.QueryResponse(stickiness=StickinessResult(counts=[0, 0]))):
        assert drawn(empty, pb.QueryRequest(), 80) == "nothing in this range\n"


def test_what_acts_on_a_terminal_is_shown_instead() -> None:
    rows = [TopKResult.Row(value="\x1b]0;owned\x07[red]", metric=1)]

    text = drawn(pb.QueryResponse(top_k=TopKResult(rows=rows)), asked(pb.Insight(top_k=TopK())), 80)

    assert "\\x1b]0;owned\\x07[red]" in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2500], ["1", "2,500"]),
        ([29.33, 1234567.5], ["29.33", "1,234,567.50"]),
        ([0.1 + 0.2], ["0.30"]),
        ([100 / 3, 0.5], ["33.3333", "0.5000"]),
        ([1000 / 3], ["333.33"]),
        ([], []),
        ([0], ["0"]),
    ],
)
def test_numbers_of_a_column_have_the_decimals_it_needs(values: list[float], expected: list[str]) -> None:
    assert number_texts(values) == expected


def test_a_wide_table_goes_through_a_pipe_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stdout.isatty()

    print_table(table(["x" * 300, "[b]not markup[/]"], [["y" * 500, "…"]]))

    out = capsys.readouterr().out
    assert "x" * 300 in out
    assert "y" * 500 in out
    assert "[b]not markup[/]" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("lines", "labels"),
    [
        ([("A", cell())], ["bought"]),
        ([("A", cell("pro")), ("A", cell(None)), ("A", cell(""))], ["pro", "(none)", '""']),
        ([("A", cell("pro", "de")), ("B", cell("pro", "de"))], ["A pro / de", "B pro / de"]),
        ([("A", cell()), ("B", cell()), ("B / A", cell())], ["A bought", "B seen", "B / A"]),
    ],
)
def test_labels_say_what_tells_the_lines_apart(lines: list[tuple[str, Cell]], labels: list[str]) -> None:
    result = TrendsResult(series=[TrendsResult.Series(series=letter, cell=each) for letter, each in lines])

    assert series_labels(result, {"A": "bought", "B": "seen"}) == labels


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        (pb.GRANULARITY_UNSPECIFIED, "2026-03-01"),
        (pb.GRANULARITY_WEEK, "2026-03-01"),
        (pb.GRANULARITY_HOUR, "2026-03-01 00:30"),
        (pb.GRANULARITY_MONTH, "2026-03"),
    ],
)
def test_a_bucket_is_named_in_the_time_zone_of_the_answer(granularity: pb.Granularity, expected: str) -> None:
    start = Timestamp()
    start.FromDatetime(datetime(2026, 2, 28, 23, 30, tzinfo=UTC))

    assert bucket_text(start, granularity, ZoneInfo("Europe/Berlin")) == expected
    assert bucket_text(start, granularity, ZoneInfo("Europe/Berlin"), partial=True) == f"{expected}*"


def test_a_sparkline_stands_on_zero_and_is_no_longer_than_there_is_room() -> None:
    assert sparkline([0, 7], 9) == "▁█"
    assert sparkline([5, 5], 9) == "██"
    assert sparkline([0, 0], 9) == "▁▁"
    assert sparkline([-7, 0], 9) == "▁█"
    assert not sparkline([], 9)
    assert sparkline([0, 0, 7, 7, 0, 0], 3) == "▁█▁"
    assert len(sparkline(list(range(366)), 40)) == 40


def test_a_bar_shows_whatever_is_more_than_nothing() -> None:
    assert bar(1, 4) == "████"
    assert bar(0.5, 3) == "█▌"
    assert bar(0.0001, 4) == "▏"
    assert not bar(0, 4)
    assert bar(7, 2) == "██"


def test_shades_and_changes() -> None:
    assert "".join(shade(share, 0.4) for share in (0, 0.001, 0.2, 0.3, 0.4)) == " ░▒▓█"
    assert shade(0, 0) == " "
    assert [change(*each) for each in ((2, 1), (1, 2), (1, 0), (0, 0), (-1, -2))] == ["+100.0 %", "-50.0 %", "–", "0.0 %", "+50.0 %"]


def test_the_line_below_says_how_exact_and_fresh_an_answer_is() -> None:
    meta = pb.Meta(
        exactness=pb.Meta.EXACTNESS_APPROXIMATE,
        source=pb.Meta.TABLE_ROLLUP,
        rows_read=6919,
        elapsed=timedelta(milliseconds=12),
        complete_until=datetime(2026, 3, 1, 12, tzinfo=UTC),
        time_zone="Europe/Berlin",
        hint="No event “purchas” was ever sent\x07.",
    )

    assert meta_line(meta) == "approximate · rollup · 6,919 rows read · 12 ms · complete until 2026-03-01 13:00:00 CET"
    assert hint_line(meta) == "hint: No event “purchas” was ever sent\\x07."
