"""Stories about what is known of the session of an event, asked for in every kind of insight, on the real engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import QueryResponse
from story import Happening, Store, event

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


def cell(one: Cell) -> str | None:
    (value,) = one.values
    return None if value.absent else value.value


def numbers(response: QueryResponse) -> object:
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


@pytest.mark.parametrize("kind", ASKED)
async def test_filter_by_the_session_holds_for_events_without_the_value(visits: None, ask: Ask, kind: str) -> None:
    insight, expected = ASKED[kind]

    response = await ask({"insight": insight, "timeRange": RANGE})

    assert numbers(response) == expected
