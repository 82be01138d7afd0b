"""Sessions on the real engine against a naive count in Python, written from what the numbers mean rather than from the SQL."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean, median
from typing import cast
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.sql import sql, unsigned
from naive_sessions import followed, sessions_of
from pug.insights.v1.breakdown_pb2 import Breakdown, Cell
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup
from pug.insights.v1.insights_pb2 import Granularity, Insight, ListPersonsRequest, QueryRequest, QueryResponse, TimeRange
from pug.insights.v1.sessions_pb2 import Sessions
from services.insights import kinds
from services.insights.scope import scope_of
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
PAGES = ("a", "b", "c", "", None)
LAYOUTS = [layout for layout in Sessions.As.values() if layout]
METRICS = [metric for metric in Sessions.Metric.values() if metric]

Value = tuple[str | None, ...]
Label = Value | str


@dataclass(frozen=True)
class Asked:
    events: list[Happening]
    request: QueryRequest
    start: datetime
    end: datetime

    @property
    def spec(self) -> Sessions:
        return self.request.insight.sessions


@dataclass(frozen=True)
class Session:
    """A session: all its events in order, and the matching ones."""

    events: list[Happening]
    matching: list[Happening]

    @property
    def seconds(self) -> float:
        return (self.events[-1].at - self.events[0].at) / timedelta(seconds=1)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    end = START + timedelta(hours=draw(st.integers(1, 60)))
    # Pauses of exactly half an hour, of a millisecond more or less, and ties in time, around and beyond both ends.
    minutes = st.integers(-30 * 6, 30 * 6).map(lambda step: START + step * timedelta(minutes=10)) | st.integers(-9, 9).map(
        lambda step: end + step * timedelta(minutes=10)
    )
    moments = st.builds(shifted, minutes, st.sampled_from([0, 0, 0, 0, -1, 1]))
    happenings = st.builds(
        Happening,
        name=st.sampled_from("aab"),
        distinct_id=st.sampled_from(["ann", "bob", "cookieless-a"]),
        at=moments,
        session_id=st.sampled_from(["", "", "", "s1", "s2"]),
        properties=st.fixed_dictionaries({"page": st.sampled_from(PAGES), "os": st.sampled_from(["mac", "win", None])}),
        event_id=st.uuids().map(str),
    )
    metric = cast("Sessions.Metric", draw(st.sampled_from(METRICS)))
    at_the_ends = metric in (Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT)
    spec = Sessions(
        metric=metric,
        scope=EventMatcher(name=draw(st.sampled_from(["", "a", "b"])), filters=[mac()] if draw(st.booleans()) else []),
        property="page",
        breakdowns=[] if at_the_ends else [Breakdown(property=key) for key in draw(st.sampled_from([(), ("page",), ("page", "os")]))],
        breakdown_limit=draw(st.integers(0, 3)),
    )
    # A keyword can only be set by name.
    setattr(spec, "as", draw(st.sampled_from(LAYOUTS)))
    return Asked(
        draw(st.lists(happenings, min_size=10, max_size=50, unique_by=lambda one: one.event_id)),
        QueryRequest(
            insight=Insight(sessions=spec, filters=FilterGroup(filters=[mac()] if draw(st.booleans()) else [])),
            time_range=TimeRange(**{"from": START}, to=end),
            granularity=draw(st.sampled_from([Granularity.GRANULARITY_HOUR, Granularity.GRANULARITY_DAY])),
        ),
        START,
        end,
    )


def shifted(at: datetime, milliseconds: int) -> datetime:
    return at + timedelta(milliseconds=milliseconds)


def mac() -> Filter:
    found = Filter(property="os", op=Filter.OP_IS_NOT)
    found.values.add(string_value="mac")
    return found


@given(questions())
@settings(max_examples=30, deadline=None)
async def test_sessions_agree_with_a_naive_count_and_so_do_the_persons_behind_each_number(
    clickhouse: ClickHouse, insights: InsightsService, asked: Asked
) -> None:
    store = Store(clickhouse, next_project())
    # Late, and out of order.
    await store.tell(*asked.events[::2])
    await store.tell(*asked.events[1::2])

    response = await insights.query(asked.request, Call(Credential("key", project(store), frozenset({Scope.READ})), "request"))

    lines = lines_of(asked)
    found = found_in(response)
    assert [label for label, _ in found] == [label for label, _ in lines]
    for (_, values), (_, sessions) in zip(found, lines, strict=True):
        expected = [value_of(asked.spec.metric, part) for part in parts(sessions, response)]
        assert all(math.isclose(one, other, rel_tol=1e-12) for one, other in zip(values, expected, strict=True))
    for cell, bucket, persons in numbers(response, lines):
        assert await behind(store, asked, cell, bucket) == persons


def project(store: Store) -> Project:
    return Project(store.project_id, "UTC")


def lines_of(asked: Asked) -> list[tuple[Label, list[Session]]]:
    """The sessions of each line, in the lines' order."""
    cells: dict[Value, list[Session]] = {}
    if not splits(asked.spec):
        return [((), whole_sessions(asked))]
    for session in whole_sessions(asked):
        cells.setdefault(cell_of(session, asked.spec), []).append(session)
    ranked = sorted(
        cells.items(), key=lambda cell: (-value_of(asked.spec.metric, cell[1]), [(value is None, value or "") for value in cell[0]])
    )
    limit = asked.spec.breakdown_limit or 10
    rest = [session for _, sessions in ranked[limit:] for session in sessions]
    return [*ranked[:limit], *([("others", rest)] if rest else [])]


