"""ExportDataSubject: everything that is held about a person comes out, once, and nothing about anybody else."""

import asyncio
import hashlib
import itertools
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends import Backends
from core.clickhouse import ClickHouse
from core.errors import DistinctIdInvalid, MissingField, PersonNotFound, QueryTooExpensive, StoreUnavailable, TooManyQueries
from core.person_ids import person_id
from core.sql import Sql, sql
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectRequest, ExportOutlook
from services.insights.limits import QueryLimits
from services.insights.turns import AtOnce, Turns
from services.profiles.exporting import events, sessions, traits
from services.profiles.exporting.events import stretches
from services.profiles.exporting.manifest import STORES
from services.profiles.exporting.parts import NDJSON, Part
from services.rpc.call import Project
from story import Happening, event

from .conftest import KEY, Town, exports_of, new_town

LIMITS = QueryLimits(timedelta(seconds=30), 2 * 2**30)
PARTS = ["person.json", "traits.ndjson", "events.ndjson", "sessions.ndjson", "dead_letters.ndjson", "manifest.json"]


@dataclass
class Exported:
    """An export put together."""

    outlook: ExportOutlook = field(default_factory=ExportOutlook)
    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    order: list[str] = field(default_factory=list[str])

    def lines(self, part: str) -> list[Any]:
        return [json.loads(line) for line in self.contents[f"{part}.ndjson"].splitlines()]

    def json(self, part: str) -> Any:  # noqa: ANN401 (JSON)
        return json.loads(self.contents[f"{part}.json"])

    @property
    def ids(self) -> list[str]:
        return [one["eventId"] for one in self.lines("events")]


async def export(town: Town, **by: str) -> Exported:
    while await town.worker.tell():
        pass
    exported = Exported()
    async for step in town.service.export_data_subject(ExportDataSubjectRequest(**by), town.call):
        if step.HasField("outlook"):
            exported.outlook = step.outlook
            continue
        piece = step.piece
        if exported.order[-1:] != [piece.name]:
            exported.order.append(piece.name)
        exported.contents[piece.name] = exported.contents.get(piece.name, b"") + piece.content
    return exported


async def test_all_about_a_person_comes_out_part_by_part(town: Town) -> None:
    landed = event("landed", "anon", at="2026-03-01T10:00:00Z", **{"$url": "https://shop.example/a?utm_source=flyer"}, big=2**53 - 1)
    landed = replace(landed, context={"$browser": "Firefox", "$mobile": True, "$latitude": 52.5, "$country": "DE"})
    paid = event('paid "ü"\n', "ann", "2026-03-01T12:00:00.123Z", "visit", price=9.99, tags=["a", "b"], address={"city": "Bonn"})
    await town.store.tell(landed, paid, event("paid", "bob"), event("seen", "cookieless-x"))
    await town.identify("anon", "ann", plan="free", seats=10**15)
    await town.set_traits("ann", set={"plan": "pro"}, unset=["seats"])

    exported = await export(town, distinct_id="anon")

    assert exported.order == list(exported.outlook.parts) == PARTS
    assert (exported.outlook.person_id, exported.outlook.events) == (person_id("ann"), 2)
    first, second = exported.lines("events")
    assert first == {
        "eventId": landed.event_id,
        "name": "landed",
        "distinctId": "anon",
        "sessionId": "",
        "occurredAt": "2026-03-01T10:00:00.000Z",
        "receivedAt": "2026-03-01T10:00:00.000Z",
        "storedAt": first["storedAt"],
        "properties": {"$url": "https://shop.example/a?utm_source=flyer", "big": 2**53 - 1},
        "added": {
            "$browser": "Firefox",
            "$mobile": True,
            "$latitude": 52.5,
            "$country": "DE",
            "$hostname": "shop.example",
            "$pathname": "/a",
            "$utm_source": "flyer",
            "$channel": "Unassigned",
        },
    }
    assert (second["name"], second["occurredAt"], second["sessionId"]) == ('paid "ü"\n', "2026-03-01T12:00:00.123Z", "visit")
    assert second["properties"] == {"price": 9.99, "tags": ["a", "b"], "address": {"city": "Bonn"}}
    assert exported.lines("sessions") == [
        {
            "sessionId": "visit",
            "distinctIds": ["ann"],
            "startedAt": "2026-03-01T12:00:00.123Z",
            "endedAt": "2026-03-01T12:00:00.123Z",
            "events": 1,
        },
        {
            "sessionId": "",
            "distinctIds": ["anon"],
            "startedAt": "2026-03-01T10:00:00.000Z",
            "endedAt": "2026-03-01T10:00:00.000Z",
            "events": 1,
        },
    ]
    assert [one["traits"] for one in exported.lines("traits")] == [{"plan": "free", "seats": 10**15}, {"plan": "pro"}]
    assert exported.contents["dead_letters.ndjson"] == b""


