"""Funnels on the real engine against a naive count in Python (naive_funnels.py says what they mean)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import id_of_hash, person_id
from naive_funnels import Asked, Attempt, Cell, Excluded, counted, ms, order_of
from naive_sessions import session_values, sessions_of
from pug.insights.v1.breakdown_pb2 import Cell as CellMessage
from pug.insights.v1.filter_pb2 import Source
from pug.insights.v1.funnel_pb2 import FunnelResult
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, WhyNotRequest
from services.insights import kinds
from services.insights.scope import scope_of
from services.insights.service import InsightsService
from services.insights.why_not.reading import Event, asked_of
from services.insights.why_not.verdict import judged
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

# Berlin's clocks change in the middle of it.
START = datetime(2026, 3, 28, 20, tzinfo=UTC)
END = START + timedelta(hours=30)
ZONE = ZoneInfo("Europe/Berlin")
JSON = Mapping[str, object]
EDGES = [30, 120, 300, 900, 3_600, 6 * 3_600, 86_400, 7 * 86_400, math.inf]


def pick(draw: st.DrawFn, *values: object) -> object:
    return draw(st.sampled_from(values))


@dataclass(frozen=True)
class Question:
    events: list[Happening]
    funnel: JSON
    cookieless: bool
    grain: str


def matcher(draw: st.DrawFn) -> JSON:
    name = pick(draw, "a", "a", "b", "b", "c", "d", "")
    if draw(st.integers(0, 3)):
        return {"name": name, "filters": []}
    only = {"property": "plan", "source": source(draw), "op": pick(draw, "OP_IS", "OP_IS_NOT"), "values": ["pro"]}
    return {"name": name, "filters": [only]}


def source(draw: st.DrawFn) -> object:
    return pick(draw, "SOURCE_EVENT", "SOURCE_SESSION")


@st.composite
def questions(draw: st.DrawFn) -> Question:
    order = pick(draw, "ORDER_ORDERED", "ORDER_ORDERED", "ORDER_STRICT", "ORDER_ANY_ORDER")
    count = draw(st.integers(2, 5))
    steps: list[dict[str, object]] = [{"event": matcher(draw)} for _ in range(count)]
    if order != "ORDER_ANY_ORDER":
        for step in steps[1:-1]:
            step["optional"] = draw(st.integers(0, 2)) == 0
    exclusions: list[JSON] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        after = 1 if order == "ORDER_ANY_ORDER" else draw(st.integers(1, count - 1))
        before = count if order == "ORDER_ANY_ORDER" else draw(st.integers(after + 1, count))
        effect = pick(draw, "EFFECT_DROP_PERSON", "EFFECT_CUT_THERE")
        exclusions.append({"event": matcher(draw), "fromStep": after, "toStep": before, "effect": effect})
    attribution = pick(draw, *(f"ATTRIBUTION_{kind}" for kind in ("FIRST_TOUCH", "LAST_TOUCH", "STEP", "ALL_STEPS")))
    funnel: JSON = {
        "steps": steps,
        "order": order,
        "window": f"{draw(st.sampled_from([1, 3, 7, 30])) * 600}s",
        "windowScope": pick(draw, "WINDOW_SCOPE_WHOLE", "WINDOW_SCOPE_WHOLE", "WINDOW_SCOPE_PER_STEP"),
        "exclusions": exclusions,
        "countBy": pick(draw, "COUNT_BY_PERSONS", "COUNT_BY_PERSONS", "COUNT_BY_SESSIONS", "COUNT_BY_TOTALS"),
        "holdConstant": pick(draw, [], [], ["os"], ["os", "n"]),
        "breakdowns": [{"property": key, "source": source(draw)} for key in draw(st.sampled_from([(), ("plan",), ("plan", "os")]))],
        "breakdownLimit": draw(st.integers(0, 3)),
        "attribution": attribution,
        "attributionStep": draw(st.integers(1, count)) if attribution == "ATTRIBUTION_STEP" else 0,
        "timing": draw(st.booleans()),
        "trend": draw(st.booleans()),
    }
    # Many in the same millisecond, many exactly a window apart, some before and after the range.
    ticks = st.integers(-3, 60) | st.sampled_from([0, 0, 1, 2, 180, 179])
    happenings = st.builds(
        Happening,
        name=st.sampled_from("aaabbbccd"),
        distinct_id=st.sampled_from(["ann", "ann", "ann", "ann2", "bob", "cookieless-a"]),
        at=st.builds(moment, ticks, st.sampled_from([0, 0, 0, 1, -1])),
        session_id=st.sampled_from(["", "", "s1", "s2"]),
        properties=st.fixed_dictionaries(
            {
                "plan": st.sampled_from(["pro", "free", None, ""]),
                "os": st.sampled_from(["mac", "win", None]),
                "n": st.sampled_from([1, None, 1]),
            }
        ),
        event_id=st.uuids().map(str),
    )
    events = draw(st.lists(happenings, min_size=draw(st.sampled_from([0, 10, 25])), max_size=40, unique_by=lambda one: one.event_id))
    return Question(events, funnel, draw(st.booleans()), str(pick(draw, "GRANULARITY_HOUR", "GRANULARITY_DAY")))


def moment(tick: int, milliseconds: int) -> datetime:
    return START + timedelta(minutes=10 * tick, milliseconds=milliseconds)


@given(questions())
@settings(max_examples=60, deadline=None)
async def test_funnels_agree_with_a_naive_count_and_their_persons_with_their_numbers(
    clickhouse: ClickHouse, insights: InsightsService, asked: Question
) -> None:
    store, call = await told(clickhouse, asked)
    request = request_of(asked)

    series = (await insights.query(request, call)).funnel.series

    chosen = counted(asked.events, meant(asked))
    expected = in_cells(chosen, asked)
    assert [cell_of(one.cell) for one in series] == [cell for cell, _ in expected]
    for one, (_, attempts) in zip(series, expected, strict=True):
        assert_steps(one, attempts, asked)
        assert_trend(one, attempts, asked)
        await assert_persons(one, attempts, asked, request, store)


async def told(clickhouse: ClickHouse, asked: Question) -> tuple[Store, Call]:
    store = Store(clickhouse, next_project())
    await store.tell(*asked.events)
    await clickhouse.command(
        f"INSERT INTO person_ties (project_id, distinct_id, root, version) VALUES ({store.project_id}, 'ann2', 'ann', 1)"
    )
    await clickhouse.command(f"INSERT INTO identity_versions VALUES ({store.project_id}, 1)")
    return store, Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")


def request_of(asked: Question) -> QueryRequest:
    insight = {"funnel": asked.funnel, "includeCookieless": asked.cookieless}
    time_range = {"from": START.isoformat(), "to": END.isoformat()}
    query = {"insight": insight, "timeRange": time_range, "granularity": asked.grain, "timeZone": ZONE.key}
    return ParseDict(query, QueryRequest())


def meant(asked: Question) -> Asked:
    funnel = ParseDict(dict(asked.funnel), QueryRequest().insight.funnel)
    sessions = sessions_of(asked.events)
    of_sessions = {key: session_values(asked.events, key) for key in ("plan", "os")}

    def matches(event: object) -> "Matches":
        return Matches(cast("JSON", event), of_sessions["plan"])

    def cell(event: Happening) -> Cell:
        return tuple(
            text_of(of_sessions[by.property][event.event_id] if by.source == Source.SOURCE_SESSION else event.properties[by.property])
            for by in funnel.breakdowns
        )

    steps = [matches(step["event"]) for step in cast("list[JSON]", asked.funnel["steps"])]
    exclusions = [
        Excluded(matches(one["event"]), cast("int", one["fromStep"]), cast("int", one["toStep"]), one["effect"] == "EFFECT_DROP_PERSON")
        for one in cast("list[JSON]", asked.funnel["exclusions"])
    ]
    of_persons = funnel.count_by == funnel.COUNT_BY_PERSONS and not asked.cookieless
    return Asked(
        steps=steps,
        optional=[step.optional for step in funnel.steps],
        order={funnel.ORDER_STRICT: "strict", funnel.ORDER_ANY_ORDER: "any"}.get(funnel.order, "ordered"),
        window=round(funnel.window.ToTimedelta().total_seconds() * 1000),
        per_step=funnel.window_scope == funnel.WINDOW_SCOPE_PER_STEP,
        exclusions=exclusions,
        count_by={funnel.COUNT_BY_SESSIONS: "sessions", funnel.COUNT_BY_TOTALS: "totals"}.get(funnel.count_by, "persons"),
        left_out=lambda event: of_persons and event.distinct_id.startswith("cookieless-"),
        person=lambda event: "ann" if event.distinct_id == "ann2" else event.distinct_id,
        session=lambda event: sessions[event.event_id],
        held=lambda event: tuple(text_of(event.properties[key]) for key in funnel.hold_constant),
        cell=cell,
        attribution=str(asked.funnel["attribution"]).removeprefix("ATTRIBUTION_").lower().partition("_")[0] if funnel.breakdowns else "",
        attribution_step=funnel.attribution_step,
        start=stamp(START),
        end=stamp(END),
    )


@dataclass(frozen=True)
class Matches:
    event: JSON
    plans: Mapping[str, object]

    def __call__(self, event: Happening) -> bool:
        filters = cast("list[JSON]", self.event["filters"])
        return self.event["name"] in ("", event.name) and all(self._passes(event, one) for one in filters)

    def _passes(self, event: Happening, one: JSON) -> bool:
        plan = self.plans[event.event_id] if one["source"] == "SOURCE_SESSION" else event.properties["plan"]
        return (plan == "pro") == (one["op"] == "OP_IS")


def text_of(value: object) -> str | None:
    return None if value is None else str(value)


def stamp(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def in_cells(chosen: list[Attempt], asked: Question) -> list[tuple[Cell | str, list[Attempt]]]:
    if not asked.funnel["breakdowns"]:
        return [((), chosen)]
    cells: dict[Cell, list[Attempt]] = {}
    for one in chosen:
        cells.setdefault(one.cell, []).append(one)
    ranked = sorted(cells.items(), key=lambda cell: (-len(cell[1]), [(value is None, value or "") for value in cell[0]]))
    limit = cast("int", asked.funnel["breakdownLimit"]) or 10
    rest = [one for _, attempts in ranked[limit:] for one in attempts]
    return [*ranked[:limit], *([("others", rest)] if rest else [])]


def cell_of(cell: CellMessage) -> Cell | str:
    return "others" if cell.others else tuple(None if value.absent else value.value for value in cell.values)


def assert_steps(one: FunnelResult.Series, attempts: Sequence[Attempt], asked: Question) -> None:
    optional = [bool(step.get("optional")) for step in cast("list[JSON]", asked.funnel["steps"])]
    counts = [sum(step in attempt.events for attempt in attempts) for step in range(1, len(optional) + 1)]
    assert [step.count for step in one.steps] == counts
    required = [count for count, may in zip(counts, optional, strict=True) if not may]
    assert required == sorted(required, reverse=True)
    for place, step in enumerate(one.steps):
        assert step.from_first == counts[place] / (counts[0] or 1)
        before = max((other for other in range(place) if not optional[other]), default=0)
        assert step.from_previous == counts[place] / (counts[before] or 1) <= 1
        took = sorted(
            ms(attempt.events[place + 1]) - ms(attempt.events[max(other for other in attempt.events if other <= place)])
            for attempt in attempts
            if place and place + 1 in attempt.events
        )
        assert_timing(step, took if asked.funnel["timing"] else [])


def assert_timing(step: FunnelResult.Step, took: Sequence[int]) -> None:
    assert step.HasField("average") == step.HasField("median") == step.HasField("p95") == bool(took)
    if not took:
        assert not step.histogram
        return
    assert math.isclose(seconds(step.average), sum(took) / len(took) / 1000, abs_tol=1e-6)
    for found, level in ((step.median, 0.5), (step.p95, 0.95)):
        place = level * (len(took) - 1)
        below, above = took[math.floor(place)], took[math.ceil(place)]
        assert math.isclose(seconds(found), (below + (above - below) * (place % 1)) / 1000, abs_tol=1e-6)
    assert [bin_.HasField("upper") for bin_ in step.histogram] == [True] * 8 + [False]
    bars = [0] * 9
    for one in took:
        bars[next(place for place, edge in enumerate(EDGES) if one / 1000 <= edge)] += 1
    assert [bin_.count for bin_ in step.histogram] == bars
    assert [seconds(bin_.upper) for bin_ in step.histogram[:-1]] == EDGES[:-1]


def seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def assert_trend(one: FunnelResult.Series, attempts: Sequence[Attempt], asked: Question) -> None:
    if not asked.funnel["trend"]:
        assert not one.trend
        return
    entries = [attempt.events[1].at.astimezone(ZONE) for attempt in attempts]
    last = len(cast("list[JSON]", asked.funnel["steps"]))
    for entry in one.trend:
        start = entry.start.ToDatetime(UTC).astimezone(ZONE)
        inside = [attempt for attempt, at in zip(attempts, entries, strict=True) if label(at, asked) == label(start, asked)]
        assert (entry.entered, entry.converted) == (len(inside), sum(last in attempt.events for attempt in inside))
    assert sum(entry.entered for entry in one.trend) == len(attempts)


def label(at: datetime, asked: Question) -> object:
    return (at.date(), at.hour, at.utcoffset()) if asked.grain == "GRANULARITY_HOUR" else at.date()


async def assert_persons(
    one: FunnelResult.Series, attempts: Sequence[Attempt], asked: Question, request: QueryRequest, store: Store
) -> None:
    scope = scope_of(request, Project(store.project_id, "UTC"), END, 1)
    optional = [bool(step.get("optional")) for step in cast("list[JSON]", asked.funnel["steps"])]
    step = len(attempts) % len(optional) + 1
    bucket = next((entry.start for entry in one.trend if entry.entered), None)
    for dropped in (False, *([True] if step > 1 else [])):
        of = ListPersonsRequest.OfFunnel(cell=one.cell, step=step, dropped=dropped, entered=bucket)
        found = await store.clickhouse.query(kinds.persons(ListPersonsRequest(query=request, funnel=of), scope))
        before = max((other for other in range(1, step) if not optional[other - 1]), default=1)
        behind = [
            attempt
            for attempt in attempts
            if (step in attempt.events) != dropped
            and (not dropped or before in attempt.events)
            and (
                bucket is None
                or label(attempt.events[1].at.astimezone(ZONE), asked) == label(bucket.ToDatetime(UTC).astimezone(ZONE), asked)
            )
        ]
        assert len(found.rows) == len({attempt.person for attempt in behind})


def of_persons(asked: Question) -> Question:
    """Without breakdowns that don't matter to how far somebody came."""
    kept = asked.funnel["attribution"] == "ATTRIBUTION_ALL_STEPS"
    return replace(asked, funnel={**asked.funnel, "breakdowns": asked.funnel["breakdowns"] if kept else []})


