"""Retention on the real engine against a naive count in Python, written from what the numbers mean rather than from the SQL."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby, pairwise
from random import Random
from typing import cast
from zoneinfo import ZoneInfo

from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.instruments import Instruments
from core.sql import Sql, sql, texts
from pug.insights.v1.breakdown_pb2 import Cell as CellMessage
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest
from pug.insights.v1.retention_pb2 import RetentionResult
from services.insights.engine import answer
from services.insights.hints import Hints
from services.insights.kinds import retention
from services.insights.limits import QueryLimits, limited
from services.insights.patterns import KnownPatterns
from services.insights.result_cache import Result
from services.insights.scope import scope_of
from services.insights.turns import AtOnce, Turns
from services.insights.watch import QueryWatch
from services.rpc.call import Project
from story import Happening, Store, next_project

from .test_trends_oracle import call

# Around changes of the clocks of the zones below, a skipped day, a plain week, and a time before the epoch.
AROUND = [
    datetime(*day, tzinfo=UTC)
    for day in ((2025, 10, 26), (2026, 3, 29), (2025, 11, 2), (2026, 4, 5), (2018, 11, 4), (2011, 12, 30), (2026, 1, 8), (1969, 12, 30))
]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata")
# A period, and the longest range asked about.
LENGTHS = {
    "PERIOD_HOUR": (timedelta(hours=1), timedelta(hours=9)),
    "PERIOD_DAY": (timedelta(days=1), timedelta(days=7)),
    "PERIOD_WEEK": (timedelta(days=7), timedelta(days=30)),
    "PERIOD_MONTH": (timedelta(days=30), timedelta(days=80)),
}
IDS = ("ann", "ann-too", "bob", "cid", "dan", "cookieless-a")
NAMES = ("join", "use")
# Midnights and full hours of all these zones are at full half hours of UTC.
STEP = timedelta(minutes=30)
MILLISECOND = timedelta(milliseconds=1)
LIMITS = QueryLimits(timedelta(seconds=30), 2 * 2**30)

Cell = tuple[str | None, ...]


@dataclass(frozen=True)
class Asked:
    events: list[Happening]
    spec: Mapping[str, object]
    zone: str
    sunday: bool
    cookieless: bool
    tied: bool
    start: datetime
    end: datetime
    now: datetime

    @property
    def request(self) -> QueryRequest:
        return ParseDict(
            {
                "insight": {"retention": self.spec, "includeCookieless": self.cookieless},
                "timeRange": {"from": self.start.isoformat(), "to": self.end.isoformat()},
                "timeZone": self.zone,
                "weekStart": "WEEK_START_SUNDAY" if self.sunday else "WEEK_START_MONDAY",
                # Not used, and far too fine for most of these ranges.
                "granularity": "GRANULARITY_MINUTE",
            },
            QueryRequest(),
        )

    @property
    def length(self) -> timedelta:
        return LENGTHS[str(self.spec["period"])][0]

    @property
    def spans(self) -> list[range]:
        """The periods of each count after the size."""
        if self.spec["mode"] != "MODE_BRACKETS":
            return [range(period, period + 1) for period in range(1, of_int(self.spec["periods"]) + 1)]
        edges = [1]
        for length in of_ints(self.spec["brackets"]):
            edges.append(edges[-1] + length)
        return [range(first, after) for first, after in pairwise(edges)]

    def person(self, distinct_id: str) -> str:
        return "ann" if self.tied and distinct_id == "ann-too" else distinct_id


@dataclass(frozen=True)
class Entry:
    person: str
    cohort: int
    start: datetime
    cell: Cell
    # Which of the spans they returned in.
    returned: frozenset[int]


@dataclass(frozen=True)
class Counted:
    """What the answer should say of a cohort, and who is behind each count."""

    size: int
    persons: list[set[str]]
    complete: int


def of_int(value: object) -> int:
    assert isinstance(value, int)
    return value


def of_ints(value: object) -> list[int]:
    return [of_int(one) for one in cast("list[object]", value)]


@st.composite
def specs(draw: st.DrawFn) -> Mapping[str, object]:
    free: Mapping[str, object] = {"property": "plan", "op": "OP_IS_NOT", "values": ["pro"]}
    matchers = st.fixed_dictionaries({"name": st.sampled_from(["join", "use", ""]), "filters": st.sampled_from([[], [], [free]])})
    mode = draw(st.sampled_from(["MODE_ON", "MODE_ON_OR_AFTER", "MODE_BRACKETS"]))
    brackets = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)) if mode == "MODE_BRACKETS" else []
    return {
        "start": draw(matchers),
        **({"return": draw(matchers)} if draw(st.booleans()) else {}),
        "period": draw(st.sampled_from(list(LENGTHS))),
        "periods": 0 if brackets else draw(st.integers(1, 5)),
        "clock": draw(st.sampled_from(["CLOCK_CALENDAR", "CLOCK_ROLLING"])),
        "entry": draw(st.sampled_from(["ENTRY_FIRST_IN_RANGE", "ENTRY_FIRST_EVER", "ENTRY_RECURRING"])),
        "mode": mode,
        "brackets": brackets,
        "minimum": draw(st.sampled_from([0, 1, 2, 3])),
        "breakdowns": [{"property": key} for key in draw(st.sampled_from([(), ("plan",), ("plan", "os")]))],
        "breakdownLimit": draw(st.integers(0, 3)),
        "simpleMean": draw(st.booleans()),
    }


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    spec = draw(specs())
    period, longest = LENGTHS[str(spec["period"])]
    start = draw(st.sampled_from(AROUND)) + timedelta(minutes=draw(st.integers(-300, 300)))
    end = start + timedelta(minutes=draw(st.integers(1, longest // timedelta(minutes=1))))
    inside = st.integers(0, (end - start) // MILLISECOND - 1).map(lambda ms: start + ms * MILLISECOND)
    anchors = [*draw(st.lists(inside, min_size=1, max_size=3)), start, end]
    moments = st.builds(
        moment,
        st.sampled_from(anchors),
        st.just(period),
        st.integers(-2, 7),
        st.sampled_from([-1, 0, 0, 0, 1]),
        st.sampled_from([0, 0, 1, 3, 5]),
    )
    # Few of them, so that a person does much at once.
    pool = draw(st.lists(moments, min_size=3, max_size=12))
    happenings = st.builds(
        Happening,
        name=st.sampled_from(NAMES),
        distinct_id=st.sampled_from(IDS),
        at=st.sampled_from(pool),
        properties=st.fixed_dictionaries({"plan": st.sampled_from(["pro", "free", "", None]), "os": st.sampled_from(["mac", None])}),
        event_id=st.uuids().map(str),
    )
    return Asked(
        events=draw(
            st.sampled_from([0, 10, 30, 40]).flatmap(lambda least: st.lists(happenings, min_size=least, max_size=50, unique_by=event_id))
        ),
        spec=spec,
        zone=draw(st.sampled_from(ZONES)),
        sunday=draw(st.booleans()),
        cookieless=draw(st.booleans()),
        tied=draw(st.booleans()),
        start=start,
        end=end,
        now=end + draw(st.integers(-5, 12)) * period + timedelta(minutes=draw(st.integers(-90, 90))),
    )


def event_id(happening: Happening) -> str:
    return happening.event_id


def moment(anchor: datetime, period: timedelta, periods: int, jitter: int, aside: int) -> datetime:
    """Whole periods apart, to the millisecond or almost, or somewhere between: also before the range and after all periods."""
    found = anchor + periods * period + jitter * MILLISECOND + aside * period / 7
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


@given(questions(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
async def test_retention_agrees_with_a_naive_count_and_lists_the_persons_behind_every_number(
    clickhouse: ClickHouse, asked: Asked, random: Random
) -> None:
    store, stranger = Store(clickhouse, next_project()), Store(clickhouse, next_project())
    await store.tell(*random.sample(asked.events, len(asked.events)))
    await stranger.tell(*asked.events[:5])
    if asked.tied:
        await clickhouse.command(
            f"INSERT INTO person_ties (project_id, distinct_id, root, version) VALUES ({store.project_id}, 'ann-too', 'ann', 1)"
        )
        await clickhouse.command(f"INSERT INTO identity_versions VALUES ({store.project_id}, 1)")

    async def ask(query: Sql) -> Result:
        return Result(await clickhouse.query(limited(query, LIMITS, None)), asked.now)

    with QueryWatch(Instruments.none()).question("retention", call(store), asked.request) as question:
        response = await answer(
            asked.request,
            call(store),
            clickhouse=clickhouse,
            now=asked.now,
            hints=Hints(clickhouse, Turns(AtOnce())),
            question=question,
            ask=ask,
            check_patterns=partial(KnownPatterns().check, ask=ask),
        )

    expected = naive(asked)
    assert [cell_of(one.cell) for one in response.retention.series] == [cell for cell, _ in expected]
    for series, (_, cohorts) in zip(response.retention.series, expected, strict=True):
        assert_cohorts(series, cohorts, asked)
    await assert_persons(response.retention, expected, asked, store, random)


def assert_cohorts(series: RetentionResult.Series, cohorts: list[Counted], asked: Asked) -> None:
    found = [(cohort.size, list(cohort.counts), cohort.complete) for cohort in series.cohorts]
    assert found == [(one.size, [len(persons) for persons in one.persons], one.complete) for one in cohorts]
    mean = mean_of(cohorts, simple=asked.spec["simpleMean"] is True)
    assert len(series.mean) == len(mean)
    assert all(math.isclose(one, other, rel_tol=1e-12) for one, other in zip(series.mean, mean, strict=True))


async def assert_persons(
    found: RetentionResult, expected: list[tuple[Cell | str, list[Counted]]], asked: Asked, store: Store, random: Random
) -> None:
    numbers = [
        (series.cell, cohort, place, cohorts[number].persons[place])
        for series, (_, cohorts) in zip(found.series, expected, strict=True)
        for number, cohort in enumerate(series.cohorts)
        for place in range(len(cohort.counts))
    ]
    of_somebody = [number for number in numbers if number[3]]
    for cell, cohort, place, persons in random.sample(of_somebody, min(4, len(of_somebody))) + numbers[-1:]:
        of = ListPersonsRequest.OfRetention(cell=cell, cohort=cohort.start, period=place)
        scope = scope_of(asked.request, Project(store.project_id, "UTC"), asked.now, int(asked.tied))
        listed = await store.clickhouse.query(retention.persons(asked.request.insight.retention, of, scope))
        hashes = await store.clickhouse.query(sql("SELECT sipHash64(arrayJoin({ids}))", ids=texts(sorted(persons))))
        assert sorted(listed.rows) == sorted(hashes.rows)


def naive(asked: Asked) -> list[tuple[Cell | str, list[Counted]]]:
    """The tables, each with its cohorts."""
    buckets = buckets_of(asked)
    cohorts = sum(first < asked.end for first, _ in buckets)
    entries = entries_of(asked, buckets)
    cells: dict[Cell, list[Entry]] = {}
    for entry in entries:
        cells.setdefault(entry.cell, []).append(entry)
    if not asked.spec["breakdowns"]:
        cells.setdefault((), [])
    ranked = sorted(
        cells, key=lambda cell: (-len({entry.person for entry in cells[cell]}), [(value is None, value or "") for value in cell])
    )
    limit = of_int(asked.spec["breakdownLimit"]) or 10
    tables: list[tuple[Cell | str, list[Entry]]] = [(cell, cells[cell]) for cell in ranked[:limit]]
    if rest := [entry for cell in ranked[limit:] for entry in cells[cell]]:
        tables.append(("others", rest))
    return [(cell, [cohort_of(number, table, asked, buckets) for number in range(cohorts)]) for cell, table in tables]


def buckets_of(asked: Asked) -> list[tuple[datetime, datetime]]:
    """Where the buckets from that of the range's start on begin and end."""
    around = timedelta(days=40)
    began = asked.start.replace(minute=0, second=0, microsecond=0) - around
    steps = (asked.end + around + 16 * max(asked.length, timedelta(days=1)) * 2 - began) // STEP
    instants = [began + step * STEP for step in range(steps)]
    firsts = [next(group) for _, group in groupby(instants, lambda instant: label_of(instant, asked))]
    return [(first, after) for first, after in pairwise(firsts) if after > asked.start]


