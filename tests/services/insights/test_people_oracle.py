"""Stickiness, lifecycle and top K on the real engine against naive counts in Python, written from what the numbers mean."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import person_id
from naive_lines import AROUND, LENGTHS, NUMBERS, PLANS, ZONES, label_of, metric_of, text_of
from naive_sessions import sessions_of
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, Source
from pug.insights.v1.insights_pb2 import Granularity, Insight, ListPersonsRequest, QueryRequest, QueryResponse, TimeRange
from pug.insights.v1.lifecycle_pb2 import Lifecycle
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.stickiness_pb2 import Stickiness
from pug.insights.v1.top_k_pb2 import TopK, TopKResult
from services.insights.service import InsightsService
from story import Happening, Store, next_project

from .conftest import persons_behind
from .test_trends_oracle import call

Of = ListPersonsRequest
IDS = ["ann", "bob", "cid", "phone", "laptop", "cookieless-a", "cookieless-b"]
RANKED = [kind for kind in Metric.Kind.values() if kind not in (0, Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D)]


@dataclass(frozen=True)
class Town:
    """What was asked of whom: ids with their roots, and roots with the plan among their traits."""

    events: list[Happening]
    request: QueryRequest
    zone: ZoneInfo
    start: datetime
    end: datetime

    ties: Mapping[str, str]
    plans: Mapping[str, object]

    def person(self, distinct_id: str) -> str:
        return self.ties.get(distinct_id, distinct_id)

    def matching(self, matcher: EventMatcher, *, only_persons: bool) -> list[Happening]:
        """The events the matcher picks, whenever before the range's end, as if they had come with the root of their id."""
        left_out = only_persons and not self.request.insight.include_cookieless
        return [
            replace(e, distinct_id=self.person(e.distinct_id))
            for e in self.events
            if e.at < self.end
            and matcher.name in ("", e.name)
            and not (matcher.filters and e.properties["plan"] == "pro")
            and not (left_out and e.distinct_id.startswith("cookieless-"))
        ]

    def in_range(self, matcher: EventMatcher, *, only_persons: bool) -> list[Happening]:
        return [e for e in self.matching(matcher, only_persons=only_persons) if e.at >= self.start]

    def step(self) -> timedelta:
        """Every bucket is longer than this."""
        fine = self.request.granularity in (Granularity.GRANULARITY_MINUTE, Granularity.GRANULARITY_HOUR)
        return timedelta(minutes=1 if fine else 30)

    def labels(self) -> list[object]:
        """One for each bucket."""
        steps = int((self.end - self.start) / self.step()) + 1
        instants = [*(self.start + step * self.step() for step in range(steps)), self.end - timedelta(milliseconds=1)]
        return list(dict.fromkeys(label_of(self.request.granularity, self.zone)(instant) for instant in instants if instant < self.end))

    def label_before(self) -> object:
        """That of the bucket before the first."""
        of, instant = label_of(self.request.granularity, self.zone), self.start
        while of(instant) == of(self.start):
            instant -= self.step()
        return of(instant)


