"""Stories about trends, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict

from core.errors import FilterInvalid, InvalidArgument, MissingField, PropertyMissing, PugError, TooLong, TooMany
from pug.insights.v1.insights_pb2 import Meta, QueryResponse
from pug.insights.v1.trends_pb2 import TrendsResult
from story import Store, event, next_project

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def trend(*series: JSON, filters: JSON | None = None, breakdowns: tuple[str, ...] = (), limit: int = 0, **query: object) -> JSON:
    trends: JSON = {"series": list(series), "breakdowns": [{"property": key} for key in breakdowns], "breakdownLimit": limit}
    return {"insight": {"trends": trends, "filters": filters or {}}, "timeRange": THREE_DAYS, **query}


def of(name: str, metric: str = "TOTAL", number: str = "", filters: tuple[JSON, ...] = ()) -> JSON:
    return {"event": {"name": name, "filters": list(filters)}, "metric": {"kind": f"KIND_{metric}", "property": number}}


def lines(response: QueryResponse) -> dict[str, list[float]]:
    """Each line's values by its label: the letter, then the cell."""
    return {label(one): list(one.values) for one in response.trends.series}


def label(one: TrendsResult.Series) -> str:
    if one.cell.others:
        return f"{one.series} others"
    return " ".join([one.series, *("(absent)" if value.absent else repr(value.value) for value in one.cell.values)])


async def test_total_counts_events_by_day_and_shows_the_days_without_any(store: Store, ask: Ask) -> None:
    await store.tell(event("signed_up", at="2026-03-01T00:00:00Z"), event("signed_up", at="2026-03-03T23:59:59.999Z"), event("other"))

    response = await ask(trend(of("signed_up")))

    assert lines(response) == {"A": [1, 0, 1]}
    assert [bucket.start.ToDatetime(UTC).day for bucket in response.trends.buckets] == [1, 2, 3]


async def test_range_includes_its_first_instant_and_excludes_its_last(store: Store, ask: Ask) -> None:
    await store.tell(
        event("e", at="2026-02-28T23:59:59.999Z"),
        event("e", at="2026-03-01T00:00:00.000Z"),
        event("e", at="2026-03-03T23:59:59.999Z"),
        event("e", at="2026-03-04T00:00:00.000Z"),
    )

    assert lines(await ask(trend(of("e")))) == {"A": [1, 0, 1]}


async def test_empty_name_counts_every_event(store: Store, ask: Ask) -> None:
    await store.tell(event("a"), event("b"), event("c"))

    assert lines(await ask(trend({}))) == {"A": [3, 0, 0]}


async def test_each_metric_of_one_story(store: Store, ask: Ask) -> None:
    await store.tell(
        event("buy", "ann", session_id="s1", price=1),
        event("buy", "ann", session_id="s1", price=2.5),
        event("buy", "ann", session_id="", price="4"),
        event("buy", "bob", session_id="s2", price=True),
        event("buy", "bob", session_id="s3", price="four"),
        event("buy", "cid", session_id="s3"),
    )
    metrics = ("TOTAL", "PERSONS", "SESSIONS", "PER_PERSON", "SUM", "AVG", "MIN", "MAX", "MEDIAN", "P90", "P95", "P99")

    response = await ask(trend(*(of("buy", metric, "price") for metric in metrics)))

    values = [one.values[0] for one in response.trends.series]
    assert values[:-3] == [6, 3, 4, 2, 7.5, 2.5, 1, 4, 2.5]
    assert values[-3:] == pytest.approx([3.7, 3.85, 3.97])


async def test_metric_of_a_property_nobody_sent_is_zero_rather_than_nan(store: Store, ask: Ask) -> None:
    await store.tell(event("buy"), event("buy", price="nan"), event("buy", price="inf"))

    response = await ask(
        trend(*(of("buy", metric, "price") for metric in ("SUM", "AVG", "MIN", "MAX", "MEDIAN", "P99")), of("none", "PER_PERSON"))
    )

    assert {tuple(one.values) for one in response.trends.series} == {(0, 0, 0)}


