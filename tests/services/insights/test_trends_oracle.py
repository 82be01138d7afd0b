"""Trends on the real engine against a naive count in Python, written from what the numbers mean rather than from the SQL."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from string import ascii_uppercase
from typing import cast
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from naive_sessions import sessions_of
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.breakdown_pb2 import Cell as CellMessage
from pug.insights.v1.filter_pb2 import EventMatcher, Filter
from pug.insights.v1.insights_pb2 import Granularity, Insight, QueryRequest, QueryResponse, TimeRange
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

# Around changes of the clocks of the zones below, a skipped day, and a plain week.
AROUND = [
    datetime(*day, tzinfo=UTC)
    for day in ((2025, 10, 26), (2026, 3, 29), (2025, 11, 2), (2026, 4, 5), (2018, 11, 4), (2011, 12, 30), (2026, 1, 8))
]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata")
LENGTHS = {
    Granularity.GRANULARITY_MINUTE: timedelta(hours=2),
    Granularity.GRANULARITY_HOUR: timedelta(days=2),
    Granularity.GRANULARITY_DAY: timedelta(days=8),
    Granularity.GRANULARITY_WEEK: timedelta(days=30),
    Granularity.GRANULARITY_MONTH: timedelta(days=80),
}
PLANS: tuple[object, ...] = ("pro", "free", "", "3", 3, 1.5, True, "true", None, "it's")
NUMBERS: tuple[object, ...] = (1, 2, -3, 0.25, 10.5, "4", "1e2", "x", "nan", "", True, None, [1])
KINDS = [kind for kind in Metric.Kind.values() if kind]

Cell = tuple[str | None, ...]


@dataclass(frozen=True)
class Asked:
    events: list[Happening]
    request: QueryRequest
    zone: ZoneInfo
    start: datetime
    end: datetime


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    grain = draw(st.sampled_from(list(LENGTHS)))
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.sampled_from(AROUND)) + timedelta(minutes=draw(st.integers(-300, 300)))
    end = start + timedelta(minutes=draw(st.integers(1, int(LENGTHS[grain].total_seconds() // 60))))
    moments = st.integers(-60_000, int((end - start).total_seconds() * 1000) + 60_000).map(lambda ms: start + timedelta(milliseconds=ms))
    happenings = st.builds(
        Happening,
        name=st.sampled_from("ab"),
        distinct_id=st.sampled_from(["ann", "bob", "cid", "dan", "cookieless-a", "cookieless-b"]),
        at=moments | st.sampled_from([start, end, end - timedelta(milliseconds=1)]),
        session_id=st.sampled_from(["", "s1", "s2", "s3"]),
        properties=st.fixed_dictionaries(
            {"plan": st.sampled_from(PLANS), "n": st.sampled_from(NUMBERS), "os": st.sampled_from(["mac", "win", None])}
        ),
    )
    trends = Trends(
        series=draw(
            st.lists(st.builds(series, st.sampled_from(["a", "b", ""]), st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=3)
        ),
        breakdowns=[Breakdown(property=key) for key in draw(st.sampled_from([(), (), ("plan",), ("plan", "os"), ("n",)]))],
        breakdown_limit=draw(st.integers(0, 3)),
    )
    request = QueryRequest(
        insight=Insight(trends=trends, include_cookieless=draw(st.booleans())),
        time_range=TimeRange(**{"from": start}, to=end),
        granularity=grain,
        time_zone=zone,
    )
    return Asked(
        draw(st.lists(happenings, max_size=40) | st.lists(happenings, min_size=15, max_size=40)), request, ZoneInfo(zone), start, end
    )


def series(name: str, kind: Metric.Kind, only_pro: bool) -> Trends.Series:  # noqa: FBT001 - drawn
    pro = Filter(property="plan", op=Filter.OP_IS_NOT)
    pro.values.add(string_value="pro")
    return Trends.Series(event=EventMatcher(name=name, filters=[pro] if only_pro else []), metric=Metric(kind=kind, property="n"))


@given(questions(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
async def test_trends_agree_with_a_naive_count_whatever_the_order_and_whoever_else_is_stored(
    clickhouse: ClickHouse, insights: InsightsService, asked: Asked, random: Random
) -> None:
    store, again, stranger = (Store(clickhouse, next_project()) for _ in range(3))
    shuffled = random.sample(asked.events, len(asked.events))
    await store.tell(*asked.events)
    await again.tell(*shuffled[::2])
    await again.tell(*shuffled[1::2])
    await stranger.tell(*shuffled[:5])

    response, from_the_other = [await insights.query(asked.request, call(one)) for one in (store, again)]

    assert_counts(response, asked)
    assert from_the_other.trends == response.trends


def call(store: Store) -> Call:
    return Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")


def assert_counts(response: QueryResponse, asked: Asked) -> None:
    of = label_of(asked)
    labels = [of(bucket.start.ToDatetime(UTC)) for bucket in response.trends.buckets]
    every_minute = [asked.start + timedelta(minutes=step) for step in range(int((asked.end - asked.start).total_seconds() // 60))]
    # Each bucket once, in order, none left out.
    assert [label for label, _ in groupby(map(of, every_minute))] == labels
    found = [(one.series, cell_of(one.cell), list(one.values)) for one in response.trends.series]
    sessions = sessions_of(asked.events)
    expected = [
        (ascii_uppercase[place], cell, [metric_of(one.metric.kind, sessions, [e for e in events if of(e.at) == label]) for label in labels])
        for place, one in enumerate(asked.request.insight.trends.series)
        for cell, events in cells_of(one, sessions, asked)
    ]
    assert [line[:2] for line in found] == [line[:2] for line in expected]
    for (_, _, values), (_, _, counted) in zip(found, expected, strict=True):
        assert values == counted or all(math.isclose(one, other, rel_tol=1e-12) for one, other in zip(values, counted, strict=True))


def label_of(asked: Asked) -> Callable[[datetime], object]:
    def label(instant: datetime) -> object:
        local = instant.astimezone(asked.zone)
        match asked.request.granularity:
            case Granularity.GRANULARITY_MINUTE:
                return local.timetuple()[:5], local.utcoffset()
            case Granularity.GRANULARITY_HOUR:
                return local.timetuple()[:4], local.utcoffset()
            case Granularity.GRANULARITY_DAY:
                return local.date()
            case Granularity.GRANULARITY_WEEK:
                return local.isocalendar()[:2]
            case _:
                return local.year, local.month

    return label


def cells_of(one: Trends.Series, sessions: Mapping[str, Hashable], asked: Asked) -> list[tuple[Cell | str, list[Happening]]]:
    """The events of each line of a series, in the lines' order."""
    trends = asked.request.insight.trends
    matching = [e for e in asked.events if asked.start <= e.at < asked.end and one.event.name in ("", e.name)]
    if one.event.filters:
        matching = [e for e in matching if e.properties["plan"] != "pro"]
    if one.metric.kind in (Metric.KIND_PERSONS, Metric.KIND_PER_PERSON) and not asked.request.insight.include_cookieless:
        matching = [e for e in matching if not e.distinct_id.startswith("cookieless-")]
    if not trends.breakdowns:
        return [((), matching)]
    cells: dict[Cell, list[Happening]] = {}
    for event in matching:
        cells.setdefault(tuple(text_of(event.properties[by.property]) for by in trends.breakdowns), []).append(event)
    ranked = sorted(
        cells.items(),
        key=lambda cell: (-metric_of(one.metric.kind, sessions, cell[1]), [(value is None, value or "") for value in cell[0]]),
    )
    limit = trends.breakdown_limit or 10
    rest = [event for _, events in ranked[limit:] for event in events]
    return [*ranked[:limit], *([("others", rest)] if rest else [])]


