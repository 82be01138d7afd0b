"""What ListPersons can compare of a person's activity, in terms of the columns of services/profiles/finding.py."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from core.errors import FilterInvalid, InvalidArgument
from core.sql import Sql, sql, unsigned
from pug.insights.v1.filter_pb2 import Filter
from pug.profiles.v1.profiles_pb2 import ListPersonsRequest
from services.insights.filters import operator_of
from services.insights.operands import Operands
from services.profiles.activity import MOMENT

_ActivityFilter = ListPersonsRequest.ActivityFilter

_PRESENCE = {Filter.OP_IS_SET, Filter.OP_IS_NOT_SET}
_EQUALITY = {Filter.OP_UNSPECIFIED, Filter.OP_IS, Filter.OP_IS_NOT}
_TIMES = _PRESENCE | {Filter.OP_BEFORE, Filter.OP_AFTER, Filter.OP_IN_LAST}
_COUNTS = _EQUALITY | {Filter.OP_LT, Filter.OP_LTE, Filter.OP_GT, Filter.OP_GTE, Filter.OP_BETWEEN, Filter.OP_NOT_BETWEEN}
_TEXTS = (
    _PRESENCE
    | _EQUALITY
    | {Filter.OP_CONTAINS, Filter.OP_NOT_CONTAINS, Filter.OP_STARTS_WITH, Filter.OP_ENDS_WITH, Filter.OP_MATCHES, Filter.OP_NOT_MATCHES}
)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A fact of a person's activity as services/insights/operators.py reads properties."""

    column: Sql
    takes: AbstractSet[int]

    def is_set(self) -> Sql:
        return sql("{column} IS NOT NULL", column=self.column)

    def text(self) -> Sql:
        return sql("toString({column})", column=self.column)

    def string(self) -> Sql:
        return self.text()

    def number(self) -> Sql:
        return sql("toFloat64({column})", column=self.column)

    def time(self) -> Sql:
        return self.column


def _latest(column: LiteralString) -> Sql:
    return sql("nullIf(substring(" + column + ", {after_moment}), '')", after_moment=unsigned(MOMENT + 1))


_FACTS = {
    _ActivityFilter.FIELD_FIRST_SEEN: _Fact(sql("if(events = 0, NULL, first)"), _TIMES),
    _ActivityFilter.FIELD_LAST_SEEN: _Fact(sql("if(events = 0, NULL, last)"), _TIMES),
    _ActivityFilter.FIELD_EVENTS: _Fact(sql("events"), _COUNTS),
    _ActivityFilter.FIELD_SESSIONS: _Fact(sql("sessions"), _COUNTS),
    _ActivityFilter.FIELD_PAGE_VIEWS: _Fact(sql("views"), _COUNTS),
    _ActivityFilter.FIELD_BROWSER: _Fact(_latest("last_browser"), _TEXTS),
    _ActivityFilter.FIELD_OS: _Fact(_latest("last_os"), _TEXTS),
    _ActivityFilter.FIELD_DEVICE: _Fact(_latest("last_device"), _TEXTS),
    _ActivityFilter.FIELD_COUNTRY: _Fact(_latest("last_country"), _TEXTS),
    _ActivityFilter.FIELD_CITY: _Fact(_latest("last_city"), _TEXTS),
}


def holds(spec: _ActivityFilter, field: str, now: datetime) -> Sql:
    """A condition on a row of persons with their activity; `field` is the path of the filter."""
    if (fact := _FACTS.get(spec.field)) is None:
        raise InvalidArgument("Which fact is to be compared?", field=f"{field}.field", hint="Use one such as FIELD_LAST_SEEN.")
    operator = operator_of(spec.op, field)
    if spec.op not in fact.takes:
        usable = ", ".join(Filter.Op.Name(op) for op in sorted(fact.takes - {Filter.OP_UNSPECIFIED}))
        raise FilterInvalid("This fact is not compared like that.", field=f"{field}.op", hint=f"Use one of {usable}.")
    compared = operator.compare(fact, Operands(spec.values, f"{field}.values"), now)
    return sql("NOT ifNull({compared}, false)" if operator.negated else "ifNull({compared}, false)", compared=compared)
