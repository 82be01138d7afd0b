"""Stories about flows, on the real engine."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import cast

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidArgument, MissingField, PropertyMissing, PugError, TooMany
from core.sql import sql, unsigned
from pug.insights.v1.flow_pb2 import FlowResult
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryResponse
from services.insights import kinds
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Happening, Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def query(**flow: object) -> JSON:
    filters = flow.pop("filters", {})
    return {"insight": {"flow": flow, "filters": filters}, "timeRange": THREE_DAYS}


def did(names: str, who: str = "ann", start: str = "2026-03-01T10:00:00Z", step: float = 60, session_id: str = "") -> list[Happening]:
    """One event a letter, so many seconds apart."""
    began = datetime.fromisoformat(start).timestamp()
    return [
        Happening(name, who, datetime.fromtimestamp(began + place * step, UTC), session_id, {"page": f"/{name}/1"})
        for place, name in enumerate(names)
    ]


async def flow(ask: Ask, **spec: object) -> FlowResult:
    return (await ask(query(**spec))).flow


def nodes(result: FlowResult) -> dict[str, int]:
    """How many pass each node, called by its hop and label."""
    return {name(node): node.value for node in result.nodes}


def links(result: FlowResult) -> dict[str, int]:
    called = {node.id: name(node) for node in result.nodes}
    return {f"{called[link.source]} {called[link.target]}": link.value for link in result.links}


def name(node: FlowResult.Node) -> str:
    return f"{node.hop}{'(others)' if node.others else node.label}"


async def test_sessions_flow_from_event_to_event(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc"), *did("ab", "bob"), *did("ac", "cid"))

    result = await flow(ask)

    assert nodes(result) == {"1a": 3, "2b": 2, "2c": 1, "3c": 1}
    assert links(result) == {"1a 2b": 2, "1a 2c": 1, "2b 3c": 1}


async def test_nodes_come_by_hop_and_links_by_size(store: Store, ask: Ask) -> None:
    await store.tell(*did("xb"), *did("ab", "bob"), *did("ac", "cid"), *did("xd", "dan"), *did("xd", "eve"))

    result = await flow(ask)

    assert list(nodes(result)) == ["1x", "1a", "2b", "2d", "2c"]
    assert list(links(result)) == ["1x 2d", "1x 2b", "1a 2b", "1a 2c"]


async def test_equal_neighbours_are_one_hop_unless_they_are_kept(store: Store, ask: Ask) -> None:
    await store.tell(*did("aab"))

    assert links(await flow(ask)) == {"1a 2b": 1}
    assert links(await flow(ask, keepRepeats=True)) == {"1a 2a": 1, "2a 3b": 1}


async def test_session_is_taken_whole_when_it_starts_in_the_range(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc", "ann", "2026-03-03T23:59:00Z"), *did("xyz", "bob", "2026-02-28T23:59:00Z"))

    assert links(await flow(ask)) == {"1a 2b": 1, "2b 3c": 1}


async def test_start_shows_what_followed_its_first_hop(store: Store, ask: Ask) -> None:
    await store.tell(*did("xabac"), *did("xyz", "bob"))

    assert links(await flow(ask, start="a")) == {"1a 2b": 1, "2b 3a": 1, "3a 4c": 1}


async def test_end_shows_what_led_to_its_first_hop_with_the_end_as_the_last(store: Store, ask: Ask) -> None:
    await store.tell(*did("xyabab"), *did("ab", "bob"), *did("xyz", "cid"))

    assert links(await flow(ask, end="b", maxHops=3)) == {"1y 2a": 1, "2a 3b": 2}


async def test_start_and_end_show_what_lay_between(store: Store, ask: Ask) -> None:
    await store.tell(*did("bxaybz"), *did("baz", "bob"), *did("ab", "cid"))

    assert links(await flow(ask, start="a", end="b")) == {"1a 2y": 1, "2y 3b": 1, "1a 2b": 1}
    assert links(await flow(ask, start="b", end="b")) == {"1b 2x": 1, "2x 3a": 1, "3a 4y": 1, "4y 5b": 1}


async def test_only_so_many_hops_are_shown(store: Store, ask: Ask) -> None:
    await store.tell(*did("abcdefghijkl"))

    assert len(nodes(await flow(ask))) == 5
    assert list(nodes(await flow(ask, maxHops=2))) == ["1a", "2b"]
    assert len(nodes(await flow(ask, maxHops=10))) == 10


async def test_labels_beyond_the_most_frequent_are_others_at_each_hop(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc"), *did("adc", "bob"), *did("ae", "cid"))

    result = await flow(ask, maxNodes=2)

    assert nodes(result) == {"1a": 3, "2(others)": 3, "3c": 2}
    assert links(result) == {"1a 2(others)": 3, "2(others) 3c": 2}
    assert [node.label for node in result.nodes if node.others] == [""]


async def test_only_the_largest_links_are_shown(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab"), *did("ab", "bob"), *did("ac", "cid"))

    assert links(await flow(ask, maxLinks=1)) == {"1a 2b": 2}


async def test_values_of_a_property_are_nodes_and_events_without_it_none(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab"), event("c", at="2026-03-01T10:00:30Z"))

    assert links(await flow(ask, node="NODE_PROPERTY", property="page")) == {"1/a/1 2/b/1": 1}


async def test_first_group_that_fits_names_a_label(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc"), event("d", at="2026-03-01T10:05:00Z", page="50%_\\x"))
    groups = [{"pattern": "/a/*", "label": "first"}, {"pattern": "/*/1"}, {"pattern": "50%_\\*", "label": "odd"}, {"pattern": "5*"}]

    result = await flow(ask, node="NODE_PROPERTY", property="page", groups=groups)

    assert links(result) == {"1first 2/*/1": 1, "2/*/1 3odd": 1}


async def test_signs_of_a_pattern_other_than_the_star_mean_themselves(store: Store, ask: Ask) -> None:
    await store.tell(event("a", page="axb"), event("b", at="2026-03-01T10:05:00Z", page="a_b"))

    result = await flow(
        ask, node="NODE_PROPERTY", property="page", groups=[{"pattern": "a_b", "label": "it"}, {"pattern": "%", "label": "no"}]
    )

    assert links(result) == {"1axb 2it": 1}


async def test_scope_and_filters_say_which_events_are_hops_without_taking_sessions_apart(store: Store, ask: Ask) -> None:
    await store.tell(*did("axb", step=20 * 60))
    not_x = {"property": "page", "op": "OP_IS_NOT", "values": ["/x/1"]}

    assert links(await flow(ask, scope={"filters": [not_x]})) == {"1a 2b": 1}
    assert links(await flow(ask, filters={"filters": [not_x]})) == {"1a 2b": 1}
    assert nodes(await flow(ask, scope={"name": "x"})) == {"1x": 1}


async def test_path_of_a_person_goes_on_over_sessions_until_a_pause(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab", session_id="s"), *did("c", start="2026-03-01T10:02:00Z"), *did("de", start="2026-03-01T10:33:00.001Z"))

    assert links(await flow(ask, unit="UNIT_PERSON")) == {"1a 2b": 1, "2b 3c": 1, "1d 2e": 1}
    assert links(await flow(ask, unit="UNIT_PERSON", gap="7200s")) == {"1a 2b": 1, "2b 3c": 1, "3c 4d": 1, "4d 5e": 1}


async def test_pause_as_long_as_the_gap_does_not_end_a_path(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc", step=60))

    assert links(await flow(ask, unit="UNIT_PERSON", gap="60s")) == {"1a 2b": 1, "2b 3c": 1}
    assert links(await flow(ask, unit="UNIT_PERSON", gap="59s")) == {}


async def test_persons_count_once_and_transitions_every_time(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab"), *did("ab", start="2026-03-02T10:00:00Z"), *did("ab", "bob"))

    units = await flow(ask, unit="UNIT_PERSON")
    transitions = await flow(ask, unit="UNIT_PERSON", linkValue="LINK_VALUE_TRANSITIONS")

    assert (nodes(units), links(units)) == ({"1a": 2, "2b": 2}, {"1a 2b": 2})
    assert (nodes(transitions), links(transitions)) == ({"1a": 3, "2b": 3}, {"1a 2b": 3})
    assert links(await flow(ask)) == {"1a 2b": 3}


async def test_persons_who_are_others_by_several_labels_count_once(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab"), *did("ac", start="2026-03-02T10:00:00Z"), *did("ac", start="2026-03-03T10:00:00Z"))

    assert links(await flow(ask, unit="UNIT_PERSON", maxNodes=1)) == {"1a 2(others)": 1}


async def test_visitors_without_cookies_are_sessions_but_persons_only_on_request(store: Store, ask: Ask) -> None:
    await store.tell(*did("ab", "cookieless-1"))

    assert links(await flow(ask)) == {"1a 2b": 1}
    assert links(await flow(ask, unit="UNIT_PERSON")) == {}


async def test_events_of_one_millisecond_are_in_the_order_of_their_ids(store: Store, ask: Ask) -> None:
    moment = datetime(2026, 3, 1, 10, tzinfo=UTC)
    await store.tell(
        Happening("b", "ann", moment, event_id="ffffffff-0000-7000-0000-000000000000"),
        Happening("a", "ann", moment, event_id="00000000-0000-7000-ffff-000000000000"),
    )

    assert links(await flow(ask)) == {"1a 2b": 1}
    assert links(await flow(ask, unit="UNIT_PERSON")) == {"1a 2b": 1}


async def test_flow_of_nothing_is_empty(ask: Ask) -> None:
    assert await flow(ask) == FlowResult()


@pytest.mark.parametrize(
    ("spec", "error", "field"),
    [
        ({"unit": 9}, InvalidArgument, "unit"),
        ({"node": 9}, InvalidArgument, "node"),
        ({"node": "NODE_PROPERTY"}, PropertyMissing, "property"),
        ({"linkValue": 9}, InvalidArgument, "linkValue"),
        ({"maxHops": 11}, InvalidArgument, "maxHops"),
        ({"maxNodes": 101}, InvalidArgument, "maxNodes"),
        ({"maxLinks": 1001}, InvalidArgument, "maxLinks"),
        ({"maxLinks": -1}, InvalidArgument, "maxLinks"),
        ({"gap": "60s"}, InvalidArgument, "gap"),
        ({"unit": "UNIT_PERSON", "gap": "0.999s"}, InvalidArgument, "gap"),
        ({"unit": "UNIT_PERSON", "gap": "604800.001s"}, InvalidArgument, "gap"),
        ({"groups": [{"label": "x"}]}, MissingField, "groups[0].pattern"),
        ({"groups": [{"pattern": "x"}] * 51}, TooMany, "groups"),
        ({"scope": {"filters": [{"values": ["x"]}]}}, PropertyMissing, "scope.filters[0].property"),
    ],
)
async def test_flow_that_cannot_be_asked_for_is_refused(ask: Ask, spec: JSON, error: type[PugError], field: str) -> None:
    with pytest.raises(error) as raised:
        await flow(ask, **spec)

    assert raised.value.field == f"insight.flow.{field}"
    assert raised.value.hint


async def test_persons_behind_a_node_or_a_link_are_those_who_pass_it(store: Store, ask: Ask) -> None:
    await store.tell(*did("abc"), *did("abd", "bob"), *did("ac", "cid"), *did("ab", "cookieless-1"))
    spec: JSON = {"maxNodes": 2}
    ids = {name(node): node.id for node in (await flow(ask, **spec)).nodes}

    assert await behind(store, spec, {"source": ids["1a"]}) == {"ann", "bob", "cid", "cookieless-1"}
    assert await behind(store, spec, {"source": ids["1a"], "target": ids["2b"]}) == {"ann", "bob", "cookieless-1"}
    assert await behind(store, spec, {"source": ids["2b"], "target": ids["3(others)"]}) == {"ann", "bob"}
    assert await behind(store, {**spec, "unit": "UNIT_PERSON"}, {"source": ids["1a"], "target": ids["2b"]}) == {"ann", "bob"}


@pytest.mark.parametrize(
    ("of", "field"), [({"source": 0}, "flow.source"), ({"source": 106}, "flow.source"), ({"source": 1, "target": 2}, "flow.target")]
)
async def test_nodes_an_answer_cannot_have_are_refused(store: Store, of: JSON, field: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await behind(store, {}, of)

    assert raised.value.field == field


async def behind(store: Store, spec: JSON, of: JSON) -> set[str]:
    """Those behind a number, by the ids they are known by."""
    request = ParseDict({"query": query(**spec), "flow": of}, ListPersonsRequest())
    plan = kinds.persons(request, scope_of(request.query, Project(store.project_id, "UTC"), NOW))
    found = await store.clickhouse.query(
        sql(
            "SELECT any(distinct_id) FROM events WHERE project_id = {project} AND distinct_hash IN ({plan}) GROUP BY distinct_hash",
            project=unsigned(store.project_id),
            plan=plan,
        )
    )
    return {cast("str", row[0]) for row in found.rows}
