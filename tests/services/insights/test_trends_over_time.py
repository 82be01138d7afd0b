"""Stories about lines that look beyond their own buckets: rolling actives, transforms, formulas, comparison. It is 2026-03-10 12:00 UTC."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import pytest
from google.protobuf.json_format import MessageToDict

from core.errors import FormulaInvalid, InvalidArgument, PugError, TooLong, TooMany
from pug.insights.v1.insights_pb2 import Meta, QueryResponse
from pug.insights.v1.trends_pb2 import TrendsResult
from story import Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]


def trend(
    *series: JSON, formulas: tuple[str, ...] = (), by: str = "", limit: int = 0, days: int = 3, **trends: object
) -> dict[str, object]:
    """A question about days from 2026-03-01."""
    spec: JSON = {
        "series": list(series),
        "formulas": [{"expression": one} for one in formulas],
        "breakdowns": [{"property": by}] if by else [],
        "breakdownLimit": limit,
        **trends,
    }
    return {"insight": {"trends": spec}, "timeRange": {"from": day(1), "to": day(1 + days)}}


def of(name: str, metric: str = "TOTAL") -> JSON:
    return {"event": {"name": name}, "metric": {"kind": f"KIND_{metric}", "property": "n" if metric in ("SUM", "AVG", "P90") else ""}}


def day(number: int, time: str = "00:00:00") -> str:
    """A day of March, or, when it is not positive, of the end of February."""
    return (datetime.fromisoformat(f"2026-03-01T{time}+00:00") + timedelta(days=number - 1)).isoformat(timespec="milliseconds")


def lines(response: QueryResponse) -> dict[str, list[float]]:
    return {label(one): list(one.values) for one in response.trends.series}


def earlier(response: QueryResponse) -> dict[str, list[float]]:
    return {label(one): list(one.compare_values) for one in response.trends.series}


def label(one: TrendsResult.Series) -> str:
    values = ["(absent)" if value.absent else value.value for value in one.cell.values]
    return " ".join([one.series, *values, *(["others"] if one.cell.others else [])])


async def test_rolling_actives_are_who_was_there_in_the_seven_days_that_end_with_the_bucket(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at=day(-4)),
        event("e", "bob", at=day(1)),
        event("e", "bob", at=day(2)),
        event("e", "cid", at=day(3)),
        event("other", "dan", at=day(1)),
    )

    # On the 3rd of March what is seen begins with the 25th of February, and ann was there on the 24th.
    assert lines(await ask(trend(of("e", "ACTIVE_7D")))) == {"A": [2, 2, 2]}


async def test_window_of_rolling_actives_includes_its_first_instant_and_not_its_last(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", at=day(-5)), event("e", "bob", at=day(-6, "23:59:59.999")), event("e", "cid", at=day(2)))

    assert lines(await ask(trend(of("e", "ACTIVE_7D"), days=1))) == {"A": [1]}


async def test_somebody_who_pauses_is_active_again(store: Store, ask: Ask) -> None:
    await store.tell(event("e", at=day(1)), event("e", at=day(10)), event("e", at=day(11)))

    assert lines(await ask(trend(of("e", "ACTIVE_7D"), days=19)))["A"] == [1] * 7 + [0] * 2 + [1] * 8 + [0] * 2


async def test_seven_days_are_shorter_than_a_month_and_see_only_its_end(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at=day(20)), event("e", "bob", at=day(25)), event("e", "cid", at=day(33)), event("e", "cid", at=day(60))
    )

    response = await ask({**trend(of("e", "ACTIVE_7D"), days=61), "granularity": "GRANULARITY_MONTH"})

    assert lines(response) == {"A": [1, 1]}


async def test_bucket_that_the_range_cuts_sees_seven_whole_days_before_the_cut(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at=day(-4, "11:59:00")), event("e", "bob", at=day(-4, "12:00:00")), event("e", "cid", at=day(3, "13:00:00"))
    )

    response = await ask({**trend(of("e", "ACTIVE_7D")), "timeRange": {"from": day(1), "to": day(3, "12:00:00")}})

    assert lines(response) == {"A": [2, 2, 1]}


async def test_rolling_actives_of_a_cell_that_has_fallen_asleep_are_shown(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", at=day(-4), plan="old"), event("e", "bob", at=day(2), plan="new"))

    assert lines(await ask(trend(of("e", "ACTIVE_7D"), by="plan"))) == {"A new": [0, 1, 1], "A old": [1, 1, 0]}


async def test_rolling_actives_stand_beside_other_metrics(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", at=day(-20)), event("e", "ann", at=day(2)), event("e", "bob", at=day(2)))

    response = await ask(trend(of("e"), of("e", "ACTIVE_7D"), of("e", "ACTIVE_30D"), of("e", "PERSONS")))

    assert lines(response) == {"A": [0, 2, 0], "B": [0, 2, 2], "C": [1, 2, 2], "D": [0, 2, 0]}


async def test_cumulative_adds_up_totals_and_sums_and_counts_persons_and_sessions_once(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at=day(1), session_id="s1", n=1),
        event("e", "ann", at=day(2), session_id="s1", n=2),
        event("e", "bob", at=day(3), session_id="s2", n=4),
        event("e", "bob", at=day(3), session_id="", n=8),
    )
    series = [of("e", metric) for metric in ("TOTAL", "SUM", "PERSONS", "SESSIONS")]

    response = await ask(trend(*series, transform="TRANSFORM_CUMULATIVE"))

    assert lines(response) == {"A": [1, 2, 4], "B": [1, 3, 15], "C": [1, 1, 2], "D": [1, 1, 3]}


async def test_formula_of_cumulative_lines_is_about_all_so_far(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", who, at=day(number)) for who, number in (("ann", 1), ("ann", 2), ("bob", 2), ("ann", 3))))

    response = await ask(trend(of("e"), of("e", "PERSONS"), formulas=("A / B",), transform="TRANSFORM_CUMULATIVE"))

    assert lines(response)["A / B"] == [1, 1.5, 2]


async def test_moving_average_is_over_the_buckets_there_are(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", at=day(number)) for number in (0, 1, 1, 1, 1, 2, 2, 4)))

    response = await ask(trend(of("e"), formulas=("A * 2",), days=4, transform="TRANSFORM_MOVING_AVERAGE", window=3))

    assert lines(response) == {"A": [4, 3, 2, 1], "A * 2": [8, 6, 4, 2]}


async def test_formula_is_calculated_bucket_by_bucket_and_by_zero_gives_zero(store: Store, ask: Ask) -> None:
    await store.tell(event("a"), event("a"), event("b"), event("b"), event("b"), event("b"), event("a", at=day(2)))
    asked = trend(of("a"), of("b"), formulas=("A / B * 100", "(A + B) × 2"))

    assert lines(await ask(asked)) == {"A": [2, 1, 0], "B": [4, 0, 0], "A / B * 100": [50, 0, 0], "(A + B) × 2": [12, 2, 0]}


async def test_formula_is_called_by_its_label(ask: Ask) -> None:
    asked = trend(of("a"), formulas=())
    asked["insight"] = {"trends": {"series": [of("a")], "formulas": [{"expression": "A", "label": "share"}]}}

    assert list(lines(await ask(asked))) == ["A", "share"]


async def test_with_formulas_every_series_has_the_cells_of_the_first(store: Store, ask: Ask) -> None:
    await store.tell(
        *(event("a", plan=plan) for plan in ("x", "x", "x", "y", "y", "z")),
        *(event("b", plan=plan) for plan in ("z", "z", "z", "z", "w", "x")),
    )

    response = await ask(trend(of("a"), of("b"), formulas=("A / B",), by="plan", limit=2, days=1))

    assert lines(response) == {
        "A x": [3], "A y": [2], "A others": [1],
        "B x": [1], "B y": [0], "B others": [5],
        "A / B x": [3], "A / B y": [0], "A / B others": [0.2],
    }  # fmt: skip


async def test_comparison_is_with_as_long_a_time_before(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", at=day(number)) for number in (-3, -2, -2, 0, 1)), event("e", at=day(0, "23:59:59.999")))

    response = await ask({**trend(of("e")), "compare": {}})

    assert (lines(response), earlier(response)) == ({"A": [1, 0, 0]}, {"A": [2, 0, 2]})
    assert MessageToDict(response.meta.compare_range) == {"from": "2026-02-26T00:00:00Z", "to": "2026-03-01T00:00:00Z"}


async def test_comparison_may_be_with_an_offset_shorter_than_the_range(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", at=day(number)) for number in (0, 1, 1, 2, 2, 2)))

    response = await ask({**trend(of("e")), "compare": {"offset": "86400s"}})

    assert (lines(response), earlier(response)) == ({"A": [2, 3, 0]}, {"A": [1, 2, 3]})


async def test_answer_without_comparison_has_none(ask: Ask) -> None:
    response = await ask(trend(of("e")))

    assert (earlier(response), response.meta.HasField("compare_range")) == ({"A": []}, False)


async def test_comparison_has_the_cells_of_the_later_range(store: Store, ask: Ask) -> None:
    await store.tell(event("e", at=day(1), plan="new"), *(event("e", at=day(0), plan=plan) for plan in ("old", "old", "old", "new", "new")))

    response = await ask({**trend(of("e"), by="plan", days=1), "compare": {}})

    assert (lines(response), earlier(response)) == ({"A new": [1], "A others": [0]}, {"A new": [2], "A others": [3]})


async def test_days_are_compared_with_days_though_the_clocks_changed_in_between(store: Store, ask: Ask) -> None:
    # In Berlin the 29th of March has 23 hours.
    await store.tell(*(event("e", at=at) for at in ("2026-03-22T22:59:00Z", "2026-03-22T23:01:00Z", "2026-03-29T22:01:00Z")))
    week: JSON = {"from": "2026-03-28T23:00:00Z", "to": "2026-03-30T22:00:00Z"}

    response = await ask({**trend(of("e")), "timeRange": week, "timeZone": "Europe/Berlin", "compare": {"offset": "604800s"}})

    assert (lines(response), earlier(response)) == ({"A": [0, 1]}, {"A": [1, 1]})
    assert MessageToDict(response.meta.compare_range) == {"from": "2026-03-21T23:00:00Z", "to": "2026-03-23T23:00:00Z"}


async def test_hours_that_the_clocks_repeat_are_compared_with_as_many_in_real_time(store: Store, ask: Ask) -> None:
    # In Berlin the clocks read 2 to 3 twice on the 26th of October, and once the day before.
    await store.tell(*(event("e", at=f"2025-10-25T0{hour}:30:00Z") for hour in (0, 1, 1, 2, 2, 2)))
    autumn: JSON = {"from": "2025-10-26T00:00:00Z", "to": "2025-10-26T03:00:00Z"}
    asked = {**trend(of("e")), "timeRange": autumn, "timeZone": "Europe/Berlin", "granularity": "GRANULARITY_HOUR"}

    response = await ask({**asked, "compare": {"offset": "86400s"}})

    assert earlier(response) == {"A": [1, 2, 3]}
    assert MessageToDict(response.meta.compare_range) == {"from": "2025-10-25T00:00:00Z", "to": "2025-10-25T03:00:00Z"}


async def test_formulas_and_transforms_are_compared_too(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", who, at=day(number)) for who, number in (("ann", -2), ("ann", -1), ("bob", -1), ("ann", 1))))
    asked = trend(of("e"), of("e", "PERSONS"), of("e", "PERSONS"), formulas=("A - B",), transform="TRANSFORM_CUMULATIVE")

    response = await ask({**asked, "compare": {}})

    assert earlier(response) == {"A": [1, 3, 3], "B": [1, 2, 2], "C": [1, 2, 2], "A - B": [0, 1, 1]}


ESTIMATED = [("PERSONS", True), ("SESSIONS", True), ("PER_PERSON", True), ("TOTAL", False), ("SUM", False), ("ACTIVE_7D", False)]


@pytest.mark.parametrize(("metric", "estimated"), ESTIMATED)
async def test_answer_is_called_approximate_when_something_was_estimated(store: Store, ask: Ask, metric: str, *, estimated: bool) -> None:
    await store.tell(event("e", "ann", session_id="s", n=1))

    response = await ask({**trend(of("e", metric)), "approximate": True})

    assert lines(response) == {"A": [1, 1, 1] if metric == "ACTIVE_7D" else [1, 0, 0]}
    assert response.meta.exactness == (Meta.EXACTNESS_APPROXIMATE if estimated else Meta.EXACTNESS_EXACT)


async def test_cumulative_persons_are_exact_even_when_they_might_be_estimated(ask: Ask) -> None:
    response = await ask({**trend(of("e", "PERSONS"), transform="TRANSFORM_CUMULATIVE"), "approximate": True})

    assert response.meta.exactness == Meta.EXACTNESS_EXACT


FORMULA = "insight.trends.formulas"
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "a formula of a series nobody asked for": (trend(of("a"), formulas=("A", "A / B")), FormulaInvalid, f"{FORMULA}[1].expression"),
    "an empty formula": (trend(of("a"), formulas=("",)), FormulaInvalid, f"{FORMULA}[0].expression"),
    "a formula of 501 characters": (trend(of("a"), formulas=("A" + " " * 500,)), TooLong, f"{FORMULA}[0].expression"),
    "11 formulas": (trend(of("a"), formulas=("A",) * 11), TooMany, FORMULA),
    "an average so far": (
        trend(of("a"), of("a", "AVG"), transform="TRANSFORM_CUMULATIVE"), InvalidArgument, "insight.trends.series[1].metric.kind",
    ),
    "a percentile so far": (
        trend(of("a", "P90"), transform="TRANSFORM_CUMULATIVE"), InvalidArgument, "insight.trends.series[0].metric.kind",
    ),
    "rolling actives so far": (
        trend(of("a", "ACTIVE_7D"), transform="TRANSFORM_CUMULATIVE"), InvalidArgument, "insight.trends.series[0].metric.kind",
    ),
    "an unknown transform": (trend(of("a"), transform=9), InvalidArgument, "insight.trends.transform"),
    "a moving average over one bucket": (
        trend(of("a"), transform="TRANSFORM_MOVING_AVERAGE", window=1), InvalidArgument, "insight.trends.window",
    ),
    "a moving average over 101 buckets": (
        trend(of("a"), transform="TRANSFORM_MOVING_AVERAGE", window=101), InvalidArgument, "insight.trends.window",
    ),
    "a comparison with itself": ({**trend(of("a")), "compare": {"offset": "0s"}}, InvalidArgument, "compare.offset"),
    "a comparison with what is to come": ({**trend(of("a")), "compare": {"offset": "-86400s"}}, InvalidArgument, "compare.offset"),
    "a comparison with antiquity": ({**trend(of("a")), "compare": {"offset": "63000000000s"}}, InvalidArgument, "compare.offset"),
    "a comparison of a funnel": ({"insight": {"funnel": {}}, "preset": "PRESET_TODAY", "compare": {}}, InvalidArgument, "compare"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
