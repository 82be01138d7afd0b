"""What is known of sessions, in trends on the real engine, against a naive look at each session (tests/naive_sessions.py)."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import person_id
from naive_sessions import followed, session_values, sessions_of
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

from .conftest import listed

JSON = Mapping[str, object]
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=3)
KINDS = ("KIND_TOTAL", "KIND_PERSONS", "KIND_SESSIONS")
OPS = ("OP_IS", "OP_IS_NOT", "OP_IS_SET", "OP_IS_NOT_SET", "OP_GTE", "OP_NOT_BETWEEN")
VALUES: Mapping[str, list[object]] = {"OP_IS": ["pro"], "OP_IS_NOT": ["pro"], "OP_GTE": [3], "OP_NOT_BETWEEN": [1, 3]}


@dataclass(frozen=True)
class Question:
    events: list[Happening]
    kind: str
    op: str
    of_query: bool
    key: str


def moment(day: int, minutes: int, ms: int) -> datetime:
    return START + timedelta(days=day, minutes=minutes, milliseconds=ms)


# Pauses about 30 minutes long, sessions across the edges of the range, and some that last for days.
_happenings = st.builds(
    Happening,
    name=st.sampled_from("aab"),
    distinct_id=st.sampled_from(["ann", "ann", "bob"]),
    at=st.builds(
        moment,
        st.sampled_from([-2, -1, 0, 0, 1, 3, 3, 4]),
        st.integers(-6, 6).map(lambda step: 15 * step),
        st.sampled_from([0, 0, 0, 1, -1]),
    ),
    session_id=st.sampled_from(["", "", "", "s", "t"]),
    properties=st.fixed_dictionaries(
        {"plan": st.sampled_from(["pro", "free", 3, "3", 0.5, "", None, None]), "os": st.sampled_from(["mac", None])}
    ),
    event_id=st.uuids().map(str),
)
_questions = st.builds(
    Question,
    events=st.lists(_happenings, min_size=1, max_size=30, unique_by=lambda one: one.event_id),
    kind=st.sampled_from(KINDS),
    op=st.sampled_from(OPS),
    of_query=st.booleans(),
    key=st.sampled_from(["plan", "os"]),
)


@given(_questions)
@settings(max_examples=25, deadline=None)
async def test_trends_filtered_and_split_by_the_session_agree_with_a_naive_look_at_it(
    clickhouse: ClickHouse, insights: InsightsService, asked: Question
) -> None:
    store = Store(clickhouse, next_project())
    await store.tell(*asked.events)
    call = Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")

    series = (await insights.query(request_of(asked), call)).trends.series

    expected = cells(asked)
    found = {value_of(one.cell): list(one.values) for one in series}
    assert found == {value: [len(set(units)) for units in days] for value, days in expected.items()}
    for one in series:
        for day, value in enumerate(one.values):
            of = ListPersonsRequest.OfTrends(series="A", cell=one.cell, bucket=START + timedelta(days=day))
            persons = await listed(clickhouse, ListPersonsRequest(query=request_of(asked), trends=of), store.project_id)
            assert bool(persons) == bool(value)
            if asked.kind == "KIND_PERSONS":
                assert persons == {person_id(str(unit)) for unit in expected[value_of(one.cell)][day]}


def request_of(asked: Question) -> QueryRequest:
    of_session: JSON = {"property": asked.key, "source": "SOURCE_SESSION", "op": asked.op, "values": VALUES.get(asked.op, [])}
    series = {"event": {"name": "a", "filters": [] if asked.of_query else [of_session]}, "metric": {"kind": asked.kind}}
    breakdowns = [{"property": "plan", "source": "SOURCE_SESSION"}]
    insight: JSON = {
        "trends": {"series": [series], "breakdowns": breakdowns},
        "filters": {"filters": [of_session] if asked.of_query else []},
    }
    return ParseDict({"insight": insight, "timeRange": {"from": START.isoformat(), "to": END.isoformat()}}, QueryRequest())


def cells(asked: Question) -> dict[str | None, list[list[Hashable]]]:
    """By the plan of the session, what is counted on each day."""
    known = [event for event in asked.events if followed(START, END, event.at)]
    sessions, plans, keys = sessions_of(asked.events), session_values(known, "plan"), session_values(known, asked.key)
    found: dict[str | None, list[list[Hashable]]] = {}
    for event in asked.events:
        if event.name == "a" and START <= event.at < END and passes(asked.op, keys[event.event_id]):
            plan = plans[event.event_id]
            unit = {"KIND_PERSONS": event.distinct_id, "KIND_SESSIONS": sessions[event.event_id]}.get(asked.kind, event.event_id)
            days = found.setdefault(None if plan is None else str(plan), [[], [], []])
            days[(event.at - START).days].append(unit)
    return found


def passes(op: str, value: object) -> bool:
    number = float(str(value)) if value in (3, "3", 0.5) else None
    match op:
        case "OP_IS":
            return value == "pro"
        case "OP_IS_NOT":
            return value != "pro"
        case "OP_IS_SET":
            return value is not None
        case "OP_IS_NOT_SET":
            return value is None
        case "OP_GTE":
            return number is not None and number >= 3
        case _:
            return number is None or not 1 <= number <= 3


def value_of(cell: Cell) -> str | None:
    (value,) = cell.values
    return None if value.absent else value.value
