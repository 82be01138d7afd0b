"""Which regular expressions a question may have, and how often they are compiled."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from google.protobuf.json_format import ParseDict

from core.clickhouse import ClickHouse, Rows
from core.errors import FilterInvalid, QueryTooComplex, TooManyQueries
from core.sql import Sql
from pug.insights.v1.insights_pb2 import ExplainRequest, ListPersonsRequest, QueryRequest, QueryResponse
from services.insights import patterns
from services.insights.filters import Patterns
from services.insights.patterns import MAX_SIZE, KnownPatterns, check_sizes, size_of
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.rpc.call import Call
from story import Store, event

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
RANGE: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
PLACE = "insight.trends.series[0].event.filters[0].values"


def matching(*values: str) -> JSON:
    filters = [{"property": "plan", "op": "OP_MATCHES", "values": list(values)}]
    return {"insight": {"trends": {"series": [{"event": {"filters": filters}}]}}, "timeRange": RANGE}


def asked_for(number: str) -> Patterns:
    return [(pattern, f"values[{place}]") for place, pattern in enumerate(number.split())]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouse) -> list[str]:
    """What compiled patterns and did nothing else, in a list that grows."""
    asked: list[str] = []
    query = clickhouse.query

    async def listed(one: Sql) -> Rows:
        if (written := one.for_console()).startswith("SELECT match('',"):
            asked.append(written)
        return await query(one)

    monkeypatch.setattr(clickhouse, "query", listed)
    return asked


class Compiler:
    """Says of each pattern `bad` that it cannot be compiled, as ClickHouse does: not of which."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    async def ask(self, query: Sql) -> None:
        values = [str(value.bound) for value in query.render()[1].values()]
        self.asked.append(values)
        if "bad" in values:
            raise FilterInvalid("No.", field="filters.values", hint="Mend it.")


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("plan", 20),
        (r"\d{4}-\d{2}", 35),
        (r"a{3,}", 20),
        (r"a{0}", 5),
        (r"a{2,4}", 40),
        (r"(ab){10}", 150),
        (r"((a{10}){10}){10}", 5_550),
        (r"\pL", 700),
        (r"\p{Greek}{2}", 1_400),
        (r"\pL{300}", 210_000),
        (r"(?i)(\pL|\pN|\pP){300}", 634_510),
        (r"[a-z]{10}", 100),
        (r"[\pL\d]{10}", 7_120),
        # What looks like a sign of something is none of it inside a class, after a backslash or in quotes.
        (r"[]\pL]{10}", 7_110),
        (r"[^]\pL(]{10}", 7_130),
        (r"[[:alpha:]\]\pL]{10}", 7_210),
        (r"\[\pL\]{2}", 715),
        (r"\\pL{2}", 20),
        (r"(\Q)\E\pL){10}", 7_300),
        (r"\x{1F600}{3}", 15),
        # Refused by RE2, whatever is read in them.
        (r"[a\pL", 710),
        (r"(\pL", 700),
        (r"\pL)", 705),
    ],
)
def test_what_a_pattern_becomes_is_added_up_with_what_counts_repeat(pattern: str, size: int) -> None:
    assert size_of(pattern) == size


@pytest.mark.parametrize("part", ["[", "(", "\\", "\\x{", "\\p{", "\\Q", "[[:", "[\\", "{1", "[:a:", "a)", "(?", "[^]"])
def test_signs_of_beginnings_without_ends_are_read_once(part: str) -> None:
    reads = sum(len(found[0]) for found in patterns._PART.finditer(part * 1_000))  # pyright: ignore[reportPrivateUsage] (what reads)

    assert reads == len(part) * 1_000
    assert size_of(part * 1_000 + "\\") >= 0


