"""Why somebody didn't go on in a funnel, on the real engine. It is 2026-03-10 12:00 UTC in all of these stories."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from core.clickhouse import ClickHouse
from core.errors import InvalidArgument, MissingField, TooManyEvents
from core.sql import Sql
from golden_sql import assert_reads_as
from pug.insights.v1.insights_pb2 import WhyNotRequest, WhyNotResponse
from services.insights.limits import QueryLimits
from services.insights.patterns import KnownPatterns
from services.insights.scope import scope_of
from services.insights.service import InsightsService
from services.insights.why_not.asking import why_not
from services.insights.why_not.reading import asked_of, events_of
from services.insights.why_not.words import span
from services.rpc.call import Call, Credential, Project
from story import Happening, Store, event

JSON = Mapping[str, object]
Ask = Callable[..., Awaitable[WhyNotResponse]]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LIMITS = QueryLimits(timedelta(seconds=30), 2 * 2**30)
THREE_DAYS = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def funnel(*steps: str | JSON, zone: str = "UTC", **spec: object) -> JSON:
    written = [{"event": {"name": step}} if isinstance(step, str) else step for step in steps]
    return {"insight": {"funnel": {"steps": written, **spec}}, "timeRange": THREE_DAYS, "timeZone": zone}


def within(query: JSON, **insight: object) -> JSON:
    return {**query, "insight": {**cast("JSON", query["insight"]), **insight}}


def at(when: str, name: str, who: str = "ann", session: str = "", **properties: object) -> Happening:
    """An event of the first of March, or of the day before the time of the day."""
    day, _, time = when.rpartition(" ")
    return event(name, who, at=f"2026-03-{day or '01'}T{time}Z", session_id=session, **properties)


@pytest.fixture
def why(insights: InsightsService, call: Call) -> Ask:
    """Asks why not, of a query written as JSON."""

    async def why(query: JSON, distinct_id: str = "ann") -> WhyNotResponse:
        return await insights.why_not(ParseDict({"query": dict(query), "distinctId": distinct_id}, WhyNotRequest()), call)

    return why


def said(found: WhyNotResponse) -> tuple[str, int, int]:
    return WhyNotResponse.Rule.Name(found.rule).removeprefix("RULE_"), found.reached, found.stopped_at


def filled(found: WhyNotResponse) -> list[tuple[str, list[int], int]]:
    return [(one.name, list(one.matches), one.fills) for one in found.events]


A = '"a" (1 Mar 2026, 10:00:00 UTC)'
IN_RANGE = "from 1 Mar 2026, 00:00:00 UTC until 4 Mar 2026, 00:00:00 UTC"
READ = "; events were read until 10 Mar 2026, 12:00:00 UTC."
DROPPED = "it is excluded there, so they are not counted at all"
AFTER = "it has to come after it, within the window"
SAME = "that has to stay the same"
ELSEWHERE = "but in another session; all steps have to be in one"


def window(given: str, needed: str) -> str:
    return f"the window is {given} and would have to be at least {needed}."


# The rule, how far they came, where they stopped, and the words.
Told = tuple[str, int, int, str]
STORIES: Mapping[str, tuple[list[Happening], JSON, Told]] = {
    "they reached the last step": (
        [at("10:00", "a"), at("12:30", "b")],
        funnel("a", "b"),
        ("CONVERTED", 2, 0, 'They reached the last step, "b" (1 Mar 2026, 12:30:00 UTC), 2 h 30 min after the first.'),
    ),
    "they did nothing": (
        [],
        funnel("a", "b"),
        ("NEVER_ENTERED", 0, 1, f'They did nothing that is the first step, "a", {IN_RANGE}.'),
    ),
    "they entered after the range": (
        [at("04 00:00", "a"), at("04 00:01", "b")],
        funnel("a", "b"),
        ("NEVER_ENTERED", 0, 1, f'They did nothing that is the first step, "a", {IN_RANGE}.'),
    ),
    "what they began with lacks the property": (
        [at("10:00", "a"), at("10:01", "b", cart="x")],
        funnel("a", "b", holdConstant=["cart"]),
        ("NEVER_ENTERED", 0, 1, f'They did {A}, but without "cart", of which all steps have to have the same value.'),
    ),
    "they never did the step": (
        [at("10:00", "a"), at("10:01", "x")],
        funnel("a", "b", "c"),
        ("STEP_NEVER_DONE", 1, 2, f'They did {A} and never "b" after it{READ}'),
    ),
    "one event is one step": (
        [at("10:00", "a")],
        funnel("a", "a"),
        (
            "STEP_NEVER_DONE",
            1,
            2,
            f'They did "a" (step 1) (1 Mar 2026, 10:00:00 UTC) and never "a" (step 2) after it{READ}',
        ),
    ),
    "they did it after the window, told in the query's time zone": (
        [at("10:00", "page_view"), at("04 12:00", "add_to_cart")],
        funnel("page_view", "add_to_cart", window="86400s", zone="Europe/Berlin"),
        (
            "WINDOW_OVER",
            1,
            2,
            'They did "add_to_cart" 3 d 2 h after "page_view" (1 Mar 2026, 11:00:00 CET); ' + window("1 day", "3 d 2 h"),
        ),
    ),
    "they did it long after the range": (
        [at("10:00", "a"), at("09 10:00", "b")],
        funnel("a", "b", window="3600s"),
        ("WINDOW_OVER", 1, 2, f'They did "b" 8 days after {A}; ' + window("1 hour", "8 days")),
    ),
    "the window of a step counts from the one before": (
        [at("10:00", "a"), at("10:50", "b"), at("12:00", "c")],
        funnel("a", "b", "c", window="3600s", windowScope="WINDOW_SCOPE_PER_STEP"),
        ("WINDOW_OVER", 2, 3, 'They did "c" 1 h 10 min after "b" (1 Mar 2026, 10:50:00 UTC); ' + window("1 hour", "1 h 10 min")),
    ),
    "something came in between": (
        [at("10:00", "a"), at("10:01", "x"), at("10:02", "b")],
        funnel("a", "b", order="ORDER_STRICT"),
        ("NOT_STRICTLY_NEXT", 1, 2, f'They did "b" 2 minutes after {A}, but "x" came in between; in strict order nothing may.'),
    ),
    "something excluded drops them": (
        [at("10:00", "a"), at("10:05", "left"), at("10:06", "b")],
        funnel("a", "b", exclusions=[{"event": {"name": "left"}}]),
        (
            "EXCLUDED",
            0,
            2,
            f'They did "left" 5 minutes after {A}, before "b"; {DROPPED}.',
        ),
    ),
    "something excluded drops them, though they went on another time": (
        [at("10:00", "a"), at("10:05", "b"), at("03 10:00", "a"), at("03 10:05", "left")],
        funnel("a", "b", exclusions=[{"event": {"name": "left"}}], window="3600s"),
        (
            "EXCLUDED",
            0,
            2,
            f'They did "left" 5 minutes after "a" (3 Mar 2026, 10:00:00 UTC), before "b"; {DROPPED}.',
        ),
    ),
    "something excluded ends the attempt": (
        [at("10:00", "a"), at("10:01", "b"), at("10:05", "left"), at("10:06", "c")],
        funnel("a", "b", "c", exclusions=[{"event": {"name": "left"}, "fromStep": 2, "effect": "EFFECT_CUT_THERE"}]),
        (
            "EXCLUDED",
            2,
            3,
            'They did "left" 4 minutes after "b" (1 Mar 2026, 10:01:00 UTC), before "c"; it is excluded there, where the attempt ends.',
        ),
    ),
    "something that drops and ends drops": (
        [at("10:00", "a"), at("10:05", "left"), at("10:06", "b")],
        funnel("a", "b", exclusions=[{"event": {"name": "left"}, "effect": "EFFECT_CUT_THERE"}, {"event": {"name": "left"}}]),
        ("EXCLUDED", 0, 2, f'They did "left" 5 minutes after {A}, before "b"; {DROPPED}.'),
    ),
    "required steps count for more than optional ones": (
        [at("09:00", "a"), at("09:01", "b"), at("09:02", "c"), at("10:00", "a"), at("10:01", "d")],
        funnel("a", {"event": {"name": "b"}, "optional": True}, {"event": {"name": "c"}, "optional": True}, "d", "e", window="600s"),
        ("STEP_NEVER_DONE", 4, 5, f'They did "d" (1 Mar 2026, 10:01:00 UTC) and never "e" after it{READ}'),
    ),
    "another value": (
        [at("10:00", "a", cart="x"), at("10:05", "b", cart="y")],
        funnel("a", "b", holdConstant=["cart"]),
        ("VALUE_CHANGED", 1, 2, f'They did "b" 5 minutes after {A}, but with "cart" "y" instead of "x"; {SAME}.'),
    ),
    "no value": (
        [at("10:00", "a", cart="x"), at("10:05", "b")],
        funnel("a", "b", holdConstant=["cart"]),
        ("VALUE_CHANGED", 1, 2, f'They did "b" 5 minutes after {A}, but without "cart"; {SAME}.'),
    ),
    "the value of the cell of all steps": (
        [at("10:00", "a", plan="free"), at("10:05", "b", plan="pro")],
        funnel("a", "b", breakdowns=[{"property": "plan"}], attribution="ATTRIBUTION_ALL_STEPS"),
        (
            "VALUE_CHANGED",
            1,
            2,
            f'They did "b" 5 minutes after {A}, but with "plan" "pro" instead of "free"; {SAME}.',
        ),
    ),
    "before": (
        [at("10:00", "b"), at("11:00", "a")],
        funnel("a", "b"),
        (
            "TOO_EARLY",
            1,
            2,
            f'They did "b" 1 hour before "a" (1 Mar 2026, 11:00:00 UTC) and not again afterwards; {AFTER}.',
        ),
    ),
    "another session": (
        [at("10:00", "a", session="s1"), at("10:05", "b", session="s2")],
        funnel("a", "b", countBy="COUNT_BY_SESSIONS"),
        ("OTHER_SESSION", 1, 2, f'They did "b" 5 minutes after {A}, {ELSEWHERE}.'),
    ),
    "a pause begins another session": (
        [at("10:00", "a"), at("10:31", "b")],
        funnel("a", "b", countBy="COUNT_BY_SESSIONS"),
        ("OTHER_SESSION", 1, 2, f'They did "b" 31 minutes after {A}, {ELSEWHERE}.'),
    ),
    "the attempt of another in the same session": (
        [at("10:00", "a", session="s1"), at("09:59", "a", "bob", session="s1")],
        funnel("a", "b", countBy="COUNT_BY_SESSIONS"),
        ("NEVER_ENTERED", 0, 1, f"They did {A}, but in their session the attempt of another person is the one that counts."),
    ),
    "in any order one is lacking": (
        [at("10:00", "c"), at("10:05", "a")],
        funnel("a", "b", "c", order="ORDER_ANY_ORDER"),
        ("STEP_NEVER_DONE", 2, 2, f'They did "a" (1 Mar 2026, 10:05:00 UTC) and never "b"{READ}'),
    ),
    "in any order, too long before": (
        [at("10:00", "c"), at("12:00", "a"), at("12:01", "b")],
        funnel("a", "b", "c", order="ORDER_ANY_ORDER", window="3600s"),
        ("WINDOW_OVER", 2, 3, 'They did "c" 2 hours before "a" (1 Mar 2026, 12:00:00 UTC); ' + window("1 hour", "2 hours")),
    ),
    "in any order all of them": (
        [at("10:00", "b"), at("10:05", "a")],
        funnel("a", "b", order="ORDER_ANY_ORDER"),
        ("CONVERTED", 2, 0, 'They did all steps, the last of them "a" (1 Mar 2026, 10:05:00 UTC).'),
    ),
    "an optional step left out is not where they stopped": (
        [at("10:00", "a"), at("10:05", "c")],
        funnel("a", {"event": {"name": "b"}, "optional": True}, "c", "d"),
        ("STEP_NEVER_DONE", 3, 4, f'They did "c" (1 Mar 2026, 10:05:00 UTC) and never "d" after it{READ}'),
    ),
    "of several attempts the furthest": (
        [at("10:00", "a"), at("02 10:00", "a"), at("02 10:01", "b"), at("03 10:00", "a")],
        funnel("a", "b", "c", window="3600s", countBy="COUNT_BY_TOTALS"),
        ("STEP_NEVER_DONE", 2, 3, f'They did "b" (2 Mar 2026, 10:01:00 UTC) and never "c" after it{READ}'),
    ),
    "of totals the next attempt begins after what ended the one before": (
        [at("10:00", "a"), at("10:01", "b"), at("10:02", "a"), at("10:03", "left"), at("10:04", "b"), at("10:05", "c")],
        funnel(
            *"abc",
            countBy="COUNT_BY_TOTALS",
            exclusions=[{"event": {"name": "left"}, "fromStep": 2, "effect": "EFFECT_CUT_THERE"}],
        ),
        (
            "EXCLUDED",
            2,
            3,
            'They did "left" 2 minutes after "b" (1 Mar 2026, 10:01:00 UTC), before "c"; it is excluded there, where the attempt ends.',
        ),
    ),
    "a step that takes any event is called by the event": (
        [at("10:00", "a"), at("12:00", "x")],
        funnel("a", {"event": {}}, window="60s"),
        ("WINDOW_OVER", 1, 2, f'They did "x" (step 2) 2 hours after {A}; ' + window("1 minute", "2 hours")),
    ),
}


@pytest.mark.parametrize("story", STORIES)
async def test_it_is_said_what_stopped_them(store: Store, why: Ask, story: str) -> None:
    told, query, (rule, reached, stopped_at, words) = STORIES[story]
    await store.tell(*told, at("10:00", "a", "somebody else"), at("10:01", "b", "somebody else"))

    found = await why(query)

    assert said(found) == (rule, reached, stopped_at)
    assert found.explanation == words


async def test_events_of_one_millisecond_count_as_in_order_either_way(store: Store, why: Ask) -> None:
    b, a = (f"00000000-0000-7000-8000-{number:012}" for number in range(2))
    await store.tell(replace(at("10:00", "a"), event_id=a), replace(at("10:00", "b"), event_id=b))

    assert said(await why(funnel("a", "b"))) == ("CONVERTED", 2, 0)
    assert said(await why(funnel("a", "b", order="ORDER_STRICT"))) == ("TOO_EARLY", 1, 2)


async def test_events_say_what_they_match_and_what_they_fill(store: Store, why: Ask) -> None:
    await store.tell(at("09:00", "b"), at("10:00", "a"), at("10:01", "left"), at("10:02", "a"), at("10:03", "b"), at("10:04", "other"))

    found = await why(funnel("a", "b", "a", exclusions=[{"event": {"name": "left"}, "fromStep": 2}]))

    assert filled(found) == [("b", [2], 0), ("a", [1, 3], 1), ("left", [], 0), ("a", [1, 3], 0), ("b", [2], 2)]
    assert [list(one.excludes) for one in found.events] == [[], [], [1], [], []]
    assert MessageToDict(found.events[1])["occurredAt"] == "2026-03-01T10:00:00Z"
    assert (found.left_out, found.meta.time_zone) == (0, "UTC")
    assert MessageToDict(found.meta)["completeUntil"] == "2026-03-10T11:59:58Z"


async def test_in_strict_order_all_their_events_are_told(store: Store, why: Ask) -> None:
    await store.tell(at("10:00", "a"), at("10:01", "x"), at("10:02", "b"))

    found = await why(funnel("a", "b", order="ORDER_STRICT"))

    assert filled(found) == [("a", [1], 1), ("x", [], 0), ("b", [2], 0)]


async def test_any_id_of_a_person_stands_for_all_of_theirs_as_of_the_version_asked_for(store: Store, why: Ask) -> None:
    await store.tell(at("10:00", "a", "phone"), at("10:05", "b", "laptop"))
    await store.know(1)
    await store.know(2, {"phone": "ann", "laptop": "ann"})

    for one in ("ann", "phone", "laptop"):
        assert said(await why(funnel("a", "b"), one)) == ("CONVERTED", 2, 0)
    before = {**funnel("a", "b"), "asOfIdentity": 1}
    assert said(await why(before, "phone")) == ("STEP_NEVER_DONE", 1, 2)
    assert said(await why(before, "ann")) == ("NEVER_ENTERED", 0, 1)
    assert [one.distinct_id for one in (await why(funnel("a", "b"))).events] == ["phone", "laptop"]


async def test_events_the_filters_keep_out_are_neither_steps_nor_told(store: Store, why: Ask) -> None:
    await store.tell(at("10:00", "a", plan="pro"), at("10:05", "b", plan="free"))

    found = await why(within(funnel("a", "b"), filters={"filters": [{"property": "plan", "values": ["pro"]}]}))

    assert said(found) == ("STEP_NEVER_DONE", 1, 2)
    assert [one.name for one in found.events] == ["a"]


async def test_in_a_session_with_others_their_events_are_steps_too(store: Store, why: Ask) -> None:
    await store.tell(at("10:00", "a", session="s1"), at("10:05", "b", "bob", session="s1"))

    found = await why(funnel("a", "b", countBy="COUNT_BY_SESSIONS"))

    assert said(found) == ("CONVERTED", 2, 0)
    assert [(one.distinct_id, one.fills) for one in found.events] == [("ann", 1), ("bob", 2)]


async def test_nobody_of_another_project_is_known(store: Store, insights: InsightsService) -> None:
    await store.tell(at("10:00", "a"), at("10:05", "b"))
    request = ParseDict({"query": dict(funnel("a", "b")), "distinctId": "ann"}, WhyNotRequest())

    elsewhere = await insights.why_not(request, Call(Credential("key", Project(7, "UTC"), frozenset()), "request"))

    assert said(elsewhere) == ("NEVER_ENTERED", 0, 1)
    assert not elsewhere.events


async def test_visitors_for_a_day_are_told_of_when_the_query_counts_them(store: Store, why: Ask) -> None:
    await store.tell(at("10:00", "a", "cookieless-1"), at("10:05", "b", "cookieless-1"))

    assert said(await why(funnel("a", "b"), "cookieless-1")) == ("NEVER_ENTERED", 0, 1)
    assert said(await why(within(funnel("a", "b"), includeCookieless=True), "cookieless-1")) == ("CONVERTED", 2, 0)


async def test_a_thousand_events_are_listed_and_in_any_case_those_of_the_attempt(store: Store, why: Ask) -> None:
    await store.tell(*(at("00:00", "b") for _ in range(1_500)), at("10:00", "a"), at("10:01", "b"))

    found = await why(funnel("a", "b"))

    assert said(found) == ("CONVERTED", 2, 0)
    assert (len(found.events), found.left_out) == (1_000, 502)
    assert [(one.name, one.fills) for one in found.events[-2:]] == [("a", 1), ("b", 2)]
    assert [one.fills for one in found.events[:-2]] == [0] * 998


async def told_many(store: Store, count: int) -> None:
    """So many events of ann's, a second apart, from the first of March on."""
    await store.clickhouse.command(
        "INSERT INTO events_in (event_id, project_id, name, distinct_id, occurred_at, received_at, properties)"
        f" SELECT generateUUIDv4(), {store.project_id}, if(number % 2, 'b', 'a'), 'ann', 1772323200000 + 1000 * number, 0, '{{}}'"
        f" FROM numbers({count})"
    )


