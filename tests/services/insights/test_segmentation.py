"""Stories about segmentation, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from core.errors import FormulaInvalid, InvalidArgument, MissingField, PropertyMissing, PugError, TooMany
from pug.insights.v1.insights_pb2 import QueryResponse
from pug.insights.v1.segmentation_pb2 import SegmentationResult
from story import Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def segmentation(*series: JSON, formulas: tuple[str, ...] = (), by: tuple[str, ...] = (), limit: int = 0) -> dict[str, object]:
    spec: JSON = {
        "series": list(series),
        "formulas": [{"expression": one} for one in formulas],
        "breakdowns": [{"property": key} for key in by],
        "breakdownLimit": limit,
    }
    return {"insight": {"segmentation": spec}, "timeRange": THREE_DAYS}


def of(name: str, metric: str = "TOTAL", number: str = "") -> JSON:
    return {"event": {"name": name}, "metric": {"kind": f"KIND_{metric}", "property": number}}


def rows(response: QueryResponse) -> dict[str, float]:
    return {label(row): row.value for row in response.segmentation.rows}


def label(row: SegmentationResult.Row) -> str:
    values = ["(absent)" if value.absent else repr(value.value) for value in row.cell.values]
    return " ".join([row.series, *values, *(["others"] if row.cell.others else [])])


async def test_each_metric_is_one_number_over_the_whole_range(store: Store, ask: Ask) -> None:
    await store.tell(
        event("buy", "ann", at="2026-03-01T00:00:00Z", session_id="s1", price=1),
        event("buy", "ann", at="2026-03-02T00:00:00Z", session_id="s1", price=2),
        event("buy", "bob", at="2026-03-03T23:59:59.999Z", price=6),
        event("buy", "cid", at="2026-03-04T00:00:00Z", price=100),
    )
    metrics = ("TOTAL", "PERSONS", "SESSIONS", "PER_PERSON", "SUM", "AVG", "MIN", "MAX", "MEDIAN")

    response = await ask(segmentation(*(of("buy", metric, "price") for metric in metrics)))

    assert list(rows(response).values()) == [3, 2, 2, 1.5, 9, 3, 1, 6, 2]
    assert list(rows(response)) == list("ABCDEFGHI")


async def test_where_nothing_happened_the_number_is_zero(ask: Ask) -> None:
    assert rows(await ask(segmentation(of("e"), of("e", "AVG", "n"), formulas=("A / B",)))) == {"A": 0, "B": 0, "A / B": 0}


async def test_table_has_the_largest_cells_first_and_the_others_last(store: Store, ask: Ask) -> None:
    await store.tell(*(event("e", who, plan=plan) for who, plan in (("ann", "x"), ("bob", "x"), ("ann", "y"), ("ann", "z"), ("bob", "z"))))
    await store.tell(event("e", "ann"), event("e", "cid", plan="y"), event("e", "cid", plan="x"))

    response = await ask(segmentation(of("e", "PERSONS"), by=("plan",), limit=2))

    assert list(rows(response).items()) == [("A 'x'", 3), ("A 'y'", 2), ("A others", 2)]


async def test_rolling_actives_end_with_the_range(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at="2026-02-25T00:00:00Z"),
        event("e", "bob", at="2026-02-24T23:59:59.999Z"),
        event("e", "cid", at="2026-02-02T00:00:00Z"),
        event("e", "dan", at="2026-03-04T00:00:00Z"),
    )

    assert rows(await ask(segmentation(of("e", "ACTIVE_7D"), of("e", "ACTIVE_30D")))) == {"A": 1, "B": 3}


async def test_rolling_actives_of_a_range_longer_than_they_look_back_leave_its_beginning_out(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", at="2026-02-01T00:00:00Z"), event("e", "bob", at="2026-03-01T00:00:00Z"))
    month: JSON = {"from": "2026-02-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}

    assert rows(await ask({**segmentation(of("e", "ACTIVE_7D")), "timeRange": month})) == {"A": 1}


async def test_formulas_follow_the_series_cell_by_cell(store: Store, ask: Ask) -> None:
    await store.tell(*(event(name, plan=plan) for name, plan in (("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"))))

    response = await ask(segmentation(of("a"), of("b"), formulas=("100 * B / A",), by=("plan",)))

    assert list(rows(response).items()) == [
        ("A 'x'", 2), ("A 'y'", 1), ("A others", 0),
        ("B 'x'", 1), ("B 'y'", 0), ("B others", 1),
        ("100 * B / A 'x'", 50), ("100 * B / A 'y'", 0), ("100 * B / A others", 0),
    ]  # fmt: skip


async def test_comparison_is_the_same_number_of_the_time_before(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", "ann", at="2026-02-26T00:00:00Z"),
        event("e", "bob", at="2026-02-28T23:59:59.999Z"),
        event("e", "ann", at="2026-03-01T00:00:00Z"),
    )

    response = await ask({**segmentation(of("e"), of("e", "ACTIVE_7D"), formulas=("A * 10",)), "compare": {}})

    assert [(row.value, row.compare_value) for row in response.segmentation.rows] == [(1, 2), (2, 2), (10, 20)]


async def test_number_without_comparison_has_none(ask: Ask) -> None:
    (row,) = (await ask(segmentation(of("e")))).segmentation.rows

    assert not row.HasField("compare_value")


async def test_granularity_makes_no_difference(store: Store, ask: Ask) -> None:
    await store.tell(event("e", at="2026-02-27T00:00:00Z"), event("e", at="2026-03-01T10:00:00Z"), event("e", at="2026-03-03T10:00:00Z"))
    grains = ("UNSPECIFIED", "HOUR", "DAY", "WEEK", "MONTH")

    answers = [
        (await ask({**segmentation(of("e", "PER_PERSON")), "granularity": f"GRANULARITY_{grain}", "compare": {}})).segmentation
        for grain in grains
    ]

    assert [(row.value, row.compare_value) for answer in answers for row in answer.rows] == [(2, 1)] * 5


SERIES = "insight.segmentation.series"
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "no series": (segmentation(), MissingField, SERIES),
    "27 series": (segmentation(*[of("a")] * 27), TooMany, SERIES),
    "a sum of nothing": (segmentation(of("a"), of("a", "SUM")), PropertyMissing, f"{SERIES}[1].metric.property"),
    "an unknown metric": (segmentation({"metric": {"kind": 99}}), InvalidArgument, f"{SERIES}[0].metric.kind"),
    "six breakdowns": (segmentation(of("a"), by=("p",) * 6), TooMany, "insight.segmentation.breakdowns"),
    "a limit over 100": (segmentation(of("a"), by=("p",), limit=101), InvalidArgument, "insight.segmentation.breakdownLimit"),
    "a formula of another series": (
        segmentation(of("a"), formulas=("A + B",)), FormulaInvalid, "insight.segmentation.formulas[0].expression",
    ),
    "11 formulas": (segmentation(of("a"), formulas=("A",) * 11), TooMany, "insight.segmentation.formulas"),
    "a bad pattern": (
        segmentation({"event": {"filters": [{"property": "x", "op": "OP_MATCHES", "values": ["("]}]}}),
        InvalidArgument,
        f"{SERIES}[0].event.filters[0].values[0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