def cell_of(cell: CellMessage) -> Cell | str:
    return "others" if cell.others else tuple(None if value.absent else value.value for value in cell.values)


def metric_of(kind: Metric.Kind, sessions: Mapping[str, Hashable], events: Sequence[Happening]) -> float:
    persons = len({event.distinct_id for event in events})
    counts: dict[Metric.Kind, float] = {
        Metric.KIND_TOTAL: len(events),
        Metric.KIND_PERSONS: persons,
        Metric.KIND_SESSIONS: len({sessions[event.event_id] for event in events}),
        Metric.KIND_PER_PERSON: len(events) / (persons or 1),
    }
    numbers = sorted(number for event in events if (number := number_of(event.properties["n"])) is not None)
    return counts[kind] if kind in counts else NUMERIC[kind](numbers) if numbers else 0


def interpolated(numbers: Sequence[float], level: float) -> float:
    place = level * (len(numbers) - 1)
    below = math.floor(place)
    above = min(below + 1, len(numbers) - 1)
    return numbers[below] + (place - below) * (numbers[above] - numbers[below])


NUMERIC: Mapping[Metric.Kind, Callable[[list[float]], float]] = {
    Metric.KIND_SUM: sum,
    Metric.KIND_AVG: lambda numbers: sum(numbers) / len(numbers),
    Metric.KIND_MIN: min,
    Metric.KIND_MAX: max,
    Metric.KIND_MEDIAN: lambda numbers: interpolated(numbers, 0.5),
    Metric.KIND_P90: lambda numbers: interpolated(numbers, 0.9),
    Metric.KIND_P95: lambda numbers: interpolated(numbers, 0.95),
    Metric.KIND_P99: lambda numbers: interpolated(numbers, 0.99),
}


def number_of(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if value and value.lower() not in ("nan", "x") else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text_of(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case list():
            return "[" + ",".join(str(one) for one in cast("list[object]", value)) + "]"
        case _:
            return str(value)