async def test_somebody_who_did_too_much_is_refused_before_it_is_read(store: Store, why: Ask) -> None:
    await told_many(store, 200_000)

    with pytest.raises(TooManyEvents) as raised:
        await why(funnel("a", "b"))

    assert (raised.value.code.name, raised.value.field) == ("RESOURCE_EXHAUSTED", "query")


async def test_what_comes_after_all_attempts_may_be_too_much(store: Store, clickhouse: ClickHouse, call: Call) -> None:
    await store.tell(at("10:00", "a"), *(at(f"05 10:{minute:02}", "a") for minute in range(60)), at("06 10:00", "b"))
    request = ParseDict({"query": dict(funnel("a", "b", window="60s")), "distinctId": "ann"}, WhyNotRequest())

    check_patterns = partial(KnownPatterns().check, ask=clickhouse.query)
    found = await why_not(request, call, clickhouse=clickhouse, now=NOW, limits=LIMITS, check_patterns=check_patterns, most=10)

    assert said(found) == ("STEP_NEVER_DONE", 1, 2)
    assert found.explanation.endswith("events were read until 5 Mar 2026, 10:09:00 UTC.")


NOTHING: JSON = {}
REFUSED: Mapping[str, tuple[JSON, str, type[InvalidArgument], str]] = {
    "no funnel": ({"insight": {"stickiness": NOTHING}, "timeRange": THREE_DAYS}, "ann", InvalidArgument, "query.insight"),
    "no query": ({}, "ann", InvalidArgument, "query.insight"),
    "nobody": (funnel("a", "b"), "", MissingField, "distinctId"),
    "a bad funnel": (funnel("a"), "ann", InvalidArgument, "query.insight.funnel.steps"),
    "no range": ({"insight": {"funnel": {"steps": [NOTHING, NOTHING]}}}, "ann", InvalidArgument, "query.timeRange"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_told_is_refused_with_the_field(why: Ask, case: str) -> None:
    query, distinct_id, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await why(query, distinct_id)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


GOLDEN: Mapping[str, JSON] = {
    "ordered": funnel("viewed", "bought", exclusions=[{"event": {"name": "left"}}], holdConstant=["cart"]),
    "strict": funnel("viewed", "bought", order="ORDER_STRICT"),
    "sessions": funnel("viewed", "bought", countBy="COUNT_BY_SESSIONS"),
    "strict_sessions_as_of_an_identity": funnel("viewed", "bought", order="ORDER_STRICT", countBy="COUNT_BY_SESSIONS"),
}


def planned(name: str) -> Sql:
    request = ParseDict({"query": dict(GOLDEN[name])}, WhyNotRequest())
    scope = scope_of(request.query, Project(7, "UTC"), NOW, 42 if "identity" in name else 0)
    return events_of("ann", asked_of(request.query.insight.funnel, scope), scope, 101)


@pytest.mark.parametrize("name", GOLDEN)
def test_sql_reads_as_its_golden_file(name: str) -> None:
    assert_reads_as(f"why_not/{name}", planned(name))


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (0, "0 seconds"), (1, "0.001 s"), (1_000, "1 second"), (61_500, "1 min 1.5 s"), (60_250, "1 min 0.25 s"), (86_400_000, "1 day"),
        (1_209_600_000, "14 days"), (266_400_000, "3 d 2 h"), (90_061_000, "1 d 1 h 1 min 1 s"),
    ],
)  # fmt: skip
def test_spans_are_written_in_full(milliseconds: int, written: str) -> None:
    assert span(milliseconds) == written
