"""Filters against a naive reading of them in Python, on the real engine, over keys and values chosen to be awkward."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from story import Happening, Store, next_project

from core.clickhouse import ClickHouse
from core.errors import FilterInvalid, InvalidArgument, PropertyMissing, PugError, TooMany
from core.sql import Sql, sql, unsigned
from pug.insights.v1.filter_pb2 import Filter, FilterGroup
from services.insights.filters import condition, group_condition

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEYS = (
    "plan", "a b", "a`b", "a\\b", "a'b", 'a"b', "a\tb", "a\nb", "ключ", "x.:Int64", "^caret", "a{b:String}", "{}", "a%sb", "$os", "1", "null",
    "p.null", "*", "a.b.c", "SELECT", "a;b", "--", "/*", "🙂", "a[]", "a`.:Int64", "\\`", "tags.size0", "a\\'b", "👍`",
)  # fmt: skip
# ClickHouse can't be made to read these; they count as absent.
UNREADABLE_KEYS = ("x.:`Int64`", ".:`", "^`a", "@`a", ":`a")
VALUES: tuple[object, ...] = (
    "pro", "Pro", "", " ", "0", "3", "3.0", "1.5", "-2", "1e3", "007", "nan", "inf", "-inf", "12abc", "0x10", "true", "false", "True", "it's",
    "a\\b", "tab\there", "line\nbreak", "%_%", "Ärger", "ärger", "[1]", "['x','y']", "🙂", "null", 0, 3, -2, 10**15, 2**63 + 1024, 1.5, 0.25, -2.25,
    3.5, 1000.0, True, False, ["x", "y"], [1, 2], [], [1, "x"],
    "2026-03-01", "2026-03-09T12:00:00Z", "2026-03-10T13:00:00+02:00", "2026-03-10 11:59:59.999", "2026-03-10T12:00:00Z", "2026-03-10T12:00:01Z",
    "2026-02-30", "2026-03-10T25:00:00Z", "9999-12-31", "0001-01-01T00:00:00Z", "20260310", {"inner": 1}, None,
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
    return {int(str(key)): set(values) for key, values in found.rows if isinstance(values, list)}


Operand = str | float | bool
texts = st.sampled_from([value for value in VALUES if isinstance(value, str)]) | st.text(max_size=3)
numbers = st.sampled_from([0.0, 3.0, -2.0, 1e3, 7.0, 1.5, 0.25, -2.25, 3.5, 1e15, 0.5, float(2**63 + 1024)])
scalars: st.SearchStrategy[Operand] = st.one_of(texts, numbers, st.booleans())
times = st.sampled_from(["2026-03-01", "2026-03-09T12:00:00Z", "2026-03-10T12:00:00.5+01:00", "1969-12-31T23:59:59Z", "9000-01-01"])
spans = st.sampled_from(["1s", "30m", "12h", "2d", "3650d", "500w"])
needles = st.lists(texts, min_size=1, max_size=3)
patterns = st.lists(st.sampled_from(["^p", "(?i)PRO$", "[0-9]+", "^$", "ä", r"\.", "a|b", "x.*y", "^line.break$"]), min_size=1, max_size=2)

OPERANDS: Mapping[Filter.Op, st.SearchStrategy[list[Operand]]] = {
    Filter.OP_IS: st.lists(scalars, min_size=1, max_size=4),
    Filter.OP_CONTAINS: needles.map(list),
    Filter.OP_STARTS_WITH: needles.map(list),
    Filter.OP_ENDS_WITH: needles.map(list),
    Filter.OP_MATCHES: patterns.map(list),
    Filter.OP_IS_SET: st.just([]),
    Filter.OP_LT: numbers.map(lambda one: [one]),
    Filter.OP_LTE: numbers.map(lambda one: [one]),
    Filter.OP_GT: numbers.map(lambda one: [one]),
    Filter.OP_GTE: numbers.map(lambda one: [one]),
    Filter.OP_BETWEEN: st.tuples(numbers, numbers).map(lambda two: sorted(two)),
    Filter.OP_BEFORE: times.map(lambda one: [one]),
    Filter.OP_AFTER: times.map(lambda one: [one]),
    Filter.OP_IN_LAST: spans.map(lambda one: [one]),
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
    text, number, time = text_of(value), number_of(value), time_of(value)
    limits = [float(one) for one in operands if isinstance(one, int | float)]
    strings = [str(one) for one in operands]
    some_text: Callable[[Callable[[str, str], object]], bool] = lambda test: text is not None and any(test(text, one) for one in strings)  # noqa: E731
    match op:
        case Filter.OP_IS:
            return any(is_equal(value, one) for one in operands)
        case Filter.OP_CONTAINS:
            return some_text(lambda whole, part: part.lower() in whole.lower())
        case Filter.OP_STARTS_WITH:
            return some_text(str.startswith)
        case Filter.OP_ENDS_WITH:
            return some_text(str.endswith)
        case Filter.OP_MATCHES:
            return some_text(lambda whole, pattern: re.search(pattern, whole, re.DOTALL))
        case Filter.OP_IS_SET:
            return text is not None
        case Filter.OP_LT:
            return number is not None and number < limits[0]
        case Filter.OP_LTE:
            return number is not None and number <= limits[0]
        case Filter.OP_GT:
            return number is not None and number > limits[0]
        case Filter.OP_GTE:
            return number is not None and number >= limits[0]
        case Filter.OP_BETWEEN:
            return number is not None and limits[0] <= number <= limits[1]
        case Filter.OP_BEFORE:
            return time is not None and time < instant_of(strings[0])
        case Filter.OP_AFTER:
            return time is not None and time >= instant_of(strings[0])
        case _:
            seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[strings[0][-1]] * int(strings[0][:-1])
            return time is not None and NOW - timedelta(seconds=seconds) <= time <= NOW


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
            return "[" + ",".join(f"'{one}'" if isinstance(one, str) else str(one) for one in value) + "]"
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

    found = await passing(told, condition(spec(KEYS[k], op, operands), "filter", NOW))

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

    found = await passing(told, condition(spec(key, op, given_), "filter", NOW))

    everything = {k: set(range(len(VALUES))) for k in range(len(KEYS) + len(UNREADABLE_KEYS))}
    assert found == (everything if op in NEGATED else {})


@given(st.recursive(comparisons(), lambda inside: st.tuples(st.booleans(), st.lists(inside, max_size=3)), max_leaves=8))
@settings(max_examples=100, deadline=None)
async def test_groups_join_their_parts_by_all_or_any(told: Store, tree: object) -> None:
    group = as_group(tree)

    found = await passing(told, group_condition(group, "filters", NOW, depth=-10))

    assert found.get(0, set()) == {v for v, value in enumerate(VALUES) if group_holds(group, value)}


def as_group(tree: object) -> FilterGroup:
    match tree:
        case (bool() as every, list() as parts):
            inner = [as_group(part) for part in parts]
            return FilterGroup(match=FilterGroup.MATCH_ALL if every else FilterGroup.MATCH_ANY, groups=inner)
        case (op, operands):
            return FilterGroup(filters=[spec("plan", op, operands)])
        case _:
            raise TypeError(tree)


def group_holds(group: FilterGroup, value: object) -> bool:
    parts = [group_holds(inner, value) for inner in group.groups]
    for filter_ in group.filters:
        operands: list[Operand] = [getattr(one, str(one.WhichOneof("kind"))) for one in filter_.values]
        parts.append(holds(filter_.op, value, operands))
    return all(parts) if group.match != FilterGroup.MATCH_ANY or not parts else any(parts)


REFUSED: Mapping[str, tuple[Mapping[str, object], type[PugError], str]] = {
    "no property": ({"values": ["a"]}, PropertyMissing, "f.property"),
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
        condition(ParseDict(dict(written), Filter()), "f", NOW)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


async def test_filter_may_have_a_thousand_values(told: Store) -> None:
    thousand = [f"v{number}" for number in range(999)]

    contains = await passing(told, condition(spec("plan", Filter.OP_CONTAINS, [*thousand, "PRO"]), "f", NOW))
    is_one = await passing(told, condition(spec("plan", Filter.OP_IS, [*thousand, "pro"]), "f", NOW))

    assert (contains, is_one) == ({0: {0, 1}}, {0: {0}})


def test_groups_may_be_nested_five_deep_and_no_deeper() -> None:
    group = FilterGroup()
    for _ in range(5):
        group = FilterGroup(groups=[group])
    group_condition(group, "insight.filters", NOW)

    with pytest.raises(FilterInvalid) as raised:
        group_condition(FilterGroup(groups=[group]), "insight.filters", NOW)

    assert raised.value.field == "insight.filters" + ".groups[0]" * 6


def test_unknown_match_is_refused() -> None:
    group = FilterGroup.FromString(b"\x08\x09")

    with pytest.raises(InvalidArgument) as raised:
        group_condition(group, "insight.filters", NOW)

    assert raised.value.field == "insight.filters.match"