@st.composite
def towns(draw: st.DrawFn, kinds: st.SearchStrategy[Insight]) -> Town:
    grain = draw(st.sampled_from(list(LENGTHS)))
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.sampled_from(AROUND)) + timedelta(minutes=draw(st.sampled_from([0, 60, -60, 7]) | st.integers(-300, 300)))
    # Few buckets, so that something happens in each.
    longest = int(LENGTHS[grain].total_seconds() // 60)
    end = start + timedelta(minutes=draw(st.integers(1, longest) | st.integers(1, longest // 20)))
    before = draw(st.sampled_from([0, 1, 2, 5])) * LENGTHS[grain] // 8
    # By a seed: event by event hypothesis draws many that are much alike, and takes long.
    random = Random(draw(st.integers(0, 2**32)))
    insight = draw(kinds)
    insight.include_cookieless = draw(st.booleans())
    return Town(
        [happening(random, start, end, before) for _ in range(draw(st.sampled_from([1, 5, 20, 40, 60])))],
        QueryRequest(insight=insight, time_range=TimeRange(**{"from": start}, to=end), granularity=grain, time_zone=zone),
        ZoneInfo(zone),
        start,
        end,
        draw(st.dictionaries(st.sampled_from(["phone", "laptop", "bob"]), st.sampled_from(["ann", "cid"]), max_size=3)),
        draw(st.dictionaries(st.sampled_from(["ann", "cid", "phone"]), st.sampled_from(["pro", "free", 3]), max_size=3)),
    )


def happening(random: Random, start: datetime, end: datetime, before: timedelta) -> Happening:
    millisecond = timedelta(milliseconds=1)
    at = random.choice(
        [
            *[start + random.random() * (end - start)] * 5,
            *[start - random.random() * before] * 3,
            start.replace(minute=0) + timedelta(hours=random.randint(-50, 24)) - random.choice([0, 1]) * millisecond,
            random.choice([start, start - millisecond, end, end - millisecond, start - timedelta(days=400)]),
        ]
    )
    return Happening(
        random.choice("aab"),
        random.choice(IDS),
        # What is stored has milliseconds.
        at.replace(microsecond=at.microsecond // 1000 * 1000),
        random.choice(["", "s1", "s2", "s3"]),
        {"plan": random.choice(PLANS), "n": random.choice(NUMBERS)},
    )


@st.composite
def matchers(draw: st.DrawFn) -> EventMatcher:
    no_pro = Filter(property="plan", op=Filter.OP_IS_NOT)
    no_pro.values.add(string_value="pro")
    return EventMatcher(name=draw(st.sampled_from(["a", "b", ""])), filters=[no_pro] if draw(st.booleans()) else [])


async def told(clickhouse: ClickHouse, town: Town) -> Store:
    store, stranger = Store(clickhouse, next_project()), Store(clickhouse, next_project())
    await store.tell(*town.events)
    await stranger.tell(*town.events[:5])
    await store.know(1, town.ties, {root: {"plan": plan} for root, plan in town.plans.items()})
    await stranger.know(1, {"ann": "bob"}, {"ann": {"plan": "other"}})
    return store


async def assert_behind(store: Store, town: Town, of: Of, persons: set[str]) -> None:
    of.query.CopyFrom(town.request)
    assert await persons_behind(store, of) == sorted(map(person_id, persons))


def sticky(event: EventMatcher, mode: Stickiness.Mode) -> Insight:
    return Insight(stickiness=Stickiness(event=event, mode=mode))


def living(event: EventMatcher) -> Insight:
    return Insight(lifecycle=Lifecycle(event=event))


@given(towns(st.builds(sticky, matchers(), st.sampled_from(Stickiness.Mode.values()))))
@settings(max_examples=20, deadline=None)
async def test_stickiness_agrees_with_a_naive_count(clickhouse: ClickHouse, insights: InsightsService, town: Town) -> None:
    store = await told(clickhouse, town)
    spec = town.request.insight.stickiness

    found = (await insights.query(town.request, call(store))).stickiness.counts

    active: dict[str, set[object]] = {}
    for event in town.in_range(spec.event, only_persons=True):
        active.setdefault(event.distinct_id, set()).add(label_of(town.request.granularity, town.zone)(event.at))
    behind = [
        {
            who
            for who, labels in active.items()
            if len(labels) == number or (spec.mode == Stickiness.MODE_CUMULATIVE and len(labels) > number)
        }
        for number in range(1, len(town.labels()) + 1)
    ]
    assert list(found) == list(map(len, behind))
    for number, persons in islice(enumerate(behind, start=1), 6):
        await assert_behind(store, town, Of(stickiness=Of.OfStickiness(buckets=number)), persons)


@given(towns(st.builds(living, matchers())))
@settings(max_examples=20, deadline=None)
async def test_lifecycle_agrees_with_a_naive_count_and_its_states_add_up(
    clickhouse: ClickHouse, insights: InsightsService, town: Town
) -> None:
    store = await told(clickhouse, town)

    response = await insights.query(town.request, call(store))

    found = response.lifecycle
    expected = states_of(town)
    assert [
        label_of(town.request.granularity, town.zone)(max(bucket.start.ToDatetime(UTC), town.start)) for bucket in found.buckets
    ] == town.labels()
    assert [list(found.new), list(found.returning), list(found.resurrecting), [-one for one in found.dormant]] == [
        [len(states[state]) for states in expected] for state in range(1, 5)
    ]
    assert_adds_up(town, response)
    cells = [(place, state, persons) for place, states in enumerate(expected) for state, persons in states.items()]
    for place, state, persons in islice(sorted(cells, key=lambda cell: -len(cell[2])), 8):
        of = Of.OfLifecycle(bucket=found.buckets[place].start, state=Of.OfLifecycle.State.Name(state))
        await assert_behind(store, town, Of(lifecycle=of), persons)


def active_in(town: Town) -> tuple[set[str], list[set[str]]]:
    """Who is active in the bucket before the first, and in each."""
    of, events = label_of(town.request.granularity, town.zone), town.matching(town.request.insight.lifecycle.event, only_persons=True)
    inside = [e for e in events if e.at >= town.start]
    return {e.distinct_id for e in events if of(e.at) == town.label_before()}, [
        {e.distinct_id for e in inside if of(e.at) == label} for label in town.labels()
    ]


def states_of(town: Town) -> list[dict[int, set[str]]]:
    of, (before, active) = label_of(town.request.granularity, town.zone), active_in(town)
    first: dict[str, datetime] = {}
    for event in town.matching(town.request.insight.lifecycle.event, only_persons=True):
        first[event.distinct_id] = min(event.at, first.get(event.distinct_id, event.at))
    expected: list[dict[int, set[str]]] = []
    for label, then, now in zip(town.labels(), [before, *active], active, strict=False):
        new = {who for who in now if first[who] >= town.start and of(first[who]) == label}
        expected.append({1: new, 2: now & then, 3: now - then - new, 4: then - now})
    return expected


def assert_adds_up(town: Town, response: QueryResponse) -> None:
    before, active = active_in(town)
    found = response.lifecycle
    for then, now, new, returning, resurrecting, dormant in zip(
        [before, *active], active, found.new, found.returning, found.resurrecting, found.dormant, strict=False
    ):
        assert len(now) == new + returning + resurrecting
        assert len(then) - returning == -dormant


@st.composite
def rankings(draw: st.DrawFn) -> Insight:
    dimension = draw(st.sampled_from(TopK.Dimension.values()))
    of_property = dimension == TopK.DIMENSION_PROPERTY
    spec = TopK(
        dimension=TopK.Dimension.Name(dimension),
        property="plan" if of_property else "",
        source=draw(st.sampled_from([Source.SOURCE_EVENT, Source.SOURCE_PERSON])) if of_property else Source.SOURCE_UNSPECIFIED,
        scope=draw(matchers()),
        metric=Metric(kind=Metric.Kind.Name(draw(st.sampled_from(RANKED))), property="n"),
        limit=draw(st.integers(0, 4)),
        omit_others=draw(st.booleans()),
    )
    return Insight(top_k=spec)


@given(towns(rankings()))
@settings(max_examples=30, deadline=None)
async def test_top_k_agrees_with_a_naive_count(clickhouse: ClickHouse, insights: InsightsService, town: Town) -> None:
    store = await told(clickhouse, town)

    found = (await insights.query(town.request, call(store))).top_k.rows

    expected, sessions = rows_of(town), sessions_of(town.events)
    assert [label_of_row(row) for row in found] == [label for label, _ in expected]
    for row, (label, events) in zip(found, expected, strict=True):
        assert math.isclose(row.metric, metric_of(town.request.insight.top_k.metric.kind, sessions, events), rel_tol=1e-12)
        if row.HasField("person"):
            assert (row.person.id, person_id(row.person.distinct_id)) == (row.value, row.value)
            assert dict(row.person.traits.items()) == ({"plan": plan} if (plan := town.plans.get(row.person.distinct_id)) else {})
        persons = {e.distinct_id for e in events if town.request.insight.include_cookieless or not e.distinct_id.startswith("cookieless-")}
        of = Of.OfTopK(value=label if isinstance(label, str) else "", absent=label is None, others=label is True)
        await assert_behind(store, town, Of(top_k=of), persons)


def label_of_row(row: TopKResult.Row) -> str | bool | None:
    """True for the others."""
    assert not (row.value and (row.absent or row.others))
    return True if row.others else None if row.absent else row.value


def rows_of(town: Town) -> list[tuple[str | bool | None, Sequence[Happening]]]:
    spec = town.request.insight.top_k
    labelled: Mapping[int, Callable[[Happening], str | None]] = {
        TopK.DIMENSION_PROPERTY: lambda e: text_of(
            town.plans.get(e.distinct_id) if spec.source == Source.SOURCE_PERSON else e.properties["plan"]
        ),
        TopK.DIMENSION_PERSON: lambda e: person_id(e.distinct_id),
    }
    of_persons = spec.dimension == TopK.DIMENSION_PERSON or spec.metric.kind in (Metric.KIND_PERSONS, Metric.KIND_PER_PERSON)
    groups: dict[str | None, list[Happening]] = {}
    sessions = sessions_of(town.events)
    for event in town.in_range(spec.scope, only_persons=of_persons):
        groups.setdefault(labelled.get(spec.dimension, lambda e: e.name)(event), []).append(event)
    ranked = sorted(groups.items(), key=lambda group: (-metric_of(spec.metric.kind, sessions, group[1]), group[0] is None, group[0] or ""))
    limit = spec.limit or 10
    rest = [event for _, events in ranked[limit:] for event in events]
    return [*ranked[:limit], *([(True, rest)] if rest and not spec.omit_others else [])]
