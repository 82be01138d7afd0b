"""What each filter operator says in SQL.

Strings compare with a property's text, numbers with its number. A list's text is how ClickHouse writes it (`['a','b']`): `contains` finds
an element's text, and the numeric operators pass a list over. A comparison with an absent property is NULL, so it doesn't hold and its
negation does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from core.errors import FilterInvalid, TooMany
from core.sql import Sql, any_of, instant, number, numbers, sql, text, texts
from pug.insights.v1.filter_pb2 import Filter
from services.insights.operands import Operands
from services.insights.properties import Property

_MAX_PATTERNS = 20
_LONGEST_SPAN = timedelta(days=10 * 365 + 3)

Compare = Callable[[Property, Operands, datetime], Sql]


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison, and whether the operator holds when the comparison doesn't."""

    compare: Compare
    negated: bool = False


def _is(found: Property, operands: Operands, _now: datetime) -> Sql:
    values = operands.scalars()
    written = [_as_text(value) for value in values if isinstance(value, bool | str)]
    numeric = [float(value) for value in values if not isinstance(value, bool | str)]
    ways: list[Sql] = []
    if written:
        # Reading only strings is cheaper, and enough unless a value of another type could read the same.
        text_of = found.text() if any(_could_be_another_type(value) for value in written) else found.string()
        ways.append(_one_of(text_of, written))
    if numeric:
        ways.append(_one_of_numbers(found.number(), numeric))
    return ways[0] if len(ways) == 1 else any_of(ways)


def _as_text(value: bool | str) -> str:  # noqa: FBT001 - one of a filter's values
    return value if isinstance(value, str) else str(value).lower()


def _could_be_another_type(written: str) -> bool:
    return written in ("true", "false") or written.startswith(tuple("0123456789-[("))


def _one_of(text_of: Sql, values: list[str]) -> Sql:
    if len(values) == 1:
        return sql("{text} = {value}", text=text_of, value=text(values[0]))
    return sql("{text} IN {values}", text=text_of, values=texts(values))


def _one_of_numbers(number_of: Sql, values: list[float]) -> Sql:
    if len(values) == 1:
        return sql("{number} = {value}", number=number_of, value=number(values[0]))
    return sql("{number} IN {values}", number=number_of, values=numbers(values))


def _by_text(template: LiteralString) -> Compare:
    """A comparison of `{text}` with any `{value}`."""

    def compare(found: Property, operands: Operands, _now: datetime) -> Sql:
        values = operands.strings()
        if len(values) == 1:
            return sql(template, text=found.text(), value=text(values[0]))
        one = sql(template, text=found.text(), value=sql("value"))
        return sql("arrayExists(value -> {one}, {values})", one=one, values=texts(values))

    return compare


def _matches(found: Property, operands: Operands, _now: datetime) -> Sql:
    values = operands.strings()
    if len(values) > _MAX_PATTERNS:
        raise TooMany(f"A filter has at most {_MAX_PATTERNS} patterns.", field=operands.field, hint="Join them with | into fewer.")
    return any_of([sql("match({text}, {pattern})", text=found.text(), pattern=text(value)) for value in values])


def _is_set(found: Property, operands: Operands, _now: datetime) -> Sql:
    operands.none()
    return found.is_set()


def _by_number(template: LiteralString) -> Compare:
    """A comparison of `{number}` with one `{limit}`."""

    def compare(found: Property, operands: Operands, _now: datetime) -> Sql:
        return sql(template, number=found.number(), limit=number(operands.numbers(1)[0]))

    return compare


def _between(found: Property, operands: Operands, _now: datetime) -> Sql:
    least, most = operands.numbers(2)
    if least > most:
        raise FilterInvalid("The first number is greater than the second.", field=operands.field, hint="Give the smaller one first.")
    return sql("{number} BETWEEN {least} AND {most}", number=found.number(), least=number(least), most=number(most))


def _by_time(template: LiteralString) -> Compare:
    """A comparison of `{time}` with one `{limit}`."""

    def compare(found: Property, operands: Operands, _now: datetime) -> Sql:
        return sql(template, time=found.time(), limit=instant(operands.time()))

    return compare


def _in_last(found: Property, operands: Operands, now: datetime) -> Sql:
    earliest = now - operands.span(_LONGEST_SPAN)
    return sql("{time} BETWEEN {earliest} AND {now}", time=found.time(), earliest=instant(earliest), now=instant(now))


_contains = _by_text("position(lowerUTF8({text}), lowerUTF8({value})) > 0")

OPERATORS: dict[int, Operator] = {
    Filter.OP_UNSPECIFIED: Operator(_is),
    Filter.OP_IS: Operator(_is),
    Filter.OP_IS_NOT: Operator(_is, negated=True),
    Filter.OP_CONTAINS: Operator(_contains),
    Filter.OP_NOT_CONTAINS: Operator(_contains, negated=True),
    Filter.OP_STARTS_WITH: Operator(_by_text("startsWith({text}, {value})")),
    Filter.OP_ENDS_WITH: Operator(_by_text("endsWith({text}, {value})")),
    Filter.OP_MATCHES: Operator(_matches),
    Filter.OP_NOT_MATCHES: Operator(_matches, negated=True),
    Filter.OP_IS_SET: Operator(_is_set),
    Filter.OP_IS_NOT_SET: Operator(_is_set, negated=True),
    Filter.OP_LT: Operator(_by_number("{number} < {limit}")),
    Filter.OP_LTE: Operator(_by_number("{number} <= {limit}")),
    Filter.OP_GT: Operator(_by_number("{number} > {limit}")),
    Filter.OP_GTE: Operator(_by_number("{number} >= {limit}")),
    Filter.OP_BETWEEN: Operator(_between),
    Filter.OP_NOT_BETWEEN: Operator(_between, negated=True),
    Filter.OP_BEFORE: Operator(_by_time("{time} < {limit}")),
    Filter.OP_AFTER: Operator(_by_time("{time} >= {limit}")),
    Filter.OP_IN_LAST: Operator(_in_last),
}
