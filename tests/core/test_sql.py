from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.sql import (
    Sql,
    Value,
    all_of,
    any_of,
    identifier,
    instant,
    instants,
    integer,
    integers,
    join,
    negation,
    number,
    numbered,
    numbers,
    sql,
    text,
    texts,
    unsigned,
)


def test_values_become_parameters_named_after_their_holes() -> None:
    written, values = sql("SELECT {first} WHERE name = {name}", first=integer(3), name=text("x")).render()

    assert written == "SELECT {first_1:Int64} WHERE name = {name_2:String}"
    assert {name: value.bound for name, value in values.items()} == {"first_1": 3, "name_2": "x"}


def test_value_used_twice_is_bound_once_and_two_values_of_one_hole_are_two() -> None:
    twice = join(" + ", [sql("{n}", n=integer(1)), sql("{n}", n=integer(2)), sql("{n}", n=integer(1))])

    assert twice.render()[0] == "{n_1:Int64} + {n_2:Int64} + {n_1:Int64}"


def test_pieces_are_spliced_where_their_holes_are() -> None:
    column = sql("SELECT {column} FROM t", column=numbered("value", 3))

    assert column.for_console() == "SELECT value_3 FROM t"


def test_conditions_are_joined_in_parentheses() -> None:
    a, b = sql("a OR b"), sql("c")

    assert all_of([a, b]).for_console() == "(a OR b) AND (c)"
    assert any_of([a, b]).for_console() == "((a OR b) OR (c))"
    assert (all_of([]).for_console(), any_of([]).for_console()) == ("true", "false")
    assert negation(a).for_console() == "NOT (a OR b)"


VALUES = st.one_of(
    st.text().map(text),
    st.integers(-(2**63), 2**63 - 1).map(integer),
    st.integers(0, 2**64 - 1).map(unsigned),
    st.floats(allow_nan=False, allow_infinity=False).map(number),
    st.datetimes(datetime(1900, 1, 1), datetime(2299, 1, 1), timezones=st.just(UTC)).map(instant),  # noqa: DTZ001
    st.lists(st.text(), max_size=4).map(texts),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4).map(numbers),
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=4).map(integers),
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2299, 1, 1), timezones=st.just(UTC)), max_size=3).map(instants),  # noqa: DTZ001
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
async def test_value_arrives_the_same_bound_or_written_into_the_text(clickhouse: ClickHouse, value: Value) -> None:
    query = sql("SELECT hex(toString({value}))", value=value)

    bound = await clickhouse.query(query)
    pasted = await clickhouse.query(Sql((query.for_console(),)))

    assert bound.rows == pasted.rows


@given(st.text())
@settings(max_examples=200, deadline=None)
async def test_text_comes_back_exactly(clickhouse: ClickHouse, value: str) -> None:
    found = await clickhouse.query(sql("SELECT hex({value})", value=text(value)))

    assert found.rows == [(value.encode().hex().upper(),)]


@given(st.text(min_size=1))
@settings(max_examples=200, deadline=None)
async def test_any_name_can_be_an_alias(clickhouse: ClickHouse, name: str) -> None:
    found = await clickhouse.query(sql("SELECT {name} FROM (SELECT 5 AS {name})", name=identifier(name)))

    assert found.rows == [(5,)]


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 3, 1, 10, 0, 0, 123_999, tzinfo=UTC), "2026-03-01 10:00:00.123"),
        (datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2026-02-28 23:30:00.000"),
        (datetime(1, 2, 3, tzinfo=UTC), "0001-02-03 00:00:00.000"),
    ],
)
def test_instant_is_written_in_utc_to_the_millisecond(moment: datetime, written: str) -> None:
    assert instant(moment).bound == written


def test_parameter_is_written_as_clickhouse_reads_one() -> None:
    written = [value.parameter for value in (text("a\tb\\'"), texts(["a'b", "c"]), integers([1, -2]), number(1.5))]

    assert written == ["a\\tb\\\\'", "['a\\'b', 'c']", "[1, -2]", "1.5"]
