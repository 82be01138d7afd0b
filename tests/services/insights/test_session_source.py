"""Stories about what is known of the session of an event, asked for in every kind of insight, on the real engine."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InvalidArgument
from core.person_ids import person_id
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import QueryResponse
from story import Happening, Store, event, next_project

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
Behind = Callable[..., Awaitable[list[str]]]
RANGE: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
FROM_AD: JSON = {"property": "$utm_source", "source": "SOURCE_SESSION", "values": ["ad"]}
SOURCE: JSON = {"property": "$utm_source", "source": "SOURCE_SESSION"}
BUY: JSON = {"name": "buy", "filters": [FROM_AD]}
VIEW: JSON = {"name": "view", "filters": [FROM_AD]}


def visit(who: str, source: str | None, day: int = 1, session_id: str = "") -> tuple[Happening, Happening]:
    """Somebody views, coming from somewhere, and buys ten minutes later."""
    at = f"2026-03-{day:02}T10"
    came = {} if source is None else {"$utm_source": source}
    return event("view", who, f"{at}:00:00Z", session_id, **came), event("buy", who, f"{at}:10:00Z", session_id)


@pytest.fixture
async def visits(store: Store) -> None:
    await store.tell(*visit("ann", "ad"), *visit("bob", "ad", session_id="s"), *visit("eve", "mail"), *visit("joe", None))


def numbers(response: QueryResponse) -> object:  # noqa: PLR0911 (one for each kind)
    """What the answer of a kind counts, without breakdowns."""
    match response.WhichOneof("result"):
        case "trends":
            return [list(line.values) for line in response.trends.series]
        case "segmentation":
            return [row.value for row in response.segmentation.rows]
        case "funnel":
            return [[step.count for step in one.steps] for one in response.funnel.series]
        case "retention":
            return [list(cohort.counts) for one in response.retention.series for cohort in one.cohorts]
        case "stickiness":
            return list(response.stickiness.counts)
        case "lifecycle":
            return [list(response.lifecycle.new)]
        case "flow":
            return sorted((node.label, node.value) for node in response.flow.nodes)
        case _:
            return [(row.value, row.metric) for row in response.top_k.rows]


ASKED: Mapping[str, tuple[JSON, object]] = {
    "trends": ({"trends": {"series": [{"event": BUY}]}}, [[2]]),
    "trends of the sessions": ({"trends": {"series": [{"event": BUY, "metric": {"kind": "KIND_SESSIONS"}}]}}, [[2]]),
    "trends of two series": ({"trends": {"series": [{"event": BUY}, {"event": {"name": "buy"}}]}}, [[2], [4]]),
    "rolling actives": ({"trends": {"series": [{"event": BUY, "metric": {"kind": "KIND_ACTIVE_7D"}}]}}, [[2]]),
    "segmentation": ({"segmentation": {"series": [{"event": BUY}]}}, [2]),
    "funnel": ({"funnel": {"steps": [{"event": {"name": "view"}}, {"event": BUY}]}}, [[4, 2]]),
    "funnel in strict order": ({"funnel": {"steps": [{"event": VIEW}, {"event": BUY}], "order": "ORDER_STRICT"}}, [[2, 2]]),
    "funnel of sessions": ({"funnel": {"steps": [{"event": VIEW}, {"event": BUY}], "countBy": "COUNT_BY_SESSIONS"}}, [[2, 2]]),
    "funnel with an exclusion": (
        {"funnel": {"steps": [{"event": {"name": "view"}}, {"event": {"name": "never"}}], "exclusions": [{"event": BUY}]}},
        [[2, 0]],
    ),
    "retention": ({"retention": {"start": VIEW, "return": BUY, "periods": 1, "clock": "CLOCK_CALENDAR"}}, [[2, 0]]),
    "retention of the first ever": ({"retention": {"start": BUY, "periods": 1, "entry": "ENTRY_FIRST_EVER"}}, [[2, 0]]),
    "stickiness": ({"stickiness": {"event": BUY}}, [2]),
    "lifecycle": ({"lifecycle": {"event": BUY}}, [[2]]),
    "flow": ({"flow": {"scope": {"filters": [FROM_AD]}}}, [("buy", 2), ("view", 2)]),
    "flow of persons": ({"flow": {"scope": {"filters": [FROM_AD]}, "unit": "UNIT_PERSON", "start": "buy"}}, [("buy", 2)]),
    "top K": ({"topK": {"scope": {"filters": [FROM_AD]}}}, [("buy", 2), ("view", 2)]),
    "sessions": ({"sessions": {"scope": BUY}}, [[2]]),
}


@pytest.mark.usefixtures("visits")
@pytest.mark.parametrize("kind", ASKED)
async def test_filter_by_the_session_holds_for_events_without_the_value(ask: Ask, kind: str) -> None:
    insight, expected = ASKED[kind]

    response = await ask({"insight": insight, "timeRange": RANGE})

    assert numbers(response) == expected


# Where not all that is asked for is restricted by its own filters.
ALL_RESTRICTED: Mapping[str, object] = {"trends of two series": [[2], [2]], "funnel": [[2, 2]], "funnel with an exclusion": [[0, 0]]}


@pytest.mark.usefixtures("visits")
@pytest.mark.parametrize("kind", ASKED)
async def test_filter_of_the_query_by_the_session_restricts_everything(ask: Ask, kind: str) -> None:
    filtered, expected = ASKED[kind]
    insight: JSON = json.loads(json.dumps(filtered).replace(json.dumps(FROM_AD), ""))

    response = await ask({"insight": {**insight, "filters": {"filters": [FROM_AD]}}, "timeRange": RANGE})

    assert numbers(response) == ALL_RESTRICTED.get(kind, expected)


BY_SOURCE: JSON = {"breakdowns": [SOURCE]}
SPLIT: Mapping[str, tuple[JSON, Mapping[str | None, object]]] = {
    "trends": ({"trends": {"series": [{"event": {"name": "buy"}}], **BY_SOURCE}}, {"ad": [2], "mail": [1], None: [1]}),
    "trends of persons": (
        {"trends": {"series": [{"event": {"name": "buy"}, "metric": {"kind": "KIND_PERSONS"}}], **BY_SOURCE}},
        {"ad": [2], "mail": [1], None: [1]},
    ),
    "segmentation": ({"segmentation": {"series": [{"event": {"name": "buy"}}], **BY_SOURCE}}, {"ad": 2, "mail": 1, None: 1}),
    "sessions": ({"sessions": {"scope": {"name": "buy"}, **BY_SOURCE}}, {"ad": [2], "mail": [1], None: [1]}),
    "retention": (
        {"retention": {"start": {"name": "buy"}, "periods": 1, **BY_SOURCE}},
        {"ad": [[2, 0]], "mail": [[1, 0]], None: [[1, 0]]},
    ),
    "top K": ({"topK": {"dimension": "DIMENSION_PROPERTY", "scope": {"name": "buy"}, **SOURCE}}, {"ad": 2, "mail": 1, None: 1}),
    **{
        f"funnel by {attribution}": (
            {
                "funnel": {
                    "steps": [{"event": {"name": "view"}}, {"event": {"name": "buy"}}],
                    "attribution": f"ATTRIBUTION_{attribution}",
                    "attributionStep": 2 if attribution == "STEP" else 0,
                    **BY_SOURCE,
                }
            },
            {"ad": [2, 2], "mail": [1, 1], None: [1, 1]},
        )
        for attribution in ("FIRST_TOUCH", "LAST_TOUCH", "STEP", "ALL_STEPS")
    },
}


@pytest.mark.usefixtures("visits")
@pytest.mark.parametrize("kind", SPLIT)
async def test_breakdown_by_the_session_puts_events_without_the_value_where_their_session_began(ask: Ask, kind: str) -> None:
    insight, expected = SPLIT[kind]

    assert cells(await ask({"insight": insight, "timeRange": RANGE})) == expected


def cells(response: QueryResponse) -> Mapping[str | None, object]:
    """What the answer of a kind counts, by the value of its one breakdown."""
    match response.WhichOneof("result"):
        case "trends":
            return {value_of(line.cell): list(line.values) for line in response.trends.series}
        case "segmentation":
            return {value_of(row.cell): row.value for row in response.segmentation.rows}
        case "funnel":
            return {value_of(one.cell): [step.count for step in one.steps] for one in response.funnel.series}
        case "retention":
            return {value_of(one.cell): [list(cohort.counts) for cohort in one.cohorts] for one in response.retention.series}
        case _:
            return {None if row.absent else row.value: row.metric for row in response.top_k.rows}


def value_of(cell: Cell) -> str | None:
    (value,) = cell.values
    return None if value.absent else value.value


BEHIND: Mapping[str, tuple[JSON, JSON]] = {
    "trends": (SPLIT["trends"][0], {"trends": {"series": "A", "cell": {"values": [{"value": "ad"}]}}}),
    "funnel": (SPLIT["funnel by LAST_TOUCH"][0], {"funnel": {"step": 2, "cell": {"values": [{"value": "ad"}]}}}),
    "retention": (
        SPLIT["retention"][0],
        {"retention": {"cohort": "2026-03-01T00:00:00Z", "cell": {"values": [{"value": "ad"}]}}},
    ),
    "sessions": (SPLIT["sessions"][0], {"sessions": {"cell": {"values": [{"value": "ad"}]}}}),
    "top K": (SPLIT["top K"][0], {"topK": {"value": "ad"}}),
    "stickiness": (ASKED["stickiness"][0], {"stickiness": {"buckets": 1}}),
    "lifecycle": (ASKED["lifecycle"][0], {"lifecycle": {"bucket": "2026-03-01T00:00:00Z", "state": "STATE_NEW"}}),
    "flow": (ASKED["flow"][0], {"flow": {"source": 2}}),
}


@pytest.mark.usefixtures("visits")
@pytest.mark.parametrize("kind", BEHIND)
async def test_persons_behind_a_number_are_those_it_counts(behind: Behind, kind: str) -> None:
    insight, of = BEHIND[kind]

    assert await behind({"insight": insight, "timeRange": RANGE}, **of) == sorted([person_id("ann"), person_id("bob")])


async def test_first_event_with_a_value_counts_whatever_it_is_called_and_whoever_asks(store: Store, ask: Ask) -> None:
    await store.tell(
        event("open", at="2026-03-01T10:00:00Z", session_id="s"),
        event("view", at="2026-03-01T10:01:00Z", session_id="s", plan="free"),
        event("view", at="2026-03-01T10:02:00Z", session_id="s", plan="pro"),
    )

    assert [await total(ask, {"property": "plan", "values": [plan]}) for plan in ("free", "pro")] == [3, 0]


async def test_first_of_one_millisecond_is_the_one_with_the_least_id(store: Store, ask: Ask) -> None:
    ids = ("00000000-0000-0000-0000-000000000009", "ffffffff-0000-0000-0000-000000000000")
    both = [event("view", at="2026-03-01T10:00:00Z", session_id="s", plan=plan) for plan in ("first", "later")]
    await store.tell(*(replace(one, event_id=id_) for one, id_ in zip(both, ids, strict=True)))

    assert await total(ask, {"property": "plan", "values": ["first"]}) == 2


async def test_later_value_of_another_type_is_not_the_first(store: Store, ask: Ask) -> None:
    await store.tell(
        event("view", at="2026-03-01T10:00:00Z", session_id="s", seats="many"),
        event("view", at="2026-03-01T10:01:00Z", session_id="s", seats=3),
        event("view", at="2026-03-01T10:00:00Z", session_id="t", seats=3),
    )

    assert await total(ask, {"property": "seats", "op": "OP_GTE", "values": [3]}) == 1
    assert await total(ask, {"property": "seats", "values": ["many"]}) == 2
    assert await total(ask, {"property": "seats", "op": "OP_IS_SET"}) == 3


@pytest.mark.parametrize(
    ("op", "values", "count"),
    [
        ("OP_IS", ["pro"], 2),
        ("OP_IS", ["3", "pro"], 3),
        ("OP_IS", [3], 1),
        ("OP_IS_NOT", ["pro"], 3),
        ("OP_CONTAINS", ["R"], 2),
        ("OP_MATCHES", ["^p"], 2),
        ("OP_BETWEEN", [1, 3], 1),
        ("OP_NOT_BETWEEN", [1, 3], 4),
        ("OP_BEFORE", ["2026-01-01"], 1),
        ("OP_IS_SET", [], 4),
        ("OP_IS_NOT_SET", [], 1),
    ],
)
async def test_every_operator_compares_what_the_session_has(store: Store, ask: Ask, op: str, values: list[object], count: int) -> None:
    await store.tell(
        event("view", at="2026-03-01T10:00:00Z", session_id="s", plan="pro"),
        event("view", at="2026-03-01T10:01:00Z", session_id="s"),
        event("view", session_id="t", plan=3),
        event("view", session_id="u", plan="2025-05-05"),
        event("view", session_id="v"),
    )

    assert await total(ask, {"property": "plan", "op": op, "values": values}) == count


async def test_object_of_a_session_is_set_and_has_no_value(store: Store, ask: Ask) -> None:
    await store.tell(
        event("view", at="2026-03-01T10:00:00Z", address={"city": "Oslo"}), event("view", at="2026-03-01T10:10:00Z"), event("view", "bob")
    )

    assert await total(ask, {"property": "address", "op": "OP_IS_SET"}) == 2
    assert await total(ask, {"property": "address", "op": "OP_CONTAINS", "values": ["Oslo"]}) == 0
    assert await total(ask, {"property": "address.city", "values": ["Oslo"]}) == 2


async def test_value_does_not_depend_on_where_the_range_cuts_the_session(store: Store, ask: Ask) -> None:
    await store.tell(*visit("ann", "ad"), *visit("bob", "ad", session_id="s"))
    from_five_past: JSON = {"from": "2026-03-01T10:05:00Z", "to": "2026-03-02T00:00:00Z"}

    assert await total(ask, {"property": "$utm_source", "values": ["ad"]}, time_range=from_five_past) == 2


async def test_value_that_came_after_the_range_is_the_sessions_too(store: Store, ask: Ask) -> None:
    await store.tell(event("view", at="2026-03-01T10:00:00Z"), event("view", at="2026-03-01T10:10:00Z", plan="pro"))
    until_five_past: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T10:05:00Z"}

    assert await total(ask, {"property": "plan", "values": ["pro"]}, time_range=until_five_past) == 1


async def test_session_that_never_pauses_keeps_its_value_as_far_as_it_is_followed(store: Store, ask: Ask) -> None:
    """Its events start two days before the range; what it is taken for begins a day before."""
    steps = [datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=20 * step) for step in range(5 * 72)]
    await store.tell(*(event("view", "ann", at.isoformat(), plan="pro" if at.day == 28 else "old") for at in steps))

    assert await total(ask, {"property": "plan", "values": ["pro"]}) == 72


async def test_conversion_after_the_range_knows_its_session(store: Store, ask: Ask) -> None:
    await store.tell(event("view", at="2026-03-01T23:00:00Z"), *visit("ann", "ad", day=6))
    funnel = {"steps": [{"event": {"name": "view"}}, {"event": BUY}]}

    response = await ask({"insight": {"funnel": funnel}, "timeRange": RANGE})

    assert numbers(response) == [[1, 1]]


async def test_drill_down_into_a_part_of_the_range_knows_the_sessions_of_the_whole(store: Store, behind: Behind, ask: Ask) -> None:
    """A session of its client's lasts longer than one is followed beyond a bucket."""
    await store.tell(*(event("view", "ann", f"2026-03-0{day}T10:00:00Z", "s", plan=f"plan of day {day}") for day in range(1, 8)))
    query: JSON = {
        "insight": {"trends": {"series": [{"event": {"name": "view"}}], "breakdowns": [{"property": "plan", "source": "SOURCE_SESSION"}]}},
        "timeRange": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-08T00:00:00Z"},
    }

    (line,) = (await ask(query)).trends.series
    cell = {"values": [{"value": value_of(line.cell)}]}
    behind_days = [await behind(query, trends={"series": "A", "cell": cell, "bucket": f"2026-03-0{day}T00:00:00Z"}) for day in range(2, 8)]

    assert (value_of(line.cell), list(line.values)) == ("plan of day 1", [1] * 6)
    assert behind_days == [[person_id("ann")]] * 6


