"""The lines of Trends and Segmentation counted naively in Python, written from what the numbers mean rather than from the SQL."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from string import ascii_uppercase
from typing import cast
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from naive_sessions import sessions_of
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.breakdown_pb2 import Cell as CellMessage
from pug.insights.v1.filter_pb2 import EventMatcher, Filter
from pug.insights.v1.insights_pb2 import Compare, Granularity, Meta, QueryRequest, TimeRange
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends
from story import Happening

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
TRAILING = {Metric.KIND_ACTIVE_7D: timedelta(days=7), Metric.KIND_ACTIVE_30D: timedelta(days=30)}
OF_PERSONS = (Metric.KIND_PERSONS, Metric.KIND_PER_PERSON, *TRAILING)
# Of each, who is counted is as many as the number says.
COUNTING = (Metric.KIND_PERSONS, *TRAILING)
ADDING_UP = (Metric.KIND_TOTAL, Metric.KIND_SUM, Metric.KIND_PERSONS, Metric.KIND_SESSIONS)
FORMULAS: Mapping[str, Callable[[float, float], float]] = {
    "(A)": lambda a, _: a,
    "-(A + 2) × A": lambda a, _: -(a + 2) * a,
    "100 * A / B": lambda a, b: 100 * a / b if b else 0,
    "B − A ÷ 2": lambda a, b: b - a / 2,
}

Cell = tuple[str | None, ...] | str
OTHERS = "others"


@dataclass(frozen=True)
class Asked:
    """A question as both insights ask it, over events; the buckets lie between the edges."""

    events: list[Happening]
    request: QueryRequest
    zone: ZoneInfo
    series: list[Trends.Series]
    formulas: list[Trends.Formula]
    breakdowns: list[Breakdown]
    limit: int
    edges: list[datetime]
    cumulative: bool = False
    window: int = 1

    def as_one_bucket(self) -> "Asked":
        return replace(self, edges=[self.edges[0], self.edges[-1]])

    def kept(self, one: Trends.Series) -> list[Cell]:
        """The cells of a series, in their order, `others` last."""
        if not self.breakdowns:
            return [()]
        chooser = self.series[0] if self.formulas else one
        largest = self.largest(chooser)
        asking = self.series if self.formulas else [one]
        beyond = any(self.cell(event) not in largest for each in asking for period in self.periods() for event in period.seen(each))
        return [*largest, *([OTHERS] if beyond else [])]

    def largest(self, one: Trends.Series) -> list[Cell]:
        whole = self.as_one_bucket()
        cells = set(map(self.cell, self.seen(one)))
        values = {cell: whole.values(one, lambda event, cell=cell: self.cell(event) == cell)[0] for cell in cells}
        return sorted(cells, key=lambda cell: (-values[cell], [(value is None, value or "") for value in cell]))[: self.limit or 10]

    def line(self, one: Trends.Series, cell: Cell) -> list[float]:
        return self.values(one, self.belongs(one, cell))

    def belongs(self, one: Trends.Series, cell: Cell) -> Callable[[Happening], bool]:
        if cell != OTHERS:
            return lambda event: self.cell(event) == cell
        largest = self.largest(self.series[0] if self.formulas else one)
        return lambda event: self.cell(event) not in largest

    def values(self, one: Trends.Series, belongs: Callable[[Happening], bool]) -> list[float]:
        events = [event for event in self.matching(one) if belongs(event)]
        sessions = sessions_of(self.events)
        return [metric_of(one.metric.kind, sessions, within(events, *stretch)) for stretch in self.stretches(one)]

    def stretches(self, one: Trends.Series) -> list[tuple[datetime, datetime]]:
        """The time that each bucket is about."""
        if back := TRAILING.get(one.metric.kind):
            return [(end - back, end) for end in self.edges[1:]]
        if self.cumulative:
            return [(self.edges[0], end) for end in self.edges[1:]]
        return list(pairwise(self.edges))

    def seen(self, one: Trends.Series) -> list[Happening]:
        return [event for event in self.matching(one) if any(first <= event.at < last for first, last in self.stretches(one))]

    def matching(self, one: Trends.Series) -> list[Happening]:
        matching = [event for event in self.events if one.event.name in ("", event.name)]
        if one.event.filters:
            matching = [event for event in matching if event.properties["plan"] != "pro"]
        return self.counted(matching) if one.metric.kind in OF_PERSONS else matching

    def counted(self, events: Sequence[Happening]) -> list[Happening]:
        """Those of persons."""
        include = self.request.insight.include_cookieless
        return [event for event in events if include or not event.distinct_id.startswith("cookieless-")]

    def cell(self, event: Happening) -> Cell:
        return tuple(text_of(event.properties[by.property]) for by in self.breakdowns)

    def periods(self) -> list["Asked"]:
        return [self, *([self.earlier()] if self.request.HasField("compare") else [])]

    def earlier(self) -> "Asked":
        """The same about the range compared with; which cells are kept is for the later one to say."""
        return replace(self, edges=shifted(self.edges, self.request.compare, self.zone))

    def persons(self, one: Trends.Series, cell: Cell, place: int | None) -> set[str]:
        """Who is behind a bucket of a line, or the whole range."""
        asked, first, last = (self.as_one_bucket(), 0, 0) if place is None else (self, max(0, place - self.window + 1), place)
        stretches = asked.stretches(one)[first : last + 1]
        belongs = self.belongs(one, cell)
        events = [event for event in self.counted(self.matching(one)) if belongs(event) and contributes(one.metric.kind, event)]
        return {event.distinct_id for event in events if any(start <= event.at < end for start, end in stretches)}


def lines(asked: Asked) -> list[tuple[str, Cell, list[float], list[float]]]:
    """Each line's label, cell, values, and values of the range compared with."""
    found: list[tuple[str, Cell, list[float], list[float]]] = []
    for letter, one in zip(ascii_uppercase, asked.series, strict=False):
        for cell in asked.kept(one):
            belongs = asked.belongs(one, cell)
            values = [period.values(one, belongs) for period in asked.periods()]
            found.append((letter, cell, values[0], values[1] if len(values) > 1 else []))
    for formula in asked.formulas:
        for cell in asked.kept(asked.series[0]):
            a, b = [next(line for line in found if line[:2] == (letter, cell)) for letter in ("A", "B" if len(asked.series) > 1 else "A")]
            calculate = FORMULAS[formula.expression]
            main, earlier = [list(map(calculate, one, other)) for one, other in ((a[2], b[2]), (a[3], b[3]))]
            found.append((formula.label or formula.expression, cell, main, earlier))
    return [(label, cell, smoothed(values, asked.window), smoothed(earlier, asked.window)) for label, cell, values, earlier in found]