def label_of(instant: datetime, asked: Asked) -> object:
    local = instant.astimezone(ZoneInfo(asked.zone))
    match asked.spec["period"]:
        case "PERIOD_HOUR":
            return local.timetuple()[:4], local.utcoffset()
        case "PERIOD_DAY":
            return local.date()
        case "PERIOD_WEEK":
            return (local.date() - date(2026, 3, 1 if asked.sunday else 2)).days // 7
        case _:
            return local.year, local.month


def entries_of(asked: Asked, buckets: list[tuple[datetime, datetime]]) -> list[Entry]:
    counted = [e for e in asked.events if asked.cookieless or not e.distinct_id.startswith("cookieless-")]
    in_order = sorted(counted, key=lambda e: (e.at, e.event_id))
    entries: list[Entry] = []
    for person in {asked.person(e.distinct_id) for e in in_order}:
        theirs = [e for e in in_order if asked.person(e.distinct_id) == person]
        starts = [e for e in theirs if matches(asked.spec["start"], e) and e.at < asked.end]
        in_range = [e for e in starts if e.at >= asked.start]
        match asked.spec["entry"]:
            case "ENTRY_FIRST_IN_RANGE":
                began = in_range[:1]
            case "ENTRY_FIRST_EVER":
                began = [e for e in starts[:1] if e.at >= asked.start]
            case _:
                began = [next(group) for _, group in groupby(in_range, lambda e: bucket_of(e.at, buckets))]
        entries += [entry_of(person, start, theirs[theirs.index(start) + 1 :], asked, buckets) for start in began]
    return entries


