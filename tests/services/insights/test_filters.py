"""Filters against a naive reading of them in Python, on the real engine, over keys and values chosen to be awkward."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.errors import FilterInvalid, InvalidArgument, PropertyMissing, PugError, TooLong, TooMany
from core.sql import Sql, sql, unsigned
from pug.insights.v1.filter_pb2 import Filter, FilterGroup
from services.insights.filters import condition, group_condition, joined
from services.insights.people import AsOf, People
from story import Happening, Store, next_project

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
AS_OF = AsOf(NOW, People(1, 0))
KEYS = (
    "plan", "a b", "a`b", "a\\b", "a'b", 'a"b', "a\tb", "a\nb", "ключ", "x.:Int64", "^caret", "a{b:String}", "{}", "a%sb", "$os", "1",
    "null", "p.null", "*", "a.b.c", "SELECT", "a;b", "--", "🙂", "a[]", "a`.:Int64", "\\`", "tags.size0", "a\\'b", "👍`",
)  # fmt: skip
# ClickHouse can't be made to read these; they count as absent.
UNREADABLE_KEYS = ("x.:`Int64`", ".:`", "^`a", "@`a", ":`a")
VALUES: tuple[object, ...] = (
    "pro", "Pro", "", " ", "0", "3", "3.0", "1.5", "-2", "1e3", "007", "nan", "inf", "-inf", "12abc", "0x10", "true", "false", "True",
    "it's", "a\\b", "tab\there", "line\nbreak", "%_%", "Ärger", "ärger", "[1]", "['x','y']", "🙂", "null",
    0, 3, -2, 10**15, 2**63 + 1024, 1.5, 0.25, -2.25, 3.5, 1000.0, True, False, ["x", "y"], [1, 2], [], [1, "x"],
    {"inner": 1}, {"in": {"ner": "x"}}, {}, None,
    "2026-03-01", "2026-03-09T12:00:00Z", "2026-03-10T13:00:00+02:00", "2026-03-10 11:59:59.999", "2026-03-10T12:00:00Z",
    "2026-03-10T12:00:01Z", "2026-02-30", "2026-03-10T25:00:00Z", "9999-12-31", "0001-01-01T00:00:00Z", "20260310",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def told(clickhouse: ClickHouse) -> Store:
    """An event for each key and each value, named after the key's place, with the value's place as its session."""
    store = Store(clickhouse, next_project())
    keys = (*KEYS, *UNREADABLE_KEYS)
    for k, key in enumerate(keys):
        await store.tell(*(Happening(str(k), "ann", NOW, str(v), {key: value}) for v, value in enumerate(VALUES)))
    return store


async def passing(store: Store, holds: Sql) -> dict[int, set[int]]:
    """The places of the values that pass, by the place of the key."""
    found = await store.clickhouse.query(
        sql(
            "SELECT toUInt32(name), groupArray(toUInt32(session_id)) FROM events WHERE project_id = {project} AND {holds} GROUP BY name",
            project=unsigned(store.project_id),
            holds=holds,
        )
    )
    return {key: set(values) for key, values in cast("Sequence[tuple[int, Sequence[int]]]", found.rows)}


Operand = str | float | bool
Operands = st.SearchStrategy[list[Operand]]
texts: st.SearchStrategy[Operand] = st.sampled_from([value for value in VALUES if isinstance(value, str)]) | st.text(max_size=3)
numbers: st.SearchStrategy[Operand] = st.sampled_from([0.0, 3.0, -2.0, 1e3, 7.0, 1.5, 0.25, -2.25, 3.5, 1e15, 0.5, float(2**63 + 1024)])
times: st.SearchStrategy[Operand] = st.sampled_from(
    ["2026-03-01", "2026-03-09T12:00:00Z", "2026-03-10T12:00:00.5+01:00", "1969-12-31T23:59:59Z", "9000-01-01"]
)
spans: st.SearchStrategy[Operand] = st.sampled_from(["1s", "30m", "12h", "2d", "3650d", "500w"])
patterns: st.SearchStrategy[Operand] = st.sampled_from(["^p", "(?i)PRO$", "[0-9]+", "^$", "ä", r"\.", "a|b", "x.*y", "^line.break$"])


def some(operand: st.SearchStrategy[Operand], most: int = 3) -> Operands:
    return st.lists(operand, min_size=1, max_size=most)


OPERANDS: Mapping[Filter.Op, Operands] = {
    Filter.OP_IS: some(st.one_of(texts, numbers, st.booleans()), most=4),
    Filter.OP_CONTAINS: some(texts),
    Filter.OP_STARTS_WITH: some(texts),
    Filter.OP_ENDS_WITH: some(texts),
    Filter.OP_MATCHES: some(patterns),
    Filter.OP_IS_SET: some(texts).map(lambda _: []),
    Filter.OP_LT: some(numbers, most=1),
    Filter.OP_LTE: some(numbers, most=1),
    Filter.OP_GT: some(numbers, most=1),
    Filter.OP_GTE: some(numbers, most=1),
    Filter.OP_BETWEEN: st.lists(numbers, min_size=2, max_size=2).map(lambda two: sorted(two, key=float)),
    Filter.OP_BEFORE: some(times, most=1),
    Filter.OP_AFTER: some(times, most=1),
    Filter.OP_IN_LAST: some(spans, most=1),
}
NEGATED = {
    Filter.OP_IS_NOT: Filter.OP_IS,
    Filter.OP_NOT_CONTAINS: Filter.OP_CONTAINS,
    Filter.OP_NOT_MATCHES: Filter.OP_MATCHES,
    Filter.OP_IS_NOT_SET: Filter.OP_IS_SET,
    Filter.OP_NOT_BETWEEN: Filter.OP_BETWEEN,
}


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[Filter.Op, list[Operand]]:
    op = draw(st.sampled_from([*OPERANDS, *NEGATED]))
    return op, draw(OPERANDS[NEGATED.get(op, op)])


def holds(op: Filter.Op, value: object, operands: Sequence[Operand]) -> bool:
    """What semantics.md says, the slow and obvious way."""
    if op in NEGATED:
        return not holds(NEGATED[op], value, operands)
    if op == Filter.OP_IS_SET:
        return value not in (None, {})
    if op == Filter.OP_IS:
        return any(is_equal(value, one) for one in operands)
    if op in BY_TEXT:
        text = text_of(value)
        return text is not None and any(BY_TEXT[op](text, str(one)) for one in operands)
    if op in BY_NUMBER:
        number = number_of(value)
        return number is not None and BY_NUMBER[op](number, [float(one) for one in operands])
    time = time_of(value)
    return time is not None and BY_TIME[op](time, str(operands[0]))


BY_TEXT: Mapping[Filter.Op, Callable[[str, str], bool]] = {
    Filter.OP_CONTAINS: lambda text, part: part.lower() in text.lower(),
    Filter.OP_STARTS_WITH: lambda text, part: text.startswith(part),
    Filter.OP_ENDS_WITH: lambda text, part: text.endswith(part),
    Filter.OP_MATCHES: lambda text, pattern: re.search(pattern, text, re.DOTALL) is not None,
}
BY_NUMBER: Mapping[Filter.Op, Callable[[float, list[float]], bool]] = {
    Filter.OP_LT: lambda number, limits: number < limits[0],
    Filter.OP_LTE: lambda number, limits: number <= limits[0],
    Filter.OP_GT: lambda number, limits: number > limits[0],
    Filter.OP_GTE: lambda number, limits: number >= limits[0],
    Filter.OP_BETWEEN: lambda number, limits: limits[0] <= number <= limits[1],
}
BY_TIME: Mapping[Filter.Op, Callable[[datetime, str], bool]] = {
    Filter.OP_BEFORE: lambda time, limit: time < instant_of(limit),
    Filter.OP_AFTER: lambda time, limit: time >= instant_of(limit),
    Filter.OP_IN_LAST: lambda time, span: NOW - span_of(span) <= time <= NOW,
}


def span_of(span: str) -> timedelta:
    return int(span[:-1]) * timedelta(seconds={"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[span[-1]])


def is_equal(value: object, operand: Operand) -> bool:
    match operand:
        case bool():
            return text_of(value) == str(operand).lower()
        case str():
            return text_of(value) == operand
        case _:
            return number_of(value) == operand


def text_of(value: object) -> str | None:
    match value:
        case None | dict():
            return None
        case str():
            return value
        case bool():
            return str(value).lower()
        case float():
            return repr(value).removesuffix(".0")
        case list():
            return "[" + ",".join(repr(one) for one in cast("list[object]", value)) + "]"
        case _:
            return str(value)


def number_of(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def time_of(value: object) -> datetime | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value):
        return None
    try:
        return instant_of(value)
    except ValueError:
        return None


def instant_of(written: str) -> datetime:
    read = datetime.fromisoformat(written)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def spec(key: str, op: Filter.Op, operands: Sequence[Operand]) -> Filter:
    filter_ = Filter(property=key, op=op)
    for operand in operands:
        match operand:
            case bool():
                filter_.values.add(bool_value=operand)
            case str():
                filter_.values.add(string_value=operand)
            case _:
                filter_.values.add(number_value=operand)
    return filter_


@given(k=st.integers(0, len(KEYS) - 1), comparison=comparisons())
@settings(max_examples=500, deadline=None)
async def test_filters_agree_with_a_naive_reading_for_every_operator_key_and_value(
    told: Store, k: int, comparison: tuple[Filter.Op, list[Operand]]
) -> None:
    op, operands = comparison

    found = await passing(told, condition(spec(KEYS[k], op, operands), "filter", AS_OF))

    assert found.get(k, set()) == {v for v, value in enumerate(VALUES) if holds(op, value, operands)}


@pytest.mark.parametrize("op", [*OPERANDS, *NEGATED])
@pytest.mark.parametrize("key", UNREADABLE_KEYS)
async def test_key_that_clickhouse_cannot_read_counts_as_absent(told: Store, op: Filter.Op, key: str) -> None:
    operands: dict[Filter.Op, list[Operand]] = {
        Filter.OP_IN_LAST: ["1d"],
        Filter.OP_BEFORE: ["2026-01-01"],
        Filter.OP_AFTER: ["2026-01-01"],
    }
    given_ = operands.get(op) or ([] if "SET" in Filter.Op.Name(op) else [1.0, 2.0] if "BETWEEN" in Filter.Op.Name(op) else ["1"])

    found = await passing(told, condition(spec(key, op, given_), "filter", AS_OF))

    everything = {k: set(range(len(VALUES))) for k in range(len(KEYS) + len(UNREADABLE_KEYS))}
    assert found == (everything if op in NEGATED else {})


parts = comparisons().map(lambda comparison: FilterGroup(filters=[spec("plan", *comparison)]))
groups = st.recursive(
    parts,
    lambda inside: st.builds(FilterGroup, match=st.sampled_from(FilterGroup.Match.values()), groups=st.lists(inside, max_size=3)),
    max_leaves=8,
)


@given(groups)
@settings(max_examples=100, deadline=None)
async def test_groups_join_their_parts_by_all_or_any(told: Store, group: FilterGroup) -> None:
    found = await passing(told, joined(group, "filters", lambda spec, path: condition(spec, path, AS_OF), depth=-10))

    assert found.get(0, set()) == {v for v, value in enumerate(VALUES) if group_holds(group, value)}


def group_holds(group: FilterGroup, value: object) -> bool:
    passed = [group_holds(inner, value) for inner in group.groups]
    passed += [holds(filter_.op, value, [operand_of(one) for one in filter_.values]) for filter_ in group.filters]
    return any(passed) or not passed if group.match == FilterGroup.MATCH_ANY else all(passed)


def operand_of(value: Value) -> Operand:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return value.number_value
        case _:
            return value.string_value


REFUSED: Mapping[str, tuple[Mapping[str, object], type[PugError], str]] = {
    "no property": ({"values": ["a"]}, PropertyMissing, "f.property"),
    "a key of 201 characters": ({"property": "p" * 201}, TooLong, "f.property"),
    "a long key inside another": ({"property": "p." + "p" * 201}, TooLong, "f.property"),
    "six long keys": ({"property": ".".join(["p" * 200] * 6)}, TooLong, "f.property"),
    "unknown source": ({"property": "p", "source": 7, "values": ["a"]}, InvalidArgument, "f.source"),
    "unknown operator": ({"property": "p", "op": 99, "values": ["a"]}, InvalidArgument, "f.op"),
    "no value": ({"property": "p"}, FilterInvalid, "f.values"),
    "null": ({"property": "p", "values": [None]}, FilterInvalid, "f.values[0]"),
    "a list as a value": ({"property": "p", "values": ["a", ["b"]]}, FilterInvalid, "f.values[1]"),
    "an object as a value": ({"property": "p", "values": [{"a": 1}]}, FilterInvalid, "f.values[0]"),
    "a number for contains": ({"property": "p", "op": "OP_CONTAINS", "values": ["a", 5]}, FilterInvalid, "f.values[1]"),
    "a value for is_set": ({"property": "p", "op": "OP_IS_SET", "values": ["a"]}, FilterInvalid, "f.values"),
    "two limits": ({"property": "p", "op": "OP_LT", "values": [1, 2]}, FilterInvalid, "f.values"),
    "a word as a limit": ({"property": "p", "op": "OP_LT", "values": ["many"]}, FilterInvalid, "f.values[0]"),
    "a boolean as a limit": ({"property": "p", "op": "OP_GT", "values": [True]}, FilterInvalid, "f.values[0]"),
    "one end of between": ({"property": "p", "op": "OP_BETWEEN", "values": [1]}, FilterInvalid, "f.values"),
    "between backwards": ({"property": "p", "op": "OP_BETWEEN", "values": [2, 1]}, FilterInvalid, "f.values"),
    "no time": ({"property": "p", "op": "OP_BEFORE", "values": ["yesterday"]}, FilterInvalid, "f.values[0]"),
    "a number as a time": ({"property": "p", "op": "OP_AFTER", "values": [5]}, FilterInvalid, "f.values[0]"),
    "a time out of range": ({"property": "p", "op": "OP_AFTER", "values": ["0001-01-01T00:00:00+10:00"]}, FilterInvalid, "f.values[0]"),
    "no span": ({"property": "p", "op": "OP_IN_LAST", "values": ["week"]}, FilterInvalid, "f.values[0]"),
    "an endless span": ({"property": "p", "op": "OP_IN_LAST", "values": ["999999999w"]}, FilterInvalid, "f.values[0]"),
    "an empty span": ({"property": "p", "op": "OP_IN_LAST", "values": ["0d"]}, FilterInvalid, "f.values[0]"),
    "too many values": ({"property": "p", "values": ["a"] * 1001}, TooMany, "f.values"),
    "too many patterns": ({"property": "p", "op": "OP_MATCHES", "values": ["a"] * 21}, TooMany, "f.values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_filter_that_makes_no_sense_is_refused_at_its_field(case: str) -> None:
    written, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        condition(ParseDict(dict(written), Filter()), "f", AS_OF)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


async def test_property_is_set_where_it_is_an_object_though_it_has_a_value_elsewhere(store: Store) -> None:
    nests: tuple[object, ...] = ({"deep": 1}, {"deep": {"er": "x"}}, 3, {}, {"deep": None}, None)
    await store.tell(*(Happening("a", "ann", NOW, str(place), {"nest": nest, "nesting": 1}) for place, nest in enumerate(nests)))
    await store.tell(Happening("a", "ann", NOW, "6", {"outer": {"nest": {"deep": 1}}}))

    found = [
        await passing_sessions(store, spec(key, op, []))
        for key in ("nest", "outer.nest", "outer")
        for op in (Filter.OP_IS_SET, Filter.OP_IS_NOT_SET)
    ]

    assert found == [{0, 1, 2}, {3, 4, 5, 6}, {6}, {0, 1, 2, 3, 4, 5}, {6}, {0, 1, 2, 3, 4, 5}]


async def passing_sessions(store: Store, filter_: Filter) -> set[int]:
    found = await store.clickhouse.query(
        sql(
            "SELECT toUInt32(session_id) FROM events WHERE project_id = {project} AND {holds}",
            project=unsigned(store.project_id),
            holds=condition(filter_, "f", AS_OF),
        )
    )
    return {session for (session,) in cast("Sequence[tuple[int]]", found.rows)}


def test_key_may_be_as_long_as_one_that_can_be_sent() -> None:
    for key in ("🙂" * 200, ".".join(["p" * 200] * 5)):
        written, _ = condition(spec(key, Filter.OP_IS_SET, []), "f", AS_OF).render()

        assert key in written


async def test_filter_may_have_a_thousand_values(told: Store) -> None:
    thousand = [f"v{number}" for number in range(999)]

    contains = await passing(told, condition(spec("plan", Filter.OP_CONTAINS, [*thousand, "PRO"]), "f", AS_OF))
    is_one = await passing(told, condition(spec("plan", Filter.OP_IS, [*thousand, "pro"]), "f", AS_OF))

    assert (contains, is_one) == ({0: {0, 1}}, {0: {0}})


def test_groups_may_be_nested_five_deep_and_no_deeper() -> None:
    group = FilterGroup()
    for _ in range(5):
        group = FilterGroup(groups=[group])
    group_condition(group, "insight.filters", AS_OF)

    with pytest.raises(FilterInvalid) as raised:
        group_condition(FilterGroup(groups=[group]), "insight.filters", AS_OF)

    assert raised.value.field == "insight.filters" + ".groups[0]" * 6


def test_unknown_match_is_refused() -> None:
    group = FilterGroup.FromString(b"\x08\x09")

    with pytest.raises(InvalidArgument) as raised:
        group_condition(group, "insight.filters", AS_OF)

    assert raised.value.field == "insight.filters.match"