@given(questions().map(of_persons))
@settings(max_examples=20, deadline=None)
async def test_who_is_asked_why_not_came_as_far_as_the_funnel_lists_them(
    clickhouse: ClickHouse, insights: InsightsService, asked: Question
) -> None:
    store, call = await told(clickhouse, asked)
    request = request_of(asked)
    attempts = counted(asked.events, meant(asked))
    steps = None if asked.funnel["breakdowns"] else await listed(request, store)

    for distinct_id, person in (("ann2", "ann"), ("bob", "bob"), ("cookieless-a", "cookieless-a"), ("nobody", "nobody")):
        found = await insights.why_not(WhyNotRequest(query=request, distinct_id=distinct_id), call)

        assert_came(found.reached, {one.event_id for one in found.events if one.fills}, [one for one in attempts if one.person == person])
        assert (found.reached == len(request.insight.funnel.steps)) == (found.rule == found.RULE_CONVERTED) == (found.stopped_at == 0)
        assert found.explanation
        assert steps is None or found.reached == max((step for step, ids in enumerate(steps, 1) if person_id(person) in ids), default=0)


@given(questions().map(of_persons))
@settings(max_examples=600, deadline=None)
def test_verdict_agrees_with_a_naive_count(asked: Question) -> None:
    request, naive = request_of(asked), meant(asked)
    funnel = asked_of(request.insight.funnel, scope_of(request, Project(1, "UTC"), END))
    attempts = counted(asked.events, naive)

    for person in ("ann", "bob", "cookieless-a"):
        found = judged(as_read(asked.events, person, naive), funnel)

        filled = set(found.attempt.fills) if found.attempt else set[str]()
        assert_came(found.reached, filled, [one for one in attempts if one.person == person])


