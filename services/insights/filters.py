"""Turns filters into conditions on an event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import FilterInvalid, InvalidArgument, TooLong
from core.sql import Sql, all_of, any_of, sql, text
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup, Source
from services.insights.operands import Operands
from services.insights.operators import OPERATORS, Operator
from services.insights.people import AsOf
from services.insights.properties import Property, event_property, trait
from services.insights.session_facts import session_property

# Regular expressions, each with its path in the request.
Patterns = Sequence[tuple[str, str]]

_MAX_DEPTH = 5
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A filter and its path in the request."""

    spec: Filter
    field: str


def group_condition(group: FilterGroup, field: str, as_of: AsOf) -> Sql:
    """A condition that holds for the events that pass the group; always, for a group without parts."""
    return joined(group, field, lambda spec, path: condition(spec, path, as_of))


def joined(group: FilterGroup, field: str, one: Callable[[Filter, str], Sql], depth: int = 0) -> Sql:
    """The conditions that `one` makes of the filters of a group, given with their paths, joined as the group says."""
    if depth > _MAX_DEPTH:
        raise FilterInvalid(f"Groups are nested more than {_MAX_DEPTH} deep.", field=field, hint="Flatten the groups.")
    parts = [
        *(one(spec, f"{field}.filters[{place}]") for place, spec in enumerate(group.filters)),
        *(joined(inner, f"{field}.groups[{place}]", one, depth + 1) for place, inner in enumerate(group.groups)),
    ]
    match group.match:
        case FilterGroup.MATCH_UNSPECIFIED | FilterGroup.MATCH_ALL:
            return all_of(parts)
        case FilterGroup.MATCH_ANY:
            return any_of(parts) if parts else sql("true")
        case _:
            raise InvalidArgument(f"There is no match {group.match}.", field=f"{field}.match", hint="Use MATCH_ALL or MATCH_ANY.")


def all_conditions(filters: Sequence[Filter], field: str, as_of: AsOf) -> list[Sql]:
    """One condition a filter; `field` is the path of the list."""
    return [condition(spec, f"{field}[{place}]", as_of) for place, spec in enumerate(filters)]


def condition(spec: Filter, field: str, as_of: AsOf) -> Sql:
    """A condition that holds for the events that pass the filter."""
    found = _property(spec, field, as_of)
    operator = operator_of(spec.op, field)
    holds = operator.compare(found, Operands(spec.values, f"{field}.values"), as_of.now)
    if spec.source == Source.SOURCE_PERSON:
        holds = as_of.people.have(holds)
    return sql("NOT ifNull({holds}, false)", holds=holds) if operator.negated else holds


def _property(spec: Filter, field: str, as_of: AsOf) -> Property:
    if spec.source == Source.SOURCE_PERSON:
        return trait(spec.property, field)
    if spec.source == Source.SOURCE_SESSION and as_of.knows_sessions:
        return session_property(spec.property, field)
    return event_property(spec.property, spec.source, field, as_of.table)


def operator_of(op: int, field: str) -> Operator:
    """The operator a filter names; `field` is the path of the filter."""
    if (operator := OPERATORS.get(op)) is None:
        raise InvalidArgument(f"There is no operator {op}.", field=f"{field}.op", hint="Use one such as OP_IS or OP_CONTAINS.")
    return operator


def matches(matcher: EventMatcher, field: str, as_of: AsOf) -> list[Sql]:
    """Conditions that hold for the events the matcher picks; `field` is its path."""
    name = event_name(matcher, field)
    named = [sql("name = {name}", name=text(name))] if name else []
    return [*named, *all_conditions(matcher.filters, f"{field}.filters", as_of)]


def event_name(matcher: EventMatcher, field: str) -> str:
    """The name of the events to match, empty for any; `field` is the path of the matcher."""
    if len(matcher.name) > _MAX_NAME:
        raise TooLong(
            f"An event's name has at most {_MAX_NAME} characters.", field=f"{field}.name", hint="GetSchema lists the names that were sent."
        )
    return matcher.name


def groups_inside(group: FilterGroup) -> int:
    """How many groups are inside a group, at any depth."""
    return sum(1 + groups_inside(inner) for inner in group.groups)


def in_group(group: FilterGroup, field: str) -> list[Placed]:
    """The filters of a group and of the groups inside it; `field` is the path of the group."""
    inside = (found for place, inner in enumerate(group.groups) for found in in_group(inner, f"{field}.groups[{place}]"))
    return [*in_list(group.filters, f"{field}.filters"), *inside]


def in_list(filters: Sequence[Filter], field: str) -> list[Placed]:
    """The filters with their paths; `field` is the path of the list."""
    return [Placed(spec, f"{field}[{place}]") for place, spec in enumerate(filters)]


def patterns(placed: Sequence[Placed]) -> Patterns:
    """The regular expressions of the filters, each with its path."""
    return [
        (value.string_value, f"{filter_.field}.values[{place}]")
        for filter_ in placed
        if filter_.spec.op in (Filter.OP_MATCHES, Filter.OP_NOT_MATCHES)
        for place, value in enumerate(filter_.spec.values)
    ]