async def test_sum_too_great_for_a_number_is_zero_rather_than_infinite(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", price=1.7e308), event("buy", price=1.7e308))

    assert lines(await ask(trend(of("buy", "SUM", "price")))) == {"A": [0, 0, 0]}


async def test_persons_are_counted_once_a_bucket(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann"), event("e", "ann"), event("e", "ann", at="2026-03-02T00:00:00Z"), event("e", "bob"))

    assert lines(await ask(trend(of("e", "PERSONS")))) == {"A": [2, 1, 0]}


async def test_event_counts_in_every_series_it_belongs_to(store: Store, ask: Ask) -> None:
    await store.tell(event("a", "ann", plan="pro"), event("a", "bob"), event("b", "ann"))
    pro: JSON = {"property": "plan", "values": ["pro"]}

    response = await ask(trend(of("a"), of("b"), of(""), of("a", "PERSONS"), of("a", filters=(pro,)), of("c")))

    assert {letter: values[0] for letter, values in lines(response).items()} == {"A": 2, "B": 1, "C": 3, "D": 2, "E": 1, "F": 0}


async def test_twenty_six_series_are_lettered_from_a_to_z(store: Store, ask: Ask) -> None:
    await store.tell(*(event(f"e{number}") for number in range(26)), event("e25"))

    response = await ask(trend(*(of(f"e{number}") for number in range(26))))

    assert [one.series for one in response.trends.series] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert [one.values[0] for one in response.trends.series] == [1] * 25 + [2]


async def test_query_filters_restrict_every_series(store: Store, ask: Ask) -> None:
    await store.tell(event("a", plan="pro"), event("a", plan="free"), event("b", plan="pro"), event("b"))
    free_or_absent: JSON = {
        "match": "MATCH_ANY",
        "filters": [{"property": "plan", "values": ["free"]}, {"property": "plan", "op": "OP_IS_NOT_SET"}],
    }

    assert lines(await ask(trend(of("a"), of("b"), filters=free_or_absent))) == {"A": [1, 0, 0], "B": [1, 0, 0]}


async def test_nested_property_is_named_by_its_path(store: Store, ask: Ask) -> None:
    await store.tell(event("a", address={"city": "Oslo"}), event("a", address={"city": "Rome"}), event("a", address="Oslo"))

    assert lines(await ask(trend(of("a", filters=({"property": "address.city", "values": ["Oslo"]},))))) == {"A": [1, 0, 0]}


async def test_other_projects_never_count(store: Store, ask: Ask) -> None:
    stranger = Store(store.clickhouse, next_project())
    await store.tell(event("a", "ann", plan="pro"))
    await stranger.tell(event("a", "bob", plan="pro"), event("a", "cid", plan="free"), event("b", "ann"))

    answers = [
        lines(await ask(trend(*series, breakdowns=cells)))
        for series in ((of("a"),), (of(""), of("a", "PERSONS")))
        for cells in ((), ("plan",))
    ]

    assert answers == [
        {"A": [1, 0, 0]},
        {"A 'pro'": [1, 0, 0]},
        {"A": [1, 0, 0], "B": [1, 0, 0]},
        {"A 'pro'": [1, 0, 0], "B 'pro'": [1, 0, 0]},
    ]


async def test_breakdown_keeps_the_largest_cells_and_folds_the_rest_into_others(store: Store, ask: Ask) -> None:
    await store.tell(
        *(event("a", plan=plan) for plan in ["free"] * 3 + ["pro"] * 2 + ["team", "edu"]), event("a", at="2026-03-03T00:00:00Z", plan="edu")
    )

    response = await ask(trend(of("a"), breakdowns=("plan",), limit=2))

    assert lines(response) == {"A 'free'": [3, 0, 0], "A 'edu'": [1, 0, 1], "A others": [3, 0, 0]}
    assert [label(one) for one in response.trends.series] == ["A 'free'", "A 'edu'", "A others"]


async def test_cells_of_equal_size_go_by_value_and_the_absent_one_last(store: Store, ask: Ask) -> None:
    await store.tell(event("a"), event("a", plan="b"), event("a", plan=""), event("a", plan="B"), event("a", plan="10"), event("a", plan=9))

    response = await ask(trend(of("a"), breakdowns=("plan",)))

    assert [label(one) for one in response.trends.series] == ["A ''", "A '10'", "A '9'", "A 'B'", "A 'b'", "A (absent)"]


async def test_absent_value_is_a_cell_apart_from_the_empty_string(store: Store, ask: Ask) -> None:
    await store.tell(event("a"), event("a", plan=None), event("a", plan=""))

    assert lines(await ask(trend(of("a"), breakdowns=("plan",)))) == {"A (absent)": [2, 0, 0], "A ''": [1, 0, 0]}


async def test_value_that_reads_others_is_not_taken_for_the_others(store: Store, ask: Ask) -> None:
    await store.tell(*(event("a", plan=plan) for plan in ("others", "others", "$others", "x")))

    assert lines(await ask(trend(of("a"), breakdowns=("plan",), limit=1))) == {"A 'others'": [2, 0, 0], "A others": [2, 0, 0]}


async def test_values_of_any_type_are_cells_by_their_text(store: Store, ask: Ask) -> None:
    await store.tell(*(event("a", v=value) for value in (3, "3", 3.0, True, "true", 1.5, ["x"], [1, 2])))

    assert lines(await ask(trend(of("a"), breakdowns=("v",)))) == {
        "A '3'": [3, 0, 0], "A 'true'": [2, 0, 0], "A '1.5'": [1, 0, 0], "A '[1,2]'": [1, 0, 0], "A \"['x']\"": [1, 0, 0],
    }  # fmt: skip


async def test_person_of_several_folded_cells_is_one_of_the_others(store: Store, ask: Ask) -> None:
    await store.tell(
        *(
            event("a", who, plan=plan)
            for who, plan in (("ann", "x"), ("ann", "y"), ("bob", "y"), ("ann", "pro"), ("bob", "pro"), ("cid", "pro"))
        )
    )

    response = await ask(trend(of("a", "PERSONS"), breakdowns=("plan",), limit=1))

    assert lines(response) == {"A 'pro'": [3, 0, 0], "A others": [2, 0, 0]}


async def test_average_of_the_others_is_that_of_their_events(store: Store, ask: Ask) -> None:
    await store.tell(
        event("a", plan="pro", n=100),
        event("a", plan="x", n=1),
        event("a", plan="x", n=1),
        event("a", plan="x", n=1),
        event("a", plan="y", n=9),
    )

    response = await ask(trend(of("a", "AVG", "n"), breakdowns=("plan",), limit=1))

    assert lines(response) == {"A 'pro'": [100, 0, 0], "A others": [3, 0, 0]}


async def test_persons_rank_by_the_whole_range_and_not_by_the_sum_of_its_days(store: Store, ask: Ask) -> None:
    returning = [event("a", "ann", at=f"2026-03-0{day}T10:00:00Z", plan="loyal") for day in (1, 2, 3)]
    await store.tell(*returning, event("a", "bob", plan="new"), event("a", "cid", plan="new"))

    response = await ask(trend(of("a", "PERSONS"), breakdowns=("plan",), limit=1))

    assert lines(response) == {"A 'new'": [2, 0, 0], "A others": [1, 1, 1]}


async def test_each_series_ranks_its_own_cells(store: Store, ask: Ask) -> None:
    await store.tell(
        *(event("a", plan=plan) for plan in ("x", "x", "y")),
        *(event("b", plan=plan) for plan in ("y", "y", "z")),
    )

    response = await ask(trend(of("a"), of("b"), of("c"), breakdowns=("plan",), limit=1))

    assert lines(response) == {"A 'x'": [2, 0, 0], "A others": [1, 0, 0], "B 'y'": [2, 0, 0], "B others": [1, 0, 0]}


async def test_several_breakdowns_make_a_cell_of_each_combination(store: Store, ask: Ask) -> None:
    await store.tell(event("a", x="1", y="1"), event("a", x="1", y="1"), event("a", x="1"), event("a", y="1"))

    response = await ask(trend(of("a"), breakdowns=("x", "y")))

    assert lines(response) == {"A '1' '1'": [2, 0, 0], "A '1' (absent)": [1, 0, 0], "A (absent) '1'": [1, 0, 0]}


async def test_hour_that_the_clocks_repeat_is_two_points(store: Store, ask: Ask) -> None:
    await store.tell(event("a", at="2025-10-26T00:30:00Z"), event("a", at="2025-10-26T01:30:00Z"), event("a", at="2025-10-26T01:45:00Z"))
    autumn: JSON = {"from": "2025-10-26T00:00:00Z", "to": "2025-10-26T03:00:00Z"}

    response = await ask({**trend(of("a")), "timeRange": autumn, "timeZone": "Europe/Berlin", "granularity": "GRANULARITY_HOUR"})

    assert lines(response) == {"A": [1, 2, 0]}


async def test_days_are_cut_in_the_querys_time_zone(store: Store, ask: Ask) -> None:
    await store.tell(event("a", at="2026-03-01T14:59:00Z"), event("a", at="2026-03-01T15:01:00Z"))

    response = await ask({**trend(of("a")), "timeZone": "Asia/Tokyo"})

    assert lines(response) == {"A": [1, 1, 0, 0]}
    assert [bucket.partial for bucket in response.trends.buckets] == [True, False, False, True]
    assert response.trends.buckets[0].start.ToDatetime(UTC) == datetime(2026, 2, 28, 15, tzinfo=UTC)


async def test_meta_says_what_was_asked_and_how_exact_and_fresh_the_answer_is(store: Store, ask: Ask) -> None:
    await store.tell(event("a"))

    meta = (await ask({"insight": {"trends": {"series": [of("a")]}}, "preset": "PRESET_YESTERDAY", "timeZone": "Europe/Berlin"})).meta

    assert (meta.exactness, meta.source, meta.identity_version, meta.time_zone) == (
        Meta.EXACTNESS_EXACT,
        Meta.TABLE_ROLLUP,
        0,
        "Europe/Berlin",
    )
    assert meta.complete_until.ToDatetime(UTC) == datetime(2026, 3, 10, 11, 59, 58, tzinfo=UTC)
    assert MessageToDict(meta.time_range) == {"from": "2026-03-08T23:00:00Z", "to": "2026-03-09T23:00:00Z"}
    assert meta.elapsed.ToTimedelta().total_seconds() > 0


async def test_meta_counts_the_rows_that_were_read(store: Store, ask: Ask) -> None:
    await store.tell(*(event("a") for _ in range(50)))

    # No rollup keeps the property. They may share a part with those of other projects.
    assert 50 <= (await ask(trend({**of("a"), "metric": {"kind": "KIND_SUM", "property": "n"}}))).meta.rows_read <= 20_000


SERIES = "insight.trends.series"
NOTHING: JSON = {}
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "no kind": ({"timeRange": THREE_DAYS}, MissingField, "insight"),
    "no series": (trend(), MissingField, SERIES),
    "27 series": (trend(*[of("a")] * 27), TooMany, SERIES),
    "a sum of nothing": (trend(of("a"), of("a", "SUM")), PropertyMissing, f"{SERIES}[1].metric.property"),
    "an unknown metric": (trend({"metric": {"kind": 99}}), InvalidArgument, f"{SERIES}[0].metric.kind"),
    "a series' filter": (trend(of("a", filters=({"property": "x"},))), FilterInvalid, f"{SERIES}[0].event.filters[0].values"),
    "a query's filter": (
        trend(of("a"), filters={"groups": [{"filters": [{"property": ""}]}]}),
        PropertyMissing,
        "insight.filters.groups[0].filters[0].property",
    ),
    "six breakdowns": (trend(of("a"), breakdowns=("p",) * 6), TooMany, "insight.trends.breakdowns"),
    "a breakdown by nothing": (trend(of("a"), breakdowns=("p", "")), PropertyMissing, "insight.trends.breakdowns[1].property"),
    "a negative limit": (trend(of("a"), breakdowns=("p",), limit=-1), InvalidArgument, "insight.trends.breakdownLimit"),
    "a limit over 100": (trend(of("a"), breakdowns=("p",), limit=101), InvalidArgument, "insight.trends.breakdownLimit"),
    "101 filters": (trend(of("a", filters=({"property": "x", "values": ["a"]},) * 101)), TooMany, "insight"),
    "an event name of 201 characters": (trend(of("a"), of("n" * 201)), TooLong, f"{SERIES}[1].event.name"),
    "a breakdown by a key of 201 characters": (trend(of("a"), breakdowns=("k" * 201,)), TooLong, "insight.trends.breakdowns[0].property"),
    "a sum of a key of 201 characters": (trend(of("a", "SUM", "k" * 201)), TooLong, f"{SERIES}[0].metric.property"),
    "101 groups": (
        trend(of("a"), filters={"groups": [{"groups": [NOTHING] * 50}, {"groups": [NOTHING] * 49}]}),
        TooMany,
        "insight.filters.groups",
    ),
    "101 patterns": (
        trend(of("a", filters=({"property": "x", "op": "OP_MATCHES", "values": ["("] * 20},) * 6)),
        TooMany,
        f"{SERIES}[0].event.filters[5].values[0]",
    ),
    "a bad pattern": (
        trend(of("a"), of("b", filters=({"property": "x", "op": "OP_NOT_MATCHES", "values": ["fine", "(?=no)"]},))),
        FilterInvalid,
        f"{SERIES}[1].event.filters[0].values[1]",
    ),
    "a bad pattern in a group": (
        trend(of("a"), filters={"groups": [{"filters": [{"property": "x", "op": "OP_MATCHES", "values": ["("]}]}]}),
        FilterInvalid,
        "insight.filters.groups[0].filters[0].values[0]",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


async def test_query_within_all_limits_at_once_is_answered(store: Store, ask: Ask) -> None:
    await store.tell(event("a", p0="x"))
    crowd: JSON = {"property": "p" * 200, "op": "OP_NOT_CONTAINS", "values": [f"value {number}" for number in range(1000)]}
    series = [of("a", "P99", f"number {number}", filters=(crowd, crowd, crowd)) for number in range(26)]

    response = await ask(trend(*series, breakdowns=tuple(f"p{number}" for number in range(5)), limit=100))

    assert len(response.trends.series) == 26