def entry_of(person: str, start: Happening, later: list[Happening], asked: Asked, buckets: list[tuple[datetime, datetime]]) -> Entry:
    cohort = bucket_of(start.at, buckets)
    returns = [e for e in later if matches(asked.spec.get("return", asked.spec["start"]), e)]
    if asked.spec["clock"] == "CLOCK_ROLLING":
        periods = Counter((e.at - start.at) // asked.length for e in returns)
    else:
        periods = Counter(bucket_of(e.at, buckets) - cohort for e in returns)
    enough = {period for period, times in periods.items() if times >= (of_int(asked.spec["minimum"]) or 1)}
    returned = {place for place, span in enumerate(asked.spans) if enough.intersection(span)}
    if asked.spec["mode"] == "MODE_ON_OR_AFTER" and returned:
        returned = set(range(max(returned) + 1))
    breakdowns = asked.request.insight.retention.breakdowns
    cell = tuple(None if (value := start.properties[by.property]) is None else str(value) for by in breakdowns)
    return Entry(person, cohort, start.at, cell, frozenset(returned))


def matches(matcher: object, event: Happening) -> bool:
    assert isinstance(matcher, dict)
    return matcher["name"] in ("", event.name) and not (matcher["filters"] and event.properties["plan"] == "pro")


def bucket_of(instant: datetime, buckets: list[tuple[datetime, datetime]]) -> int:
    return sum(first <= instant for first, _ in buckets) - 1


def cohort_of(number: int, table: Sequence[Entry], asked: Asked, buckets: list[tuple[datetime, datetime]]) -> Counted:
    entries = [entry for entry in table if entry.cohort == number]
    first, after = buckets[number]
    # Nobody's time runs as that of somebody who starts with the cohort and somebody who starts at its end.
    starts = [entry.start for entry in entries] or [max(first, asked.start), min(after, asked.end) - MILLISECOND]

    def begins(period: int) -> datetime:
        return min(starts) + period * asked.length if asked.spec["clock"] == "CLOCK_ROLLING" else buckets[number + period][0]

    def ends(period: int) -> datetime:
        return max(starts) + (period + 1) * asked.length if asked.spec["clock"] == "CLOCK_ROLLING" else buckets[number + period][1]

    everyone = {entry.person for entry in entries}
    returned = [
        {entry.person for entry in entries if place in entry.returned}
        for place, span in enumerate(asked.spans)
        if begins(span[0]) <= asked.now
    ]
    can_come_until = [ends(asked.spans[-1][-1] if asked.spec["mode"] == "MODE_ON_OR_AFTER" else span[-1]) for span in asked.spans]
    complete = 1 + sum(until <= asked.now for until in can_come_until) if min(after, asked.end) <= asked.now else 0
    return Counted(len(entries), [everyone, *returned], complete)


def mean_of(cohorts: list[Counted], *, simple: bool) -> list[float]:
    means = [1.0]
    for place in range(1, max(len(cohort.persons) for cohort in cohorts)):
        over = [(len(cohort.persons[place]), cohort.size) for cohort in cohorts if cohort.size and cohort.complete > place]
        if over and simple:
            means.append(sum(count / size for count, size in over) / len(over))
        elif over:
            means.append(sum(count for count, _ in over) / sum(size for _, size in over))
    return means


def cell_of(cell: CellMessage) -> Cell | str:
    return "others" if cell.others else tuple(None if value.absent else value.value for value in cell.values)