async def test_the_person_is_told_with_ids_traits_ties_and_activity(town: Town) -> None:
    await town.store.tell(event("page_view", "anon", at="2026-03-01T10:00:00Z"))
    await town.identify("anon", "ann", plan="pro")
    undone = await town.merge("old", "ann")
    await town.unmerge(undone)
    await town.set_traits("old", set={"of": "somebody else"})

    person = (await export(town, external_id="ann")).json("person")

    assert (person["personId"], person["externalId"], person["traits"]) == (person_id("ann"), "ann", {"plan": "pro"})
    assert [(one["distinctId"], one["personId"], one["identified"]) for one in person["ids"]] == [
        ("ann", person_id("ann"), True),
        ("anon", person_id("anon"), False),
    ]
    assert all(datetime.fromisoformat(one["createdAt"]) for one in person["ids"])
    assert [(tie["kind"], tie["from"], tie["into"], tie["unmergedAt"] is None) for tie in person["ties"]] == [
        ("identify", "anon", "ann", True),
        ("merge", "old", "ann", False),
    ]
    assert (person["activity"]["events"], person["activity"]["pageViews"], person["activity"]["sessions"]) == (1, 1, 1)


async def test_the_manifest_says_what_was_handed_over_and_how_fresh_it_is(town: Town) -> None:
    await town.store.tell(event("a"), event("b"))

    exported = await export(town, distinct_id="ann")

    manifest = exported.json("manifest")
    assert {one["name"]: (one["bytes"], one["sha256"], one["lines"]) for one in manifest["parts"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest(), content.count(b"\n"))
        for name, content in exported.contents.items()
        if name != "manifest.json"
    }
    assert (manifest["personId"], manifest["projectId"], manifest["pug"]) == (person_id("ann"), str(town.call.project.id), "1.2.3")
    assert manifest["exportedAt"] == "2026-03-10T12:00:00Z" >= manifest["freshness"]["completeUntil"]
    assert manifest["freshness"]["messagesWaiting"] >= 0


MIGRATIONS = Path(__file__).parents[3] / "migrations"
# Of those who use Pug; the manifest tells of them in other words.
MEMBERS = {"orgs", "projects", "api_keys", "memberships", "session_tokens", "magic_links", "oidc_states", "invitations", "shares"}


def made_by(files: Iterable[Path], statement: str) -> set[str]:
    return {name for file in files for name in re.findall(statement, file.read_text())}


def test_every_table_and_stream_is_told_of_in_the_manifest() -> None:
    tables = made_by(MIGRATIONS.glob("clickhouse/**/*.sql"), r"CREATE TABLE IF NOT EXISTS (\w+)")
    # Those that store nothing.
    tables -= made_by(MIGRATIONS.glob("clickhouse/**/*.sql"), r"CREATE TABLE IF NOT EXISTS (\w+)[^;]*ENGINE = Null;")
    of_postgres = made_by(MIGRATIONS.glob("postgres/versions/*.py"), r"create_table\(\s*\"(\w+)\"")
    streams = made_by([MIGRATIONS / "jetstream/streams.yaml"], r"- name: (\w+)")
    told = " ".join(STORES)

    assert min(len(tables), len(of_postgres), len(streams)) > 4
    assert [name for name in sorted(tables | (of_postgres - MEMBERS) | streams) if name not in told] == []