def smoothed(values: list[float], window: int) -> list[float]:
    return [sum(values[max(0, end - window) : end]) / min(end, window) for end in range(1, len(values) + 1)]


def assert_says_what_it_is(meta: Meta, asked: Asked) -> None:
    """How exact the answer is, and what it compares with."""
    assert meta.exactness == exactness(asked)
    assert meta.HasField("compare_range") == asked.request.HasField("compare")
    if meta.HasField("compare_range"):
        compared = asked.earlier().edges
        assert meta.compare_range == TimeRange(**{"from": compared[0]}, to=compared[-1])


def exactness(asked: Asked) -> Meta.Exactness:
    distinct = (Metric.KIND_PERSONS, Metric.KIND_SESSIONS, Metric.KIND_PER_PERSON)
    estimated = asked.request.approximate and not asked.cumulative and any(one.metric.kind in distinct for one in asked.series)
    return Meta.EXACTNESS_APPROXIMATE if estimated else Meta.EXACTNESS_EXACT


def assert_same(
    found: list[tuple[str, Cell, list[float], list[float]]], expected: list[tuple[str, Cell, list[float], list[float]]]
) -> None:
    assert [line[:2] for line in found] == [line[:2] for line in expected]
    for one, other in zip(found, expected, strict=True):
        for values, counted in zip(one[2:], other[2:], strict=True):
            assert len(values) == len(counted)
            assert all(math.isclose(value, count, rel_tol=1e-9, abs_tol=1e-9) for value, count in zip(values, counted, strict=True))