def splits(spec: Sessions) -> bool:
    return bool(spec.breakdowns) or spec.metric in (Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT)


def whole_sessions(asked: Asked) -> list[Session]:
    grouped: dict[Hashable, list[Happening]] = defaultdict(list)
    known = [one for one in asked.events if followed(asked.start, asked.end, one.at)]
    sessions = sessions_of(asked.events)
    for one in sorted(known, key=lambda one: (one.at, UUID(one.event_id).int)):
        grouped[sessions[one.event_id]].append(one)
    whole = [Session(events, [one for one in events if matches(one, asked)]) for events in grouped.values()]
    return [one for one in whole if one.matching and asked.start <= one.events[0].at < asked.end]


def matches(one: Happening, asked: Asked) -> bool:
    filtered = asked.spec.scope.filters or asked.request.insight.filters.filters
    return asked.spec.scope.name in ("", one.name) and not (filtered and one.properties["os"] == "mac")


def cell_of(session: Session, spec: Sessions) -> Value:
    keys = [by.property for by in spec.breakdowns] or [spec.property]
    events = session.matching[::-1] if spec.metric == Sessions.METRIC_EXIT else session.matching
    return tuple(next((cast("str", one.properties[key]) for one in events if one.properties[key] is not None), None) for key in keys)


def value_of(metric: Sessions.Metric, sessions: Sequence[Session]) -> float:
    return VALUES.get(metric, len)(sessions) if sessions else 0


VALUES: Mapping[Sessions.Metric, Callable[[Sequence[Session]], float]] = {
    Sessions.METRIC_AVG_DURATION: lambda sessions: mean(one.seconds for one in sessions),
    Sessions.METRIC_MEDIAN_DURATION: lambda sessions: median(one.seconds for one in sessions),
    Sessions.METRIC_BOUNCE_RATE: lambda sessions: mean(float(len(one.matching) == 1) for one in sessions),
    Sessions.METRIC_EVENTS_PER_SESSION: lambda sessions: mean(len(one.matching) for one in sessions),
}


def found_in(response: QueryResponse) -> list[tuple[Label, list[float]]]:
    if response.HasField("trends"):
        return [(label_of(one.cell), list(one.values)) for one in response.trends.series]
    return [(label_of(row.cell), [row.value]) for row in response.segmentation.rows]


def label_of(cell: Cell) -> Label:
    return "others" if cell.others else tuple(None if value.absent else value.value for value in cell.values)


def parts(sessions: Sequence[Session], response: QueryResponse) -> list[list[Session]]:
    """The sessions of each number of a line."""
    if not response.HasField("trends"):
        return [list(sessions)]
    starts = [bucket.start.ToDatetime(UTC) for bucket in response.trends.buckets]
    ends = [*starts[1:], datetime.max.replace(tzinfo=UTC)]
    return [[one for one in sessions if start <= one.events[0].at < end] for start, end in zip(starts, ends, strict=True)]


def numbers(response: QueryResponse, lines: Sequence[tuple[Label, Sequence[Session]]]) -> list[tuple[Cell, datetime | None, set[str]]]:
    """Each cell over the whole range, and in the first bucket that has a session, with who is behind it."""
    cells = [one.cell for one in response.trends.series] + [row.cell for row in response.segmentation.rows]
    found: list[tuple[Cell, datetime | None, set[str]]] = []
    for cell, (_, sessions) in zip(cells, lines, strict=True):
        found.append((cell, None, persons_of(sessions)))
        for bucket, part in zip(response.trends.buckets, parts(sessions, response), strict=False):
            if part:
                found.append((cell, bucket.start.ToDatetime(UTC), persons_of(part)))
                break
    return found


def persons_of(sessions: Sequence[Session]) -> set[str]:
    return {one.distinct_id for session in sessions for one in session.matching}


async def behind(store: Store, asked: Asked, cell: Cell, bucket: datetime | None) -> set[str]:
    of = ListPersonsRequest.OfSessions(cell=cell, bucket=bucket)
    plan = kinds.persons(ListPersonsRequest(query=asked.request, sessions=of), scope_of(asked.request, project(store), NOW))
    found = await store.clickhouse.query(
        sql(
            "SELECT any(distinct_id) FROM events WHERE project_id = {project} AND distinct_hash IN ({plan}) GROUP BY distinct_hash",
            project=unsigned(store.project_id),
            plan=plan,
        )
    )
    return {cast("str", row[0]) for row in found.rows}
