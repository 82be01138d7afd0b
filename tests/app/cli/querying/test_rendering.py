import sys
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from app.cli.output import number_texts, print_table, table
from app.cli.querying.rendering import answer_table, bucket_text, meta_line, series_labels, spark_table, sparkline
from pug.insights.v1 import insights_pb2 as pb
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.trends_pb2 import TrendsResult


def cell(*values: str | None, others: bool = False) -> Cell:
    return Cell(values=[Cell.Value(value=value or "", absent=value is None) for value in values], others=others)


def trends(*series: TrendsResult.Series) -> TrendsResult:
    starts = [datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)]
    return TrendsResult(buckets=[TrendsResult.Bucket(start=start, partial=place == 1) for place, start in enumerate(starts)], series=series)


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


def test_an_answer_has_a_row_for_each_bucket_and_a_column_for_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    answer = pb.QueryResponse(
        trends=trends(
            TrendsResult.Series(series="A", cell=cell("pro"), values=[1000, 2]),
            TrendsResult.Series(series="A", cell=cell(others=True), values=[0, 3]),
        ),
        meta=pb.Meta(time_zone="Europe/Berlin"),
    )

    print_table(answer_table(answer, pb.GRANULARITY_MONTH, {"A": "purchase"}))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["month", "pro", "(others)"]
    assert [line.split() for line in lines[2:]] == [["2026-02", "1,000", "0"], ["2026-03*", "2", "3"]]


def test_a_wide_table_goes_through_a_pipe_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stdout.isatty()

    print_table(table(["x" * 300, "[b]not markup[/]"], [["y" * 500, "…"]]))

    out = capsys.readouterr().out
    assert "x" * 300 in out
    assert "y" * 500 in out
    assert "[b]not markup[/]" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("series", "labels"),
    [
        ([("A", cell())], ["bought"]),
        ([("A", cell("pro")), ("A", cell(None)), ("A", cell(""))], ["pro", "(none)", '""']),
        ([("A", cell("pro", "de")), ("B", cell("pro", "de"))], ["A pro / de", "B pro / de"]),
        ([("A", cell()), ("B", cell())], ["A bought", "B seen"]),
    ],
)
def test_labels_say_what_tells_the_lines_apart(series: list[tuple[str, Cell]], labels: list[str]) -> None:
    result = trends(*[TrendsResult.Series(series=letter, cell=each) for letter, each in series])

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
    bucket = TrendsResult.Bucket(start=datetime(2026, 2, 28, 23, 30, tzinfo=UTC))

    assert bucket_text(bucket, granularity, ZoneInfo("Europe/Berlin")) == expected


def test_a_sparkline_stands_on_zero() -> None:
    assert sparkline([0, 7]) == "▁█"
    assert sparkline([5, 5]) == "██"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([-7, 0]) == "▁█"
    assert not sparkline([])


def test_only_metrics_that_add_up_have_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    result = trends(TrendsResult.Series(series="A", values=[1, 2]), TrendsResult.Series(series="B", values=[4, 5]))

    print_table(spark_table(result, {"A": "bought", "B": "buyers"}, frozenset("A")))

    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [["A", "bought", "▅█", "1", "2", "3"], ["B", "buyers", "▇█", "4", "5"]]


def test_the_line_below_says_how_exact_and_fresh_an_answer_is() -> None:
    meta = pb.Meta(
        exactness=pb.Meta.EXACTNESS_EXACT,
        source=pb.Meta.TABLE_RAW,
        rows_read=6919,
        elapsed=timedelta(milliseconds=12),
        complete_until=datetime(2026, 3, 1, 12, tzinfo=UTC),
        time_zone="UTC",
    )

    assert meta_line(meta, partial=True) == (
        "exact · complete until 2026-03-01 12:00:00 UTC · 6,919 rows read · 12 ms · from the events themselves · * not a whole bucket"
    )
    assert cast("int", pb.Meta.EXACTNESS_EXACT) == 1
