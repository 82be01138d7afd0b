"""Flows on the real engine against a naive count in Python, written from what the numbers mean rather than from the SQL."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import groupby, pairwise
from typing import cast
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.sql import sql, unsigned
from naive_sessions import followed, sessions_of
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup
from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryRequest, TimeRange
from services.insights import kinds
from services.insights.scope import scope_of
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
END = START + timedelta(hours=8)
PAGES = ("/a", "/b/1", "/b/2", "", None)
# Some ids are one person.
PERSONS = {"ann": "ann", "ann-at-work": "ann", "bob": "bob", "cookieless-a": "cookieless-a"}
LABELS = ["", "a", "b", "c", "/a", "/b/1", "B"]


@dataclass(frozen=True)
class Asked:
    events: list[Happening]
    request: QueryRequest

    @property
    def spec(self) -> Flow:
        return self.request.insight.flow


@dataclass(frozen=True)
class Path:
    """What is shown of a path: what it is counted by, who is in it, and its hops from a number on."""

    unit: Hashable
    persons: set[str]
    labels: list[str]
    first: int

    def hops(self) -> list[tuple[int, str]]:
        return list(enumerate(self.labels, self.first))


Node = tuple[int, str | None]


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    minutes = st.integers(-12, 60).map(lambda step: START + step * timedelta(minutes=10))
    happenings = st.builds(
        Happening,
        name=st.sampled_from("aabc"),
        distinct_id=st.sampled_from(list(PERSONS)),
        at=st.builds(shifted, minutes, st.sampled_from([0, 0, 0, 0, -1, 1])),
        session_id=st.sampled_from(["", "", "s1", "s2"]),
        properties=st.fixed_dictionaries({"page": st.sampled_from(PAGES)}),
        event_id=st.uuids().map(str),
    )
    unit = draw(st.sampled_from([Flow.UNIT_SESSION, Flow.UNIT_PERSON]))
    spec = Flow(
        unit=unit,
        node=draw(st.sampled_from([Flow.NODE_EVENT_NAME, Flow.NODE_PROPERTY])),
        property="page",
        groups=[Flow.Group(pattern="/b/*", label="B"), Flow.Group(pattern="?")] if draw(st.booleans()) else [],
        start=draw(st.sampled_from(LABELS)),
        end=draw(st.sampled_from(LABELS)),
        scope=EventMatcher(name=draw(st.sampled_from(["", "", "a"]))),
        max_hops=draw(st.integers(0, 4)),
        max_nodes=draw(st.integers(0, 3)),
        max_links=draw(st.sampled_from([0, 0, 2])),
        link_value=draw(st.sampled_from([Flow.LINK_VALUE_UNITS, Flow.LINK_VALUE_TRANSITIONS])),
        keep_repeats=draw(st.booleans()),
    )
    if unit == Flow.UNIT_PERSON and draw(st.booleans()):
        spec.gap.FromTimedelta(timedelta(minutes=10))
    on_a_page = Filter(property="page", op=Filter.OP_IS_SET)
    request = QueryRequest(
        insight=Insight(
            flow=spec,
            filters=FilterGroup(filters=[on_a_page] if draw(st.booleans()) else []),
            include_cookieless=draw(st.booleans()),
        ),
        time_range=TimeRange(**{"from": START}, to=END),
    )
    return Asked(draw(st.lists(happenings, min_size=10, max_size=50, unique_by=lambda one: one.event_id)), request)


def shifted(at: datetime, milliseconds: int) -> datetime:
    return at + timedelta(milliseconds=milliseconds)


@given(questions())
@settings(max_examples=30, deadline=None)
async def test_flows_agree_with_a_naive_count_and_so_do_the_persons_behind_each_number(
    clickhouse: ClickHouse, insights: InsightsService, asked: Asked
) -> None:
    store = Store(clickhouse, next_project())
    await store.tell(*asked.events[::2])
    await store.tell(*asked.events[1::2])
    await tie(store)

    response = await insights.query(asked.request, Call(Credential("key", project(store), frozenset({Scope.READ})), "request"))

    found = response.flow
    passing, leading = counted(asked)
    nodes = {node.id: (node.hop, None if node.others else node.label) for node in found.nodes}
    limit = asked.spec.max_links or 200
    assert {nodes[node.id]: node.value for node in found.nodes} == {node: value(asked, paths) for node, paths in passing.items()}
    assert [(one.hop, one.others, -one.value) for one in found.nodes] == sorted((one.hop, one.others, -one.value) for one in found.nodes)
    every_link = {link: value(asked, paths) for link, paths in leading.items()}
    assert {(nodes[link.source], nodes[link.target]): link.value for link in found.links}.items() <= every_link.items()
    assert [link.value for link in found.links] == sorted(every_link.values(), reverse=True)[:limit]
    for node in found.nodes:
        assert await behind(store, asked, ListPersonsRequest.OfFlow(source=node.id)) == who(passing[nodes[node.id]])
    for link in found.links[:5]:
        of = ListPersonsRequest.OfFlow(source=link.source, target=link.target)
        persons = await behind(store, asked, of)
        assert persons == who(leading[nodes[link.source], nodes[link.target]])
        assert counts_paths(asked) or len(persons) == link.value


def project(store: Store) -> Project:
    return Project(store.project_id, "UTC")


async def tie(store: Store) -> None:
    """Make one person of some ids, as of version 1."""
    for distinct_id, root in PERSONS.items():
        if distinct_id != root:
            await store.clickhouse.command(
                "INSERT INTO person_ties (project_id, distinct_id, root, version)"
                f" VALUES ({store.project_id}, '{distinct_id}', '{root}', 1)"
            )
    await store.clickhouse.command(f"INSERT INTO identity_versions VALUES ({store.project_id}, 1)")


def counted(asked: Asked) -> tuple[dict[Node, list[Path]], dict[tuple[Node, Node], list[Path]]]:
    """The paths that pass each node and each link."""
    paths = paths_of(asked)
    times = Counter(label for path in paths for label in path.labels)
    kept = sorted(times, key=lambda label: (-times[label], label))[: asked.spec.max_nodes or 20]
    passing: dict[Node, list[Path]] = defaultdict(list)
    leading: dict[tuple[Node, Node], list[Path]] = defaultdict(list)
    for path in paths:
        nodes = [(hop, label if label in kept else None) for hop, label in path.hops()]
        for node in nodes:
            passing[node].append(path)
        for source, target in pairwise(nodes):
            leading[source, target].append(path)
    return passing, leading


def counts_paths(asked: Asked) -> bool:
    return asked.spec.unit == Flow.UNIT_SESSION or asked.spec.link_value == Flow.LINK_VALUE_TRANSITIONS


def value(asked: Asked, paths: Sequence[Path]) -> int:
    return len(paths) if counts_paths(asked) else len({path.unit for path in paths})


def who(paths: Sequence[Path]) -> set[str]:
    return {person for path in paths for person in path.persons}


def paths_of(asked: Asked) -> list[Path]:
    shown: list[Path] = []
    for unit, events in wholes(asked):
        hops = [(one, label) for one in events if (label := label_of(one, asked)) is not None]
        labels = cut([label for _, label in hops], asked.spec)
        if labels:
            last = bool(asked.spec.end) and not asked.spec.start
            persons = {PERSONS[one.distinct_id] for one, _ in hops}
            shown.append(Path(unit, persons, labels, (asked.spec.max_hops or 5) - len(labels) + 1 if last else 1))
    return shown


def wholes(asked: Asked) -> list[tuple[Hashable, list[Happening]]]:
    """All events of each session or stretch that starts in the range."""
    known = [one for one in asked.events if followed(START, END, one.at)]
    known.sort(key=lambda one: (one.at, UUID(one.event_id).int))
    grouped: dict[Hashable, list[Happening]] = defaultdict(list)
    if asked.spec.unit == Flow.UNIT_SESSION:
        sessions = sessions_of(asked.events)
        for one in known:
            grouped[sessions[one.event_id]].append(one)
        found: list[tuple[Hashable, list[Happening]]] = list(grouped.items())
    else:
        for one in known:
            if asked.request.insight.include_cookieless or not one.distinct_id.startswith("cookieless"):
                grouped[PERSONS[one.distinct_id]].append(one)
        found = [(person, stretch) for person, events in grouped.items() for stretch in stretches(events, asked.spec)]
    return [(unit, events) for unit, events in found if START <= events[0].at < END]


def stretches(events: Sequence[Happening], spec: Flow) -> list[list[Happening]]:
    gap = spec.gap.ToTimedelta() if spec.HasField("gap") else timedelta(minutes=30)
    found = [[events[0]]]
    for before, one in pairwise(events):
        if one.at - before.at > gap:
            found.append([])
        found[-1].append(one)
    return found


def label_of(one: Happening, asked: Asked) -> str | None:
    """What a hop is called; None when the event is no hop."""
    filtered = asked.request.insight.filters.filters
    if asked.spec.scope.name not in ("", one.name) or (filtered and one.properties["page"] is None):
        return None
    label = one.name if asked.spec.node == Flow.NODE_EVENT_NAME else cast("str | None", one.properties["page"])
    if label is None:
        return None
    for group in asked.spec.groups:
        if fnmatchcase(label, group.pattern.replace("?", "[?]")):
            return group.label or group.pattern
    return label


def cut(labels: list[str], spec: Flow) -> list[str]:
    """The part of a path that is shown."""
    if not spec.keep_repeats:
        labels = [label for label, _ in groupby(labels)]
    if spec.start:
        labels = labels[labels.index(spec.start) :] if spec.start in labels else []
    first = 1 if spec.start else 0
    if spec.end:
        labels = labels[: labels.index(spec.end, first) + 1] if spec.end in labels[first:] else []
    most = spec.max_hops or 5
    return labels[-most:] if spec.end and not spec.start else labels[:most]


async def behind(store: Store, asked: Asked, of: ListPersonsRequest.OfFlow) -> set[str]:
    scope = scope_of(asked.request, project(store), NOW, identity_version=1)
    plan = kinds.persons(ListPersonsRequest(query=asked.request, flow=of), scope)
    found = await store.clickhouse.query(
        sql(
            "SELECT any(distinct_id) FROM events WHERE project_id = {project} AND distinct_hash IN ({plan}) GROUP BY distinct_hash",
            project=unsigned(store.project_id),
            plan=plan,
        )
    )
    return {cast("str", row[0]) for row in found.rows}