async def test_session_belongs_to_its_id_and_not_to_the_person(store: Store, ask: Ask) -> None:
    await store.tell(event("view", "phone", plan="pro"), event("view", "laptop", at="2026-03-01T10:05:00Z"))
    await store.know(1, ties={"phone": "ann", "laptop": "ann"})

    assert await total(ask, {"property": "plan", "values": ["pro"]}) == 1


async def test_neighbours_sessions_are_their_own(store: Store, ask: Ask) -> None:
    await Store(store.clickhouse, next_project()).tell(*visit("ann", "ad", session_id="s"))
    await store.tell(*visit("ann", None, session_id="s"))

    assert await total(ask, {"property": "$utm_source", "op": "OP_IS_SET"}) == 0


async def test_duration_and_events_of_a_session_are_asked_for_by_keys_of_ours(store: Store, ask: Ask) -> None:
    await store.tell(*visit("ann", None), *visit("bob", None, session_id="s"), event("view", "max"))

    assert await total(ask, {"property": "$session_duration", "op": "OP_GTE", "values": [600]}) == 4
    assert await total(ask, {"property": "$session_duration", "op": "OP_LT", "values": [600]}) == 1
    assert await total(ask, {"property": "$session_events", "values": [2]}) == 4
    assert await total(ask, {"property": "$session_events", "values": ["1"]}) == 1
    for key, expected in {"$session_events": {"2": [2], "1": [1]}, "$session_duration": {"600": [2], "0": [1]}}.items():
        split: JSON = {"trends": {"series": [{"event": {"name": "view"}}], "breakdowns": [{"property": key, "source": "SOURCE_SESSION"}]}}
        response = await ask({"insight": split, "timeRange": RANGE})
        assert (cells(response), response.meta.hint) == (expected, "")


async def test_cells_of_the_range_compared_with_are_of_its_own_sessions(store: Store, ask: Ask) -> None:
    await store.tell(*visit("ann", "ad"), *visit("ann", "ad", day=2), *visit("bob", "ad", day=2))
    trends = {"series": [{"event": {"name": "buy"}}], **BY_SOURCE}

    response = await ask(
        {"insight": {"trends": trends}, "timeRange": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}, "compare": {}}
    )

    (line,) = response.trends.series
    assert (value_of(line.cell), list(line.values), list(line.compare_values)) == ("ad", [2], [1])


async def test_key_is_checked_and_its_place_named(ask: Ask) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await total(ask, {"op": "OP_IS_SET"})

    assert raised.value.field == "insight.segmentation.series[0].event.filters[0].property"


async def total(ask: Ask, of_session: JSON, time_range: JSON = RANGE) -> float:
    """How many events there are of sessions for which a filter holds."""
    series = {"event": {"filters": [{**of_session, "source": "SOURCE_SESSION"}]}}
    response = await ask({"insight": {"segmentation": {"series": [series]}}, "timeRange": time_range})
    return response.segmentation.rows[0].value