@pytest.mark.parametrize("by", ["distinct_id", "person_id"])
async def test_somebody_who_was_never_identified_has_only_events(town: Town, by: str) -> None:
    await town.store.tell(event("a", "stranger"))

    exported = await export(town, **{by: "stranger" if by == "distinct_id" else person_id("stranger")})

    assert [one["distinctId"] for one in exported.lines("events")] == ["stranger"]
    person = exported.json("person")
    assert (person["ids"], person["ties"]) == ([{"distinctId": "stranger", "personId": person_id("stranger"), "identified": False}], [])


async def test_somebody_without_events_has_empty_parts(town: Town) -> None:
    await town.set_traits("quiet", set={"plan": "pro"})

    exported = await export(town, distinct_id="quiet")

    assert (exported.order, exported.outlook.events, exported.lines("events")) == (PARTS, 0, [])
    assert exported.json("person")["activity"] is None


@pytest.mark.parametrize(
    ("by", "error"),
    [
        ({}, MissingField),
        ({"distinct_id": ""}, MissingField),
        ({"distinct_id": "nobody"}, PersonNotFound),
        ({"external_id": "nobody"}, PersonNotFound),
        ({"person_id": "0" * 16}, PersonNotFound),
        ({"person_id": "'; --"}, PersonNotFound),
        ({"distinct_id": "x" * 201}, DistinctIdInvalid),
        ({"distinct_id": "cookieless-x"}, DistinctIdInvalid),
    ],
)
async def test_who_is_nobody_is_refused_as_by_get_person(town: Town, by: Mapping[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        await town.person(**by)
    with pytest.raises(error):
        await export(town, **by)


IDS = "abcdef"
tied = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)), max_size=6)
# Few moments, so that many events share one.
happened = st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 5), st.sampled_from(["", "s1", "s2"])), max_size=40)


@given(ties=tied, told=happened, who=st.sampled_from(IDS), rows=st.integers(1, 7))
@settings(max_examples=12, deadline=None)
async def test_everything_in_is_everything_out_once(
    backends: Backends, ties: Sequence[tuple[str, str]], told: Sequence[tuple[str, int, str]], who: str, rows: int
) -> None:
    here, elsewhere = await new_town(backends), await new_town(backends)
    start = datetime(2026, 3, 1, 10, tzinfo=UTC)
    happenings = [
        Happening(f"e{place}", one, start + timedelta(minutes=25 * minutes), session, {"place": place})
        for place, (one, minutes, session) in enumerate(told)
    ]
    await here.store.tell(event("first", who), *happenings)
    await elsewhere.store.tell(*(event("theirs", one) for one in IDS))
    group = await merged(here, ties, who)

    with pytest.MonkeyPatch.context() as patched:
        for module in (events, sessions, traits):
            patched.setattr(module, "ROWS", rows)
        exported = await export(here, distinct_id=who)

    mine = [one for one in happenings if one.distinct_id in group]
    found = exported.lines("events")
    assert sorted(one["name"] for one in found) == sorted(["first", *(one.name for one in mine)])
    assert [one["occurredAt"] for one in found] == sorted(one["occurredAt"] for one in found)
    assert {one["name"]: one["properties"] for one in found if one["name"] != "first"} == {one.name: one.properties for one in mine}
    assert {one["distinctId"] for one in exported.json("person")["ids"]} == group
    said = exported.lines("sessions")
    assert sum(one["events"] for one in said) == len(found) == exported.outlook.events
    assert len(said) == len({json.dumps(one) for one in said}) == exported.json("person")["activity"]["sessions"]


async def merged(here: Town, ties: Sequence[tuple[str, str]], who: str) -> set[str]:
    """The ids of a person when each tie that can be is made."""
    of = {one: {one} for one in IDS}
    for one, other in ties:
        if of[one] is not of[other]:
            await here.merge(one, other)
            of[one] |= of[other]
            for each in of[one]:
                of[each] = of[one]
    return of[who]