@pytest.mark.parametrize("pattern", [r"(\pL|\pN|\pP){300}", r"[\pL\pN]{100}", "x{0,1000}" * 7, "x" * 20_001, "(x{1000}){1000}"])
async def test_patterns_that_take_long_to_compile_are_refused_before_anything_is_asked(compiled: list[str], ask: Ask, pattern: str) -> None:
    with pytest.raises(QueryTooComplex) as refused:
        await ask(matching("^a$", pattern))

    assert (refused.value.field, compiled) == (f"{PLACE}[1]", [])
    assert refused.value.hint


def test_patterns_that_are_small_each_are_added_up() -> None:
    letters = [(r"\pL{10}", f"values[{place}]") for place in range(MAX_SIZE // 7_000 + 1)]

    check_sizes(letters[:-1])
    with pytest.raises(QueryTooComplex) as refused:
        check_sizes(letters)

    assert refused.value.field == letters[-1][1]
    check_sizes(letters, 2 * MAX_SIZE)


async def test_usual_patterns_and_many_of_them_are_answered(store: Store, ask: Ask) -> None:
    await store.tell(event("buy", plan="pro-2026"), event("buy", plan="ünlimited"))
    usual = (
        r"(?i)^[\w.%+-]{1,64}@[\w.-]{1,255}\.[a-z]{2,63}$",
        r"^\d{1,3}(\.\d{1,3}){3}$",
        r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
        r"^\p{L}+$",
        r"^pro-\d{4}$",
        "|".join(f"bot{number}" for number in range(300)),
    )

    assert list((await ask(matching(*usual))).trends.series[0].values) == [2]


async def test_patterns_are_compiled_once_for_all_who_ask_for_them(compiled: list[str], ask: Ask) -> None:
    await ask(matching("once1", "once2"))
    await ask(matching("once2", "once1"))
    await ask(matching("once2", "once3"))

    assert [("once1" in one, "once2" in one, "once3" in one) for one in compiled] == [(True, True, False), (False, False, True)]


async def test_so_many_patterns_are_remembered_those_asked_for_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_REMEMBERED", 2)
    known, compiler = KnownPatterns(), Compiler()

    for written in ("a b", "a", "c", "a", "b"):
        await known.check(asked_for(written), compiler.ask)

    assert compiler.asked == [["a", "b"], ["c"], ["b"]]


async def test_first_that_cannot_be_compiled_is_named_and_asked_for_again_the_next_time() -> None:
    known, compiler = KnownPatterns(), Compiler()
    written = asked_for(" ".join(["fine"] * 70 + ["bad"] + ["fine"] * 20 + ["bad"]))

    for _ in range(2):
        with pytest.raises(FilterInvalid) as refused:
            await known.check(written, compiler.ask)

        assert (refused.value.message, refused.value.field, refused.value.hint) == ("No.", "values[70]", "Mend it.")
    assert len(compiler.asked) <= 2 * 8


async def test_patterns_are_compiled_under_the_limits_of_a_query_in_its_turn(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str], insights: InsightsService, call: Call
) -> None:
    turns = Turns(AtOnce(queries=1, project_queries=1, project_waiting=0))
    monkeypatch.setattr(insights, "_turns", turns)
    query = ParseDict(dict(matching("in its turn")), QueryRequest())

    async with turns.turn(call):
        with pytest.raises(TooManyQueries):
            await insights.query(query, call)
        with pytest.raises(TooManyQueries):
            await insights.check(query, call)
        assert compiled == []
    await insights.query(query, call)

    assert ["max_execution_time" in one and "max_memory_usage" in one for one in compiled] == [True]


async def test_explaining_and_listing_who_is_behind_compile_patterns_under_limits_too(
    compiled: list[str], insights: InsightsService, call: Call
) -> None:
    await insights.explain(ExplainRequest(query=ParseDict(dict(matching("explained")), QueryRequest())), call)
    behind = ParseDict({"query": dict(matching("behind")), "trends": {"series": "A", "cell": {}}}, ListPersonsRequest())
    await insights.list_persons(behind, call)

    assert ["max_execution_time" in one for one in compiled] == [True, True]
