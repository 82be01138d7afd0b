"""Paths: what was done in one go, as the labels of its hops in order.

A path is a session, or what a person did without a longer pause. It belongs to the instant it starts and is never cut by the range. Which
of its events are hops is another matter, and doesn't take it apart.
"""

from dataclasses import replace
from datetime import timedelta

from core.errors import InvalidArgument, MissingField, TooLong, TooMany
from core.sql import Sql, all_of, instant, integer, join, sql, text
from pug.insights.v1.flow_pb2 import Flow
from services.insights.filters import all_conditions, event_name
from services.insights.order import PLACE
from services.insights.properties import event_property
from services.insights.scope import Scope
from services.insights.sessions import SESSION, followed

_DEFAULT_GAP = timedelta(minutes=30)
_SHORTEST_GAP, _LONGEST_GAP = timedelta(seconds=1), timedelta(days=7)
_MAX_GROUPS = 50
_MAX_LABEL = 8_192

_SESSIONS = """(
    SELECT
        session AS unit,{people}
        min(occurred_at) AS started,
        arraySort(
            (label, place) -> place, groupArrayIf(assumeNotNull(label), isNotNull(label)), groupArrayIf(place, isNotNull(label))
        ) AS labels
    FROM {events} AS event
    GROUP BY session
    HAVING started >= {from} AND started < {to}
)"""

_STRETCHES = """(
    SELECT
        person AS unit,{people}
        stretch[1].1 AS started,
        arrayMap(hop -> assumeNotNull(hop.2), arrayFilter(hop -> isNotNull(hop.2), stretch)) AS labels
    FROM (
        SELECT person, arraySort((event, place) -> place, groupArray((occurred_at, label)), groupArray(place)) AS done
        FROM {events} AS event
        GROUP BY person
    )
    ARRAY JOIN arraySplit(
        (event, pause) -> pause > {gap}, done, arrayDifference(arrayMap(event -> toUnixTimestamp64Milli(event.1), done))
    ) AS stretch
    WHERE started >= {from} AND started < {to}
)"""


def paths(spec: Flow, field: str, scope: Scope, *, with_people: bool = False) -> Sql:
    """One row for each path that starts in the range: the `unit` it is counted by, the `labels` of its hops and maybe its `people`."""
    label = sql("if({hop}, {label}, NULL) AS label", hop=_is_hop(spec, field, scope), label=_label(spec, field))
    columns = [sql("occurred_at"), PLACE, label]
    person = sql("{person} AS person", person=scope.as_of.people.person())
    gap = _gap(spec, field)
    bounds = {"from": instant(scope.range.start), "to": instant(scope.range.end)}
    # The filters of the query pick hops; they don't take a path apart.
    unfiltered = replace(scope, filters=None)
    if gap is None:
        columns += [SESSION, *([person] if with_people else [])]
        people = sql("\n        groupUniqArrayIf(person, isNotNull(label)) AS people," if with_people else "")
        return sql(_SESSIONS, people=people, events=unfiltered.events(columns, [], followed(scope.range)), **bounds)
    return sql(
        _STRETCHES,
        people=sql("\n        [person] AS people," if with_people else ""),
        events=unfiltered.events([*columns, person], scope.of_persons, followed(scope.range, gap)),
        gap=integer(gap // timedelta(milliseconds=1)),
        **bounds,
    )


def _gap(spec: Flow, field: str) -> timedelta | None:
    """The pause that ends a path; None when sessions are the paths."""
    if spec.unit in (Flow.UNIT_UNSPECIFIED, Flow.UNIT_SESSION):
        if spec.HasField("gap"):
            raise InvalidArgument("A session has its own end.", field=f"{field}.gap", hint="Leave it out, or ask for UNIT_PERSON.")
        return None
    if spec.unit != Flow.UNIT_PERSON:
        raise InvalidArgument(f"There is no unit {spec.unit}.", field=f"{field}.unit", hint="Use UNIT_SESSION or UNIT_PERSON.")
    if not spec.HasField("gap"):
        return _DEFAULT_GAP
    nanoseconds = spec.gap.seconds * 10**9 + spec.gap.nanos
    if not _SHORTEST_GAP // timedelta(microseconds=1) * 1000 <= nanoseconds <= _LONGEST_GAP // timedelta(microseconds=1) * 1000:
        raise InvalidArgument("A pause that ends a path is 1 second to 7 days.", field=f"{field}.gap", hint='The default is "1800s".')
    return timedelta(milliseconds=nanoseconds // 10**6)


def _is_hop(spec: Flow, field: str, scope: Scope) -> Sql:
    name = event_name(spec.scope, f"{field}.scope")
    return all_of(
        [
            *([sql("name = {name}", name=text(name))] if name else []),
            *all_conditions(spec.scope.filters, f"{field}.scope.filters", scope.as_of),
            *([scope.filters] if scope.filters else []),
        ]
    )


def _label(spec: Flow, field: str) -> Sql:
    """What a hop is called, NULL when it is none."""
    match spec.node:
        case Flow.NODE_UNSPECIFIED | Flow.NODE_EVENT_NAME:
            label = sql("toString(name)")
        case Flow.NODE_PROPERTY:
            label = event_property(spec.property, 0, field).text()
        case unknown:
            raise InvalidArgument(f"There is no node {unknown}.", field=f"{field}.node", hint="Use NODE_EVENT_NAME or NODE_PROPERTY.")
    if len(spec.groups) > _MAX_GROUPS:
        raise TooMany(f"A flow has at most {_MAX_GROUPS} groups.", field=f"{field}.groups", hint="Leave some out.")
    if not spec.groups:
        return label
    rules = [_rule(group, f"{field}.groups[{place}]", label) for place, group in enumerate(spec.groups)]
    return sql("multiIf({rules}, {label})", rules=join(", ", rules), label=label)


def _rule(group: Flow.Group, field: str, label: Sql) -> Sql:
    if not group.pattern:
        raise MissingField("A group needs a pattern.", field=f"{field}.pattern", hint="For example `/products/*`.")
    for part, value in (("pattern", group.pattern), ("label", group.label)):
        if len(value) > _MAX_LABEL:
            raise TooLong(f"A {part} has at most {_MAX_LABEL} characters.", field=f"{field}.{part}", hint="No value is longer than that.")
    like = group.pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return sql("{label} LIKE {like}, {name}", label=label, like=text(like), name=text(group.label or group.pattern))