async def test_pages_go_on_within_one_moment(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ROWS", 7)
    told = [event("a", at="2026-03-01T10:00:00Z") for _ in range(50)] + [event("b", at="2026-03-01T10:00:00.001Z")]
    await town.store.tell(*told)

    exported = await export(town, distinct_id="ann")

    assert sorted(exported.ids) == sorted(one.event_id for one in told)
    assert exported.lines("events")[-1]["name"] == "b"


async def test_what_comes_while_somebody_is_exported_moves_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ROWS", 5)
    before = [event("before", at=f"2026-03-01T{hour:02}:00:00Z") for hour in range(12)]
    await town.store.tell(*before)

    async def tell() -> None:
        for hour in range(12):
            await town.store.tell(event("meanwhile", at=f"2026-03-01T{hour:02}:00:00Z"), event("later", at="2026-04-01T00:00:00Z"))

    telling = asyncio.create_task(tell())
    exported = [await export(town, distinct_id="ann") for _ in range(2)]
    await telling

    for one in exported:
        assert len(one.ids) == len(set(one.ids)) >= 12
        assert {each.event_id for each in before} <= set(one.ids)
        assert sum(each["events"] for each in one.lines("sessions")) == len(one.ids)


async def test_a_person_of_more_ids_than_a_query_names_is_whole(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("whose", "exports"):
        monkeypatch.setattr(f"services.profiles.exporting.{module}.MAX_IDS_SHOWN", 2)
    await town.store.tell(*(event(one, one) for one in ("ann", "a1", "a2", "a3", "bob", "b1")))
    for one in ("a1", "a2", "a3"):
        await town.identify(one, "ann", plan=one)
    await town.identify("b1", "bob", plan="b")
    untold = ExportDataSubjectRequest(distinct_id="a2")

    with pytest.raises(StoreUnavailable, match="hasn't been told"):
        await anext(town.service.export_data_subject(untold, town.call))
    exported = await export(town, distinct_id="a2")

    assert sorted(one["name"] for one in exported.lines("events")) == ["a1", "a2", "a3", "ann"]
    assert [one["traits"]["plan"] for one in exported.lines("traits")] == ["a1", "a2", "a3"]


async def test_what_could_not_be_stored_is_theirs_too(town: Town, backends: Backends) -> None:
    await town.store.tell(event("a", "ann"))
    project = town.call.project.id
    rows = [row(project, "ann", "mine"), row(project, "bob", "another's"), row(project + 1, "ann", "another project's")]
    torn = row(project, "ann", "torn")[:-2]
    for content in (b"\n".join(rows), torn, b"\xff\x00 no row, ann", b""):
        await backends.jetstream.publish("dead.events", content, headers={"Pug-Reason": "Cannot parse"})

    letters = (await export(town, distinct_id="ann")).lines("dead_letters")

    assert [(one["reason"], one["row"]["name"] if isinstance(one["row"], dict) else one["row"]) for one in letters] == [
        ("Cannot parse", "mine"),
        ("Cannot parse", torn.decode()),
    ]


def row(project: int, distinct_id: str, name: str) -> bytes:
    return json.dumps([str(uuid.uuid4()), project, name, distinct_id, "", 1, 1, {}, ""], separators=(",", ":")).encode()


async def test_the_log_says_who_exported_whom_by_a_hash(town: Town, backends: Backends) -> None:
    await town.store.tell(event("a", "ann"))

    await export(town, distinct_id="ann")

    async with backends.postgres.connect() as connection:
        entries = await connection.exec_driver_sql(
            "SELECT actor, action, object_kind, object_id, changes FROM audit_entries WHERE project_id = %s", (town.call.project.id,)
        )
        (entry,) = [tuple(entry) for entry in entries if entry.action == "ExportDataSubject"]
    assert entry == (f"key:{KEY}", "ExportDataSubject", "person", person_id("ann"), {})


async def test_a_caller_who_goes_away_ends_the_query_and_leaves_the_turn(
    town: Town, backends: Backends, clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.store.tell(event("a", "ann"))
    turns = Turns(AtOnce(queries=1, project_queries=1))
    monkeypatch.setattr(town.service, "_exports", exports_of(backends, LIMITS, turns))
    forever = sql("SELECT sum(sipHash64(number)) FROM numbers(2000000000000)")

    def plan(*_asked: object) -> Sql:
        return forever

    monkeypatch.setattr(events, "_plan", plan)

    async def read() -> None:
        async with aclosing(town.service.export_data_subject(ExportDataSubjectRequest(distinct_id="ann"), town.call)) as steps:
            async for _ in steps:
                pass

    reading = asyncio.create_task(read())
    await until_running(clickhouse, 1)
    reading.cancel()
    await until_running(clickhouse, 0)

    async with asyncio.timeout(5), turns.turn(town.call):
        pass


async def until_running(clickhouse: ClickHouse, queries: int) -> None:
    query = sql("SELECT count() FROM system.processes WHERE query LIKE '%numbers(2000000000000)%' AND query NOT LIKE '%LIKE%'")
    async with asyncio.timeout(60):
        # ClickHouse tells nobody what it runs.
        while (await clickhouse.query(query)).rows[0][0] != queries:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_between_pages_an_export_holds_no_turn(town: Town, backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ROWS", 1)
    await town.store.tell(event("a", "ann"), event("b", "ann"))
    turns = Turns(AtOnce(queries=1, project_queries=1))
    monkeypatch.setattr(town.service, "_exports", exports_of(backends, LIMITS, turns))

    async with aclosing(town.service.export_data_subject(ExportDataSubjectRequest(distinct_id="ann"), town.call)) as steps:
        async for _ in steps:
            async with asyncio.timeout(5), turns.turn(town.call):
                pass


async def test_limits_are_those_of_a_page_and_patience_is_the_callers(
    town: Town, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.store.tell(event("a", "ann"))
    turns = Turns(AtOnce(queries=1, project_queries=1))
    monkeypatch.setattr(town.service, "_exports", exports_of(backends, LIMITS, turns))
    hurried = replace(town.call, timeout_s=0.2)

    async with turns.turn(town.call):
        with pytest.raises(TooManyQueries):
            await anext(town.service.export_data_subject(ExportDataSubjectRequest(distinct_id="ann"), hurried))
    monkeypatch.setattr(town.service, "_exports", exports_of(backends, QueryLimits(timedelta(seconds=30), 1)))
    with pytest.raises(QueryTooExpensive):
        await anext(town.service.export_data_subject(ExportDataSubjectRequest(distinct_id="ann"), town.call))


async def test_another_projects_person_is_nobody(town: Town, backends: Backends) -> None:
    await town.store.tell(event("a", "ann"))
    other = await new_town(backends)

    with pytest.raises(PersonNotFound):
        await export(other, distinct_id="ann")
    assert other.call.project != Project(town.call.project.id, "UTC")


@given(st.lists(st.tuples(st.integers(-50, 500_000), st.integers(1, 30)), unique_by=lambda one: one[0], max_size=30), st.integers(1, 40))
def test_stretches_hold_every_hour_once_and_not_too_much(hours: list[tuple[int, int]], most: int) -> None:
    hours = sorted(hours)

    found = stretches(hours, most)

    inside = [[events for hour, events in hours if start <= events_at(hour) < end] for start, end in found]
    assert sum(map(len, inside)) == len(hours)
    assert all(sum(each) <= most or len(each) == 1 for each in inside)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(found))


def events_at(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


@given(st.lists(st.binary(max_size=40).filter(lambda one: b"\n" not in one), max_size=20), st.integers(1, 50))
def test_pieces_are_whole_lines_and_together_the_part(lines: list[bytes], largest: int) -> None:
    content = b"".join(line + b"\n" for line in lines)
    part = Part("x", NDJSON)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("services.profiles.exporting.parts._LARGEST", largest)
        pieces = [piece.content for piece in part.pieces(content)]

    assert b"".join(pieces) == content
    assert all(piece.endswith(b"\n") and (len(piece) <= largest or piece.count(b"\n") == 1) for piece in pieces)
    assert (part.bytes, part.lines, part.sha256) == (len(content), len(lines), hashlib.sha256(content).hexdigest())
