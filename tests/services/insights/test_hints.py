"""What an answer says of names the project has never sent."""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import uuid4

import pytest
from google.protobuf.json_format import ParseDict

from core.clickhouse import ClickHouse, Rows
from core.errors import QueryTooExpensive
from core.sql import Sql
from pug.insights.v1.filter_pb2 import Source
from pug.insights.v1.insights_pb2 import Insight, QueryRequest, QueryResponse
from services.insights import named
from services.insights.hints import Hints
from services.insights.limits import QueryLimits
from services.insights.named import names_in
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.rpc.call import Call, Credential, Project, Scope
from story import Store, event

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
RANGE: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}


def trend(name: str = "", filters: tuple[JSON, ...] = (), breakdown: str = "", metric: JSON | None = None, source: int = 0) -> JSON:
    breakdowns = [{"property": breakdown, "source": source}] if breakdown else []
    series = {"event": {"name": name, "filters": list(filters)}, "metric": metric or {}}
    return {"insight": {"trends": {"series": [series], "breakdowns": breakdowns}}, "timeRange": RANGE}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints come however slow the machine is."""
    monkeypatch.setattr("services.insights.hints._LIMITS", QueryLimits(timedelta(seconds=29), 2**28))
    monkeypatch.setattr("services.insights.hints._PATIENCE_S", 60.0)


async def test_unknown_event_is_answered_with_nothing_and_the_names_near_it(store: Store, ask: Ask) -> None:
    await store.tell(event("signed_up"), event("signed_in"), event("purchase"))

    response = await ask(trend("Signed Up"))

    assert [list(one.values) for one in response.trends.series] == [[0]]
    assert response.meta.hint == "No event “Signed Up” was ever sent; near it: “signed_up”, “signed_in”."


async def test_unknown_start_and_end_of_paths_are_named_unless_hops_are_called_otherwise(store: Store, ask: Ask) -> None:
    await store.tell(event("signed_up", page="/"), event("purchase"))

    async def hint(flow: JSON) -> str:
        return (await ask({"insight": {"flow": flow}, "timeRange": RANGE})).meta.hint

    assert await hint({"start": "sined_up", "end": "zzz"}) == (
        "No event “sined_up” was ever sent; near it: “signed_up”. No event “zzz” was ever sent."
    )
    assert await hint({"start": "signed_up", "end": "purchase"}) == ""
    assert await hint({"start": "/", "node": "NODE_PROPERTY", "property": "page"}) == ""
    assert await hint({"start": "money", "groups": [{"pattern": "purch*", "label": "money"}]}) == ""


async def test_unknown_properties_are_named_wherever_they_stand(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", plan="pro", price=1))

    filtered = await ask(trend("buy", ({"property": "pln", "values": ["pro"]},)))
    split = await ask(trend("buy", breakdown="zzz"))
    summed = await ask(trend("buy", metric={"kind": "KIND_SUM", "property": "prize"}))

    assert filtered.meta.hint == "No event has ever had the property “pln”; near it: “plan”."
    assert split.meta.hint == "No event has ever had the property “zzz”."
    assert summed.meta.hint == "No event has ever had the property “prize”; near it: “price”."


async def test_what_was_sent_gets_no_hint_and_neither_do_traits_objects_and_what_pug_adds(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", address={"city": "Oslo"}))
    await store.know(1, traits={"ann": {"company": {"name": "Acme"}}, "bob": {"seats": 3}})
    filters: tuple[JSON, ...] = (
        {"property": "address", "op": "OP_IS_SET"},
        {"property": "address.city", "op": "OP_IS_SET"},
        {"property": "company", "source": "SOURCE_PERSON", "op": "OP_IS_SET"},
        {"property": "company.name", "source": "SOURCE_PERSON", "op": "OP_IS_SET"},
        {"property": "seats", "source": "SOURCE_PERSON", "op": "OP_IS_NOT_SET"},
        {"property": "address.city", "source": "SOURCE_SESSION", "op": "OP_IS_SET"},
        {"property": "$country", "op": "OP_IS_NOT_SET"},
    )

    response = await ask(trend("buy", filters))

    assert (list(response.trends.series[0].values), response.meta.hint) == ([1], "")


async def test_unknown_traits_are_named_with_the_traits_near_them(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", plam="a property is not near a trait"))
    await store.know(1, traits={"ann": {"plan": "pro"}, "bob": {"planet": "mars"}})

    filtered = await ask(trend("buy", ({"property": "pla", "source": "SOURCE_PERSON", "values": ["pro"]},)))
    split = await ask(trend("buy", breakdown="zzz", source=Source.SOURCE_PERSON))

    assert list(filtered.trends.series[0].values) == [0]
    assert filtered.meta.hint == "No person has ever had the trait “pla”; near it: “plan”, “planet”."
    assert split.meta.hint == "No person has ever had the trait “zzz”."


async def test_key_of_the_other_source_is_told_so(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", price=1))
    await store.know(1, traits={"ann": {"plan": "pro"}})

    of_event = await ask(trend("buy", breakdown="plan"))
    of_session = await ask(trend("buy", breakdown="plan", source=Source.SOURCE_SESSION))
    of_person = await ask(trend("buy", breakdown="price", source=Source.SOURCE_PERSON))
    ours = await ask(trend("buy", breakdown="$country", source=Source.SOURCE_PERSON))

    trait = "No event has ever had the property “plan”; it is a trait of persons: ask for SOURCE_PERSON."
    assert [of_event.meta.hint, of_session.meta.hint] == [trait, trait]
    assert of_person.meta.hint == "No person has ever had the trait “price”; it is a property of events: ask for SOURCE_EVENT."
    assert ours.meta.hint == "No person has ever had the trait “$country”; it is a property of events: ask for SOURCE_EVENT."


async def test_key_that_both_have_gets_no_hint(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", plan="pro"))
    await store.know(1, traits={"ann": {"plan": "pro"}})

    assert [(await ask(trend("buy", breakdown="plan", source=source))).meta.hint for source in (1, 2, 3)] == ["", "", ""]


async def test_traits_of_another_project_are_not_near(store: Store, ask: Ask) -> None:
    await store.tell(event("buy"))
    await Store(store.clickhouse, store.project_id + 1_000_000).know(1, traits={"ann": {"secret": "x"}})

    assert (
        await ask(trend("buy", breakdown="secret", source=Source.SOURCE_PERSON))
    ).meta.hint == "No person has ever had the trait “secret”."


async def test_project_that_sent_nothing_is_told_so(ask: Ask) -> None:
    assert (await ask(trend("buy"))).meta.hint == "No event “buy” was ever sent."


async def test_names_of_another_project_are_not_near(store: Store, ask: Ask) -> None:
    await Store(store.clickhouse, store.project_id + 1_000_000).tell(event("secret_launch"))

    assert (await ask(trend("secret_lunch"))).meta.hint == "No event “secret_lunch” was ever sent."


async def test_at_most_three_names_are_told(store: Store, ask: Ask) -> None:
    await store.tell(event("a"))
    filters: tuple[JSON, ...] = tuple({"property": f"{number}", "op": "OP_IS_SET"} for number in range(9))

    assert (await ask(trend("a", filters))).meta.hint.count("No event") == 3


@pytest.mark.parametrize(
    ("months", "asked", "hint"),
    [
        (2, {"preset": "PRESET_LAST_90_DAYS"}, "Events from before 2026-01-01 are not kept: the project keeps 2 months."),
        (
            1,
            {"preset": "PRESET_LAST_30_DAYS", "compare": {}},
            "Events from before 2026-02-01 are not kept: the project keeps 1 month.",
        ),
        (1, {"preset": "PRESET_LAST_30_DAYS"}, ""),
        (None, {"preset": "PRESET_LAST_12_MONTHS"}, ""),
    ],
)
async def test_a_range_of_which_not_all_is_kept_says_so(
    insights: InsightsService, store: Store, months: int | None, asked: JSON, hint: str
) -> None:
    await store.tell(event("signed_up"))
    call = Call(Credential("key", Project(store.project_id, "UTC", months), frozenset({Scope.READ})), "request")

    response = await insights.query(ParseDict({"insight": trend("signed_up")["insight"], **asked}, QueryRequest()), call)

    assert response.meta.hint == hint


async def test_known_names_are_asked_for_once_and_unknown_ones_again(
    monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse, store: Store, ask: Ask
) -> None:
    await store.tell(event("buy", plan="pro"))
    asked: list[str] = []
    query = clickhouse.query

    async def listed(one: Sql) -> Rows:
        asked.append(one.for_console())
        return await query(one)

    monkeypatch.setattr(clickhouse, "query", listed)

    for _ in range(2):
        await ask(trend("buy", breakdown="plan"))
    await ask(trend("late"))
    await store.tell(event("late"))
    hint = (await ask(trend("late"))).meta.hint

    assert (sum("schema_" in one and "editDistance" not in one for one in asked), hint) == (3, "")


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse) -> list[str]:
    """What looks names up, in a list that grows."""
    asked: list[str] = []
    query = clickhouse.query

    async def listed(one: Sql) -> Rows:
        if "schema_" in (written := one.for_console()):
            asked.append(written)
        return await query(one)

    monkeypatch.setattr(clickhouse, "query", listed)
    return asked


async def test_names_are_looked_up_under_limits_of_their_own(store: Store, ask: Ask, looked_up: list[str]) -> None:
    await store.tell(event("buy"))

    await ask(trend("by", breakdown="pln"))

    limits = f"max_execution_time = 29.0, max_memory_usage = {2**28}, max_threads = 1"
    assert [limits in one for one in looked_up] == [True, True]


async def test_names_near_are_looked_for_of_those_alone_that_are_told_and_by_their_beginnings(
    monkeypatch: pytest.MonkeyPatch, store: Store, ask: Ask, looked_up: list[str]
) -> None:
    compared: list[tuple[int, int, int]] = []
    close = difflib.get_close_matches

    def counted(word: str, possibilities: Sequence[str], n: int, cutoff: float) -> list[str]:
        compared.append((len(word), len(possibilities), max(map(len, possibilities), default=0)))
        return close(word, list(possibilities), n, cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    sent = {f"{number:03}{'x' * 190}": 1 for number in range(30)}
    await store.tell(replace(event("a"), properties=sent))
    filters: tuple[JSON, ...] = tuple({"property": f"{number:03}y{'x' * 190}", "op": "OP_IS_SET"} for number in range(40))

    hint = (await ask(trend("a", filters))).meta.hint

    assert sum(one.count("editDistance") for one in looked_up) == 3
    assert len(compared) == 3
    assert all(word <= 64 and many <= 8 and longest <= 64 for word, many, longest in compared)
    assert hint.count("; near it: “000xxx") == 1


async def test_answer_without_a_hint_is_better_than_one_that_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse, store: Store, call: Call
) -> None:
    hints = Hints(clickhouse, Turns(AtOnce()))
    insight = ParseDict(dict(cast("JSON", trend("by")["insight"])), Insight())
    asked: list[Sql] = []

    async def too_long(query: Sql) -> Rows:
        asked.append(query)
        raise QueryTooExpensive("It took too long.")

    await store.tell(event("buy"))
    monkeypatch.setattr(clickhouse, "query", too_long)

    assert [await hints.of(insight, call) for _ in range(3)] == ["", "", ""]
    assert len(asked) == 1


async def test_hint_waits_a_moment_for_its_turn_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse, store: Store, call: Call
) -> None:
    turns = Turns(AtOnce(queries=1))
    hints = Hints(clickhouse, turns)
    insight = ParseDict(dict(cast("JSON", trend("by")["insight"])), Insight())
    await store.tell(event("buy"))
    monkeypatch.setattr("services.insights.hints._PATIENCE_S", 0.01)

    async with turns.turn(call):
        assert await hints.of(insight, call) == ""

    monkeypatch.setattr("services.insights.hints._PATIENCE_S", 60.0)
    assert await hints.of(insight, call) == "No event “by” was ever sent; near it: “buy”."


async def test_names_that_several_ask_for_at_once_are_looked_up_once(
    clickhouse: ClickHouse, store: Store, call: Call, looked_up: list[str]
) -> None:
    hints = Hints(clickhouse, Turns(AtOnce(project_queries=1)))
    insight = ParseDict(dict(cast("JSON", trend("buy")["insight"])), Insight())
    await store.tell(event("buy"))

    assert await asyncio.gather(*(hints.of(insight, call) for _ in range(5))) == [""] * 5
    assert len(looked_up) == 1


async def test_whoever_has_a_link_is_told_no_names_and_none_are_looked_up(
    store: Store, insights: InsightsService, looked_up: list[str]
) -> None:
    await store.tell(event("buy"))
    link = Credential("link", Project(store.project_id, "UTC"), frozenset({Scope.SHARE}), dashboard_id=uuid4())

    response = await insights.query(ParseDict(dict(trend("by")), QueryRequest()), Call(link, "request"))

    assert (response.meta.hint, looked_up) == ("", [])


def test_values_of_filters_are_not_looked_through_for_names() -> None:
    filters = [{"property": "p", "values": [f"{number}" for number in range(1_000)]}]
    insight = ParseDict({"trends": {"series": [{"event": {"filters": filters}}]}}, Insight())

    # An insight, its trends, a series, its event and a filter.
    assert len(list(named._messages(insight))) == 5  # pyright: ignore[reportPrivateUsage] (what looks through)


def test_names_are_found_in_every_kind_of_insight() -> None:
    kinds: Mapping[str, JSON] = {
        "trends": {"series": [{"event": {"name": "e"}, "metric": {"property": "p"}}]},
        "funnel": {"steps": [{"event": {"name": "e", "filters": [{"property": "p"}]}}]},
        "retention": {"start": {"name": "e"}, "return": {"name": "e"}, "breakdowns": [{"property": "p"}]},
        "topK": {"scope": {"name": "e"}, "property": "p"},
        "sessions": {"scope": {"name": "e"}, "property": "p"},
        "flow": {"scope": {"name": "e"}, "property": "p"},
    }

    for kind, spec in kinds.items():
        found = names_in(ParseDict({kind: dict(spec)}, Insight()))
        assert (kind, found.events, found.properties) == (kind, ("e",), ("p",))