@st.composite
def questions(draw: st.DrawFn, kinds: Sequence[int] = (*KINDS, *3 * list(TRAILING))) -> Asked:
    grain = draw(st.sampled_from(list(LENGTHS)))
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.sampled_from(AROUND)) + timedelta(minutes=draw(st.integers(-300, 300)))
    end = start + timedelta(minutes=draw(st.integers(1, int(LENGTHS[grain].total_seconds() // 60))))
    series = draw(
        st.lists(st.builds(a_series, st.sampled_from(["a", "b", ""]), st.sampled_from(kinds), st.booleans()), min_size=1, max_size=3)
    )
    fitting = [expression for expression in FORMULAS if "B" not in expression or len(series) > 1]
    request = QueryRequest(
        time_range=TimeRange(**{"from": start}, to=end),
        granularity=grain,
        time_zone=zone,
        approximate=draw(st.booleans()),
        compare=draw(st.none() | st.sampled_from([None, 1, 24 * 60, 7 * 24 * 60, 90 * 60]).map(compare)),
    )
    request.insight.include_cookieless = draw(st.booleans())
    asked = Asked(
        events=[],
        request=request,
        zone=ZoneInfo(zone),
        series=series,
        formulas=[Trends.Formula(expression=one) for one in draw(st.lists(st.sampled_from(fitting), max_size=2))],
        breakdowns=[Breakdown(property=key) for key in draw(st.sampled_from([(), (), ("plan",), ("plan", "$os"), ("$os",), ("n",)]))],
        limit=draw(st.integers(0, 3)),
        edges=edges(start, end, grain, ZoneInfo(zone)),
    )
    return replace(asked, events=draw(st.lists(happenings(asked), max_size=3) | st.lists(happenings(asked), min_size=15, max_size=40)))


def happenings(asked: Asked) -> st.SearchStrategy[Happening]:
    """Events in the range, about its edges and those of the windows that look back, and long before."""
    minute = timedelta(minutes=1)
    start, end = asked.edges[0], asked.edges[-1]
    inside = st.integers(-60_000, int((end - start).total_seconds() * 1000) + 60_000).map(lambda ms: start + timedelta(milliseconds=ms))
    edge = st.sampled_from([edge for period in asked.periods() for edge in period.edges])
    back = st.sampled_from([TRAILING.get(one.metric.kind, timedelta()) for one in asked.series])
    about = st.sampled_from([timedelta(), -timedelta(milliseconds=1)])
    before = st.integers(1, 38 * 24 * 60).map(lambda minutes: start - minutes * minute)
    at_an_edge = st.tuples(edge, back, about).map(lambda drawn: drawn[0] - drawn[1] + drawn[2])
    return st.builds(
        Happening,
        name=st.sampled_from("ab"),
        distinct_id=st.sampled_from([*"abcdefghij", "cookieless-a", "cookieless-b"]),
        at=inside | before | at_an_edge | at_an_edge,
        session_id=st.sampled_from(["", "s1", "s2", "s3"]),
        properties=st.fixed_dictionaries(
            {"plan": st.sampled_from(PLANS), "n": st.sampled_from(NUMBERS), "$os": st.sampled_from(["mac", "win", None])}
        ),
    )


def a_series(name: str, kind: Metric.Kind, only_others: bool) -> Trends.Series:  # noqa: FBT001 - drawn
    pro = Filter(property="plan", op=Filter.OP_IS_NOT)
    pro.values.add(string_value="pro")
    return Trends.Series(event=EventMatcher(name=name, filters=[pro] if only_others else []), metric=Metric(kind=kind, property="n"))


def compare(minutes: int | None) -> Compare:
    return Compare(offset=None if minutes is None else timedelta(minutes=minutes))


def edges(start: datetime, end: datetime, grain: Granularity, zone: ZoneInfo) -> list[datetime]:
    """The start of the range, of every bucket after it, and the end."""
    of = label_of(grain, zone)
    every_minute = [start + timedelta(minutes=step) for step in range(int((end - start).total_seconds() // 60))]
    return [next(minutes) for _, minutes in groupby(every_minute, of)] + [end]


def label_of(grain: Granularity, zone: ZoneInfo) -> Callable[[datetime], object]:
    def label(instant: datetime) -> object:
        local = instant.astimezone(zone)
        match grain:
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


def shifted(edges: list[datetime], compared: Compare, zone: ZoneInfo) -> list[datetime]:
    """By the local clock; by real time where that would leave a bucket without any."""
    clock = [edge.astimezone(zone).replace(tzinfo=None) for edge in edges]
    offset = compared.offset.ToTimedelta() if compared.HasField("offset") else None
    by_clock = [(one - (offset or clock[-1] - clock[0])).replace(tzinfo=zone).astimezone(UTC) for one in clock]
    if all(one < other for one, other in pairwise(by_clock)):
        return by_clock
    return [edge - (offset or edges[-1] - edges[0]) for edge in edges]


def within(events: Sequence[Happening], first: datetime, last: datetime) -> list[Happening]:
    return [event for event in events if first <= event.at < last]


def cell_of(cell: CellMessage) -> Cell:
    return OTHERS if cell.others else tuple(None if value.absent else value.value for value in cell.values)


def contributes(kind: Metric.Kind, event: Happening) -> bool:
    if kind in NUMERIC:
        return number_of(event.properties["n"]) is not None
    return True


def metric_of(kind: Metric.Kind, sessions: Mapping[str, Hashable], events: Sequence[Happening]) -> float:
    persons = len({event.distinct_id for event in events})
    counts: dict[Metric.Kind, float] = {
        Metric.KIND_TOTAL: len(events),
        Metric.KIND_SESSIONS: len({sessions[event.event_id] for event in events}),
        Metric.KIND_PER_PERSON: len(events) / (persons or 1),
        **dict.fromkeys(COUNTING, persons),
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