def assert_came(reached: int, filled: set[str], theirs: list[Attempt]) -> None:
    """As far as the attempts of theirs that count, by the events of one of them."""
    assert reached == max((step for one in theirs for step in one.events), default=0)
    furthest = [{event.event_id for event in one.events.values()} for one in theirs if max(one.events) == reached]
    assert not theirs or filled in furthest


def as_read(events: list[Happening], person: str, naive: Asked) -> list[Event]:
    """The events as they are read of a person, with those of all others."""
    numbers: dict[object, int] = {}

    def number(of: object) -> int:
        return numbers.setdefault(of, len(numbers))

    return [
        Event(
            mine=naive.person(one) == person,
            person=number(naive.person(one)),
            ms=ms(one),
            event_id=one.event_id,
            name=one.name,
            distinct_id=one.distinct_id,
            session=number(naive.session(one)) if naive.count_by == "sessions" else 0,
            common=(*naive.held(one), *(naive.cell(one) if naive.attribution == "all" else ())),
            steps=sum(1 << place for place, step in enumerate(naive.steps) if step(one)),
            exclusions=sum(1 << place for place, exclusion in enumerate(naive.exclusions) if exclusion.matches(one)),
        )
        for one in sorted(events, key=order_of)
        if ms(one) >= naive.start and not naive.left_out(one)
    ]


async def listed(request: QueryRequest, store: Store) -> list[set[str]]:
    """The ids of the persons at each step of the funnel."""
    scope = scope_of(request, Project(store.project_id, "UTC"), END, 1)
    persons: list[set[str]] = []
    for step in range(1, len(request.insight.funnel.steps) + 1):
        of = ListPersonsRequest.OfFunnel(step=step)
        found = await store.clickhouse.query(kinds.persons(ListPersonsRequest(query=request, funnel=of), scope))
        persons.append({id_of_hash(cast("int", row[0])) for row in found.rows})
    return persons
