"""Stories about funnels, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from core.errors import InvalidArgument, MissingField, PropertyMissing, PugError, TooLong, TooMany
from pug.insights.v1.funnel_pb2 import FunnelResult
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Happening, Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def funnel(*steps: str | JSON, **spec: object) -> JSON:
    written = [{"event": {"name": step}} if isinstance(step, str) else step for step in steps]
    return {"insight": {"funnel": {"steps": written, **spec}}, "timeRange": THREE_DAYS}


def optional(name: str) -> JSON:
    return {"event": {"name": name}, "optional": True}


def excluded(name: str, effect: str, **between: int) -> JSON:
    return {"event": {"name": name}, "effect": f"EFFECT_{effect}", **between}


def at(when: str, name: str, who: str = "ann", session: str = "", **properties: object) -> Happening:
    """An event of the first of March, or of the day before the time of the day."""
    day, _, time = when.rpartition(" ")
    return event(name, who, at=f"2026-03-{day or '01'}T{time}Z", session_id=session, **properties)


def counts(response: QueryResponse) -> list[int]:
    (line,) = response.funnel.series
    return [step.count for step in line.steps]


def lines(response: QueryResponse) -> dict[str, list[int]]:
    return {label(one): [step.count for step in one.steps] for one in response.funnel.series}


def label(one: FunnelResult.Series) -> str:
    return "others" if one.cell.others else " ".join("(absent)" if value.absent else repr(value.value) for value in one.cell.values)


async def persons(store: Store, query: JSON, **of: object) -> int:
    request = ParseDict({"query": dict(query), "funnel": of}, ListPersonsRequest())
    scope = scope_of(request.query, Project(store.project_id, "UTC"), datetime(2026, 3, 10, 12, tzinfo=UTC))
    found = await store.clickhouse.query(kinds.persons(request, scope))
    return len(found.rows)


async def test_each_stays_at_the_last_step_they_reach(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a"), at("10:01", "b"), at("10:02", "c"),
        at("10:00", "a", "bob"), at("10:01", "b", "bob"),
        at("10:00", "a", "cid"), at("10:01", "c", "cid"),
        at("10:00", "b", "dan"), at("10:01", "c", "dan"),
    )  # fmt: skip

    response = await ask(funnel("a", "b", "c"))

    assert counts(response) == [3, 2, 1]
    steps = response.funnel.series[0].steps
    assert [round(step.from_first, 3) for step in steps] == [1, 0.667, 0.333]
    assert [round(step.from_previous, 3) for step in steps] == [1, 0.667, 0.5]


async def test_funnel_of_nobody_has_all_its_steps_and_no_one_in_them(ask: Ask) -> None:
    response = await ask(funnel("a", "b", timing=True, trend=True))

    assert counts(response) == [0, 0]
    assert [(entry.entered, entry.converted) for entry in response.funnel.series[0].trend] == [(0, 0)] * 3


async def test_window_includes_its_end(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("11:00", "b"), at("10:00", "a", "bob"), at("11:00:00.001", "b", "bob"))

    assert counts(await ask(funnel("a", "b", window="3600s"))) == [2, 1]


async def test_window_is_two_weeks_when_none_is_given(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("15 10:00", "b"), at("10:00", "a", "bob"), at("15 10:00:00.001", "b", "bob"))

    assert counts(await ask(funnel("a", "b"))) == [2, 1]


async def test_window_of_the_whole_begins_with_the_first_step_and_one_per_step_anew_with_each(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:40", "b"), at("11:20", "c"))

    assert counts(await ask(funnel("a", "b", "c", window="3600s"))) == [1, 1, 0]
    assert counts(await ask(funnel("a", "b", "c", window="3600s", windowScope="WINDOW_SCOPE_PER_STEP"))) == [1, 1, 1]


async def test_entrants_are_of_the_range_and_conversions_are_counted_past_its_end(store: Store, ask: Ask) -> None:
    await store.tell(
        at("03 23:59", "a"), at("07 10:00", "b"), at("09 10:00", "c"),
        at("04 00:00", "a", "bob"), at("04 00:01", "b", "bob"),
    )  # fmt: skip

    assert counts(await ask(funnel("a", "b", "c", window="345600s"))) == [1, 1, 0]
    assert counts(await ask(funnel("a", "b", "c", window="345600s", windowScope="WINDOW_SCOPE_PER_STEP"))) == [1, 1, 1]


async def test_best_attempt_is_the_longest_and_of_these_the_earliest(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a", plan="first"), at("12:00", "a", plan="second"), at("12:10", "b"),
        at("02 10:00", "a", plan="third"), at("02 10:50", "b"),
    )  # fmt: skip

    response = await ask(funnel("a", "b", window="3600s", breakdowns=[{"property": "plan"}], timing=True, trend=True))

    assert lines(response) == {"'second'": [1, 1]}
    assert MessageToDict(response.funnel.series[0].steps[1].average) == "600s"
    assert [entry.converted for entry in response.funnel.series[0].trend] == [1, 0, 0]


async def test_one_event_fills_one_step(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:00", "a", "bob"), at("10:01", "a", "bob"))

    assert counts(await ask(funnel("a", "a"))) == [2, 1]
    assert counts(await ask(funnel("a", "a", order="ORDER_ANY_ORDER"))) == [2, 1]


async def test_events_of_one_millisecond_count_as_in_order_either_way(store: Store, ask: Ask) -> None:
    story = [at("10:00", name, who) for who, order in (("ann", "abc"), ("bob", "cba")) for name in order]
    ids = [f"00000000-0000-7000-8000-{number:012}" for number in range(6)]
    await store.tell(*(Happening(one.name, one.distinct_id, one.at, event_id=id_) for one, id_ in zip(story, ids, strict=True)))

    assert counts(await ask(funnel("a", "b", "c"))) == [2, 2, 2]
    assert counts(await ask(funnel("a", "b", "c", order="ORDER_STRICT"))) == [2, 1, 1]


async def test_strict_order_lets_nothing_of_the_person_come_in_between(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:01", "x"), at("10:02", "b"), at("10:00", "a", "bob"), at("10:02", "b", "bob"))

    assert counts(await ask(funnel("a", "b"))) == [2, 2]
    assert counts(await ask(funnel("a", "b", order="ORDER_STRICT"))) == [2, 1]


async def test_in_any_order_it_is_counted_how_many_steps_were_done(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "c"), at("10:01", "a"), at("10:02", "b"), at("10:00", "b", "bob"), at("10:02", "b", "bob"))

    assert counts(await ask(funnel("a", "b", "c", order="ORDER_ANY_ORDER"))) == [2, 1, 1]


async def test_optional_step_may_be_left_out_and_is_no_step_to_compare_with(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a"), at("10:01", "b"), at("10:02", "c"),
        at("10:00", "a", "bob"), at("10:02", "c", "bob"), at("10:03", "b", "bob"),
    )  # fmt: skip

    response = await ask(funnel("a", optional("b"), "c"))

    assert counts(response) == [2, 1, 2]
    assert [step.from_previous for step in response.funnel.series[0].steps] == [1, 0.5, 1]


async def test_exclusion_drops_or_cuts_whoever_does_it_in_between(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a"), at("10:01", "b"), at("10:02", "x"), at("10:03", "c"),
        at("10:00", "a", "bob"), at("10:01", "b", "bob"), at("10:02", "c", "bob"), at("10:03", "x", "bob"),
    )  # fmt: skip

    assert counts(await ask(funnel("a", "b", "c", exclusions=[excluded("x", "DROP_PERSON")]))) == [1, 1, 1]
    assert counts(await ask(funnel("a", "b", "c", exclusions=[excluded("x", "CUT_THERE")]))) == [2, 2, 1]
    assert counts(await ask(funnel("a", "b", "c", exclusions=[excluded("x", "DROP_PERSON", toStep=2)]))) == [2, 2, 2]


async def test_person_is_dropped_even_if_another_attempt_of_theirs_is_flawless(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:01", "x"), at("10:02", "a"), at("10:03", "b"))

    assert counts(await ask(funnel("a", "b", exclusions=[excluded("x", "DROP_PERSON")]))) == [0, 0]
    assert counts(await ask(funnel("a", "b", exclusions=[excluded("x", "CUT_THERE")]))) == [1, 1]


async def test_with_a_value_held_constant_each_value_of_a_person_counts(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a", cart=1), at("10:01", "a", cart=2), at("10:02", "b", cart=2), at("10:03", "a"), at("10:04", "b"),
        at("10:00", "a", "bob", cart=1), at("10:01", "b", "bob", cart=2),
    )  # fmt: skip
    query = funnel("a", "b", holdConstant=["cart"])

    assert counts(await ask(query)) == [3, 1]
    assert await persons(store, query, step=1) == 2


async def test_totals_count_attempts_that_do_not_overlap(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:01", "a"), at("10:02", "b"), at("10:03", "a"), at("10:04", "b"), at("12:00", "a"))

    assert counts(await ask(funnel("a", "b", window="3600s", countBy="COUNT_BY_TOTALS"))) == [3, 2]


async def test_attempt_of_totals_lasts_until_its_window_ends(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("11:00", "a"), at("11:00:00.001", "a"), at("13:00", "b"))

    assert counts(await ask(funnel("a", "b", window="3600s", countBy="COUNT_BY_TOTALS"))) == [2, 0]


async def test_sessions_count_if_all_steps_are_in_one(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00", "a", session="s1"), at("10:01", "b", session="s1"), at("10:02", "a", session="s2"), at("10:03", "b", session="s3"),
        at("10:00", "a", "bob"), at("10:20", "b", "bob"), at("10:00", "a", "cid"), at("10:31", "b", "cid"),
    )  # fmt: skip
    query = funnel("a", "b", countBy="COUNT_BY_SESSIONS")

    assert counts(await ask(query)) == [4, 2]
    assert await persons(store, query, step=1) == 3


async def test_visitors_without_cookies_are_no_persons_unless_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:00", "a", "cookieless-x"), at("10:01", "b", "cookieless-x"))
    with_all = ParseDict(dict(funnel("a", "b")), QueryRequest())
    with_all.insight.include_cookieless = True

    assert counts(await ask(funnel("a", "b"))) == [1, 0]
    assert counts(await ask(funnel("a", "b", countBy="COUNT_BY_TOTALS"))) == [2, 1]
    assert counts(await ask(MessageToDict(with_all))) == [2, 1]


@pytest.mark.parametrize(
    ("attribution", "step", "expected"),
    [
        ("FIRST_TOUCH", 0, {"'x'": [1, 1, 1]}),
        ("LAST_TOUCH", 0, {"'z'": [1, 1, 1]}),
        ("STEP", 1, {"(absent)": [1, 1, 1]}),
        ("STEP", 3, {"'z'": [1, 1, 1]}),
        ("ALL_STEPS", 0, {"(absent)": [1, 0, 0]}),
    ],
)
async def test_attempt_gets_the_value_its_attribution_says(
    store: Store, ask: Ask, attribution: str, step: int, expected: Mapping[str, list[int]]
) -> None:
    await store.tell(at("10:00", "a"), at("10:01", "b", plan="x"), at("10:02", "c", plan="z"))
    how: JSON = {"attribution": f"ATTRIBUTION_{attribution}", "attributionStep": step}

    assert lines(await ask(funnel("a", "b", "c", breakdowns=[{"property": "plan"}], **how))) == expected


async def test_attempt_that_does_not_reach_the_step_of_the_attribution_is_in_no_cell(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a", plan="x"), at("10:01", "b", plan="y"), at("10:00", "a", "bob", plan="x"))

    response = await ask(funnel("a", "b", breakdowns=[{"property": "plan"}], attribution="ATTRIBUTION_STEP", attributionStep=2))

    assert lines(response) == {"'y'": [1, 1]}


async def test_person_is_in_one_cell_even_if_all_steps_have_to_have_its_value(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a", plan="x"), at("10:01", "a", plan="y"), at("10:02", "b", plan="y"))

    response = await ask(funnel("a", "b", breakdowns=[{"property": "plan"}], attribution="ATTRIBUTION_ALL_STEPS"))

    assert lines(response) == {"'y'": [1, 1]}


async def test_smaller_cells_are_folded_into_the_others(store: Store, ask: Ask) -> None:
    cells = {"ann": "x", "bob": "x", "cid": "y", "dan": None, "eve": "$others"}
    await store.tell(*(at("10:00", "a", who, plan=plan) for who, plan in cells.items()), at("10:01", "b", "ann"), at("10:01", "b", "dan"))
    query = funnel("a", "b", breakdowns=[{"property": "plan"}], breakdownLimit=2)

    response = await ask(query)

    assert lines(response) == {"'x'": [2, 1], "'$others'": [1, 0], "others": [2, 1]}
    assert [label(one) for one in response.funnel.series][-1] == "others"
    assert await persons(store, query, step=1, cell={"others": True}) == 2
    assert await persons(store, query, step=2, cell={"values": [{"value": "x"}]}) == 1
    assert await persons(store, query, step=2, cell={"values": [{"absent": True}]}) == 1


async def test_times_are_against_the_step_before_and_a_bar_includes_its_edge(store: Store, ask: Ask) -> None:
    await store.tell(
        at("10:00:00", "a"), at("10:00:30", "b"), at("10:02:30", "c"),
        at("10:00:00", "a", "bob"), at("10:00:31", "b", "bob"), at("18 10:00:00", "x", "bob"),
    )  # fmt: skip

    steps = (await ask(funnel("a", "b", "c", timing=True))).funnel.series[0].steps

    assert not steps[0].HasField("average")
    assert [step.average.ToMilliseconds() for step in steps[1:]] == [30_500, 120_000]
    assert (steps[1].median.ToMilliseconds(), steps[1].p95.ToMilliseconds()) == (30_500, 30_950)
    assert [bar.count for bar in steps[1].histogram] == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [bar.upper.ToSeconds() for bar in steps[1].histogram[:-1]] == [30, 120, 300, 900, 3_600, 21_600, 86_400, 604_800]
    assert not steps[1].histogram[-1].HasField("upper")


async def test_time_after_a_step_left_out_is_against_the_last_one_reached(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00:00", "a"), at("10:00:40", "c"))

    steps = (await ask(funnel("a", optional("b"), "c", timing=True))).funnel.series[0].steps

    assert (steps[1].HasField("average"), steps[2].average.ToSeconds()) == (False, 40)


async def test_trend_is_partial_while_attempts_have_time_left(store: Store, ask: Ask) -> None:
    await store.tell(at("01 10:00", "a"), at("02 10:00", "b"), at("02 10:00", "a", "bob"))

    week, day = [(await ask(funnel("a", "b", window=window, trend=True))).funnel.series[0].trend for window in ("691200s", "86400s")]

    assert [(entry.entered, entry.converted) for entry in week] == [(1, 1), (1, 0), (0, 0)]
    assert [entry.partial for entry in week] == [False, True, True]
    assert [entry.partial for entry in day] == [False, False, False]


async def test_persons_behind_a_number_are_those_who_reached_the_step_or_left_before_it(store: Store) -> None:
    await store.tell(
        at("10:00", "a"), at("10:01", "b"), at("10:02", "c"),
        at("10:00", "a", "bob"), at("10:01", "b", "bob"),
        at("02 10:00", "a", "cid"), at("02 10:00", "a", "dan"),
    )  # fmt: skip
    query = funnel("a", "b", "c")

    assert [await persons(store, query, step=step) for step in (1, 2, 3)] == [4, 2, 1]
    assert [await persons(store, query, step=step, dropped=True) for step in (2, 3)] == [2, 1]
    assert await persons(store, query, step=2, dropped=True, entered="2026-03-02T00:00:00Z") == 2
    assert await persons(store, query, step=2, entered="2026-03-02T00:00:00Z") == 0


async def test_query_filters_restrict_what_comes_in_between_too(store: Store, ask: Ask) -> None:
    await store.tell(at("10:00", "a", plan="pro"), at("10:01", "x"), at("10:02", "b", plan="pro"))
    query = funnel("a", "b", order="ORDER_STRICT")
    filtered = ParseDict(dict(query), QueryRequest())
    filtered.insight.filters.filters.add(property="plan").values.add(string_value="pro")

    assert counts(await ask(query)) == [1, 0]
    assert counts(await ask(MessageToDict(filtered))) == [1, 1]


async def test_funnel_of_twenty_steps_with_everything_at_once_is_answered(store: Store, ask: Ask) -> None:
    steps: list[JSON] = [{"event": {"name": f"e{number}"}, "optional": 0 < number < 19 and number % 3 == 0} for number in range(20)]
    await store.tell(*(at(f"10:{minute:02}", f"e{minute % 20}", plan="x") for minute in range(40)))
    exclusions = [excluded("x", effect) for effect in ("DROP_PERSON", "CUT_THERE") for _ in range(5)]
    extra = {"holdConstant": ["plan"] * 3, "breakdowns": [{"property": "plan"}] * 5, "timing": True, "trend": True}

    response = await ask(funnel(*steps, exclusions=exclusions, countBy="COUNT_BY_TOTALS", **extra))

    assert counts(response)[-1] == 2


FIELD = "insight.funnel"
LONG = "p" * 201
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "no steps": (funnel(), MissingField, f"{FIELD}.steps"),
    "one step": (funnel("a"), MissingField, f"{FIELD}.steps"),
    "21 steps": (funnel(*["a"] * 21), TooMany, f"{FIELD}.steps"),
    "a long name": (funnel("a", LONG), TooLong, f"{FIELD}.steps[1].event.name"),
    "an optional first step": (funnel(optional("a"), "b"), InvalidArgument, f"{FIELD}.steps[0].optional"),
    "an optional last step": (funnel("a", optional("b")), InvalidArgument, f"{FIELD}.steps[1].optional"),
    "an optional step in any order": (
        funnel("a", optional("b"), "c", order="ORDER_ANY_ORDER"), InvalidArgument, f"{FIELD}.steps[1].optional"
    ),
    "no such order": (funnel("a", "b", order=9), InvalidArgument, f"{FIELD}.order"),
    "no such window scope": (funnel("a", "b", windowScope=9), InvalidArgument, f"{FIELD}.windowScope"),
    "nothing such to count by": (funnel("a", "b", countBy=9), InvalidArgument, f"{FIELD}.countBy"),
    "no such attribution": (funnel("a", "b", attribution=9), InvalidArgument, f"{FIELD}.attribution"),
    "a window of nothing": (funnel("a", "b", window="0s"), InvalidArgument, f"{FIELD}.window"),
    "a window of 367 days": (funnel("a", "b", window=f"{367 * 86_400}s"), InvalidArgument, f"{FIELD}.window"),
    "11 exclusions": (funnel("a", "b", exclusions=[excluded("x", "CUT_THERE")] * 11), TooMany, f"{FIELD}.exclusions"),
    "no such effect": (funnel("a", "b", exclusions=[{"effect": 9}]), InvalidArgument, f"{FIELD}.exclusions[0].effect"),
    "an exclusion after the last step": (
        funnel("a", "b", exclusions=[excluded("x", "CUT_THERE", fromStep=2)]), InvalidArgument, f"{FIELD}.exclusions[0].fromStep"
    ),
    "an exclusion before it begins": (
        funnel("a", "b", "c", exclusions=[excluded("x", "CUT_THERE", fromStep=2, toStep=2)]),
        InvalidArgument,
        f"{FIELD}.exclusions[0].toStep",
    ),
    "an exclusion of a part in any order": (
        funnel("a", "b", "c", order="ORDER_ANY_ORDER", exclusions=[excluded("x", "CUT_THERE", toStep=2)]),
        InvalidArgument,
        f"{FIELD}.exclusions[0].toStep",
    ),
    "4 properties held": (funnel("a", "b", holdConstant=["p"] * 4), TooMany, f"{FIELD}.holdConstant"),
    "no property held": (funnel("a", "b", holdConstant=["p", ""]), PropertyMissing, f"{FIELD}.holdConstant[1]"),
    "a long property held": (funnel("a", "b", holdConstant=[LONG]), TooLong, f"{FIELD}.holdConstant[0]"),
    "6 breakdowns": (funnel("a", "b", breakdowns=[{"property": "p"}] * 6), TooMany, f"{FIELD}.breakdowns"),
    "101 cells": (funnel("a", "b", breakdownLimit=101), InvalidArgument, f"{FIELD}.breakdownLimit"),
    "no step to attribute to": (funnel("a", "b", attribution="ATTRIBUTION_STEP"), InvalidArgument, f"{FIELD}.attributionStep"),
    "a step to attribute to for nothing": (funnel("a", "b", attributionStep=1), InvalidArgument, f"{FIELD}.attributionStep"),
    "a filter of a step without values": (
        funnel("a", {"event": {"filters": [{"property": "p"}]}}), InvalidArgument, f"{FIELD}.steps[1].event.filters[0].values"
    ),
    "a pattern of an exclusion": (
        funnel("a", "b", exclusions=[{"event": {"filters": [{"property": "p", "op": "OP_MATCHES", "values": ["("]}]}}]),
        InvalidArgument,
        f"{FIELD}.exclusions[0].event.filters[0].values[0]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


@pytest.mark.parametrize(
    ("of", "field"),
    [
        ({"step": 0}, "funnel.step"),
        ({"step": 3}, "funnel.step"),
        ({"step": 1, "dropped": True}, "funnel.step"),
        ({"step": 1, "cell": {"others": True}}, "funnel.cell"),
        ({"step": 1, "cell": {"values": [{"value": "x"}]}}, "funnel.cell"),
        ({"step": 1, "entered": "2026-03-01T01:00:00Z"}, "funnel.entered"),
    ],
)
async def test_number_that_is_not_in_the_answer_has_no_persons(store: Store, of: JSON, field: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await persons(store, funnel("a", "b"), **of)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
