"""What one person did that has to do with a funnel: their events in order, with the steps and exclusions each matches. Pure.

In a funnel of sessions a session may hold events of several persons, who then make its attempts together; so all events of the sessions are
read in which the person did something. In strict order it takes all events of those persons, for any of these may come in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from core.instants import milliseconds
from core.sql import Sql, integer, join, sql, text, unsigned
from pug.insights.v1.funnel_pb2 import Funnel
from services.insights.breakdowns import cells_of
from services.insights.funnels.course import Attribution, CountBy, Course, Matched, Order
from services.insights.funnels.spec import FIELD, course_of
from services.insights.order import PLACE
from services.insights.ranges import EVER, Range
from services.insights.scope import Scope
from services.insights.sessions import SESSION

# For how long after all windows a step is looked for that was done too late.
LATE = timedelta(days=30)

_READ = """
SELECT mine, person, ms, toString(event_id) AS id, name, distinct_id, session, common, steps, exclusions
FROM {events} AS event
WHERE {relevant}
ORDER BY place
LIMIT {rows}"""

# The session and the values that all steps of an attempt have in common.
Part = tuple[int, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as far as a funnel is concerned."""

    # Whether it is of the person asked about, and whose it is.
    mine: bool
    person: int
    ms: int
    event_id: str
    name: str
    distinct_id: str
    # 0 where sessions don't matter.
    session: int
    # The values that have to stay the same, None where one is absent.
    common: tuple[str | None, ...]
    # One bit for each that it matches, the lowest for the first.
    steps: int
    exclusions: int

    @property
    def part(self) -> Part:
        """What it has to have in common with the steps of an attempt to be one."""
        return self.session, self.common

    @property
    def order(self) -> tuple[int, str]:
        """Its place in time."""
        return self.ms, self.event_id

    def is_step(self, step: int) -> bool:
        """Whether it matches the step, counted from 1."""
        return bool(self.steps >> (step - 1) & 1)

    def is_excluded(self, exclusion: int) -> bool:
        """Whether it matches the exclusion, counted from 0."""
        return bool(self.exclusions >> exclusion & 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A funnel that makes sense, and when its attempts are made."""

    course: Course
    # What all steps have in common beside the session, named as the query names it: first what is held constant.
    common: Sequence[tuple[str, Sql]]
    # The cells' columns those values come from.
    columns: Sequence[Sql]
    # In milliseconds since 1970: attempts begin before `end` and are over before `over`; until before `looked` what came too late is read.
    end: int
    over: int
    looked: int

    def has_all(self, event: Event) -> bool:
        """Whether no value is absent that has to be held constant; without one an event is neither a step nor excluded."""
        return None not in event.common[: len(self.course.held)]

    def is_first(self, event: Event) -> bool:
        """Whether the event matches what an attempt begins with, in the range."""
        steps = event.steps if self.course.order is Order.ANY else event.steps & 1
        return bool(steps) and event.ms < self.end

    def may_begin(self, event: Event) -> bool:
        """Whether an attempt may begin with the event."""
        return self.is_first(event) and self.has_all(event)


def asked_of(spec: Funnel, scope: Scope) -> Asked:
    """What a funnel asks within its scope, or what is wrong with it."""
    course = course_of(spec, scope.as_of)
    cells = cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of)
    common = list(zip(spec.hold_constant, course.held, strict=True))
    columns: Sequence[Sql] = []
    if cells and course.attribution is Attribution.ALL:
        columns = cells.columns
        common += zip((one.property for one in spec.breakdowns), cells.names, strict=True)
    over = course.read_until(scope.range.end)
    return Asked(
        course,
        common,
        columns,
        end=milliseconds(scope.range.end),
        over=milliseconds(over),
        looked=milliseconds(min(over, EVER.end - LATE) + LATE),
    )


def events_of(distinct_id: str, asked: Asked, scope: Scope, rows: int) -> Sql:
    """The rows of the first so many events, in order, that have to do with the funnel of whoever has that distinct id."""
    course = asked.course
    until = course.read_until(scope.range.end)
    read = Range(scope.range.start, min(until, EVER.end - LATE) + LATE)
    person = scope.as_of.people.person()
    mine = sql("{person} = {theirs}", person=person, theirs=scope.as_of.people.person(sql("sipHash64({id})", id=text(distinct_id))))
    columns = [
        sql("{mine} AS mine", mine=mine),
        sql("{person} AS person", person=person),
        sql("toUnixTimestamp64Milli(occurred_at) AS ms"),
        sql("event_id"),
        sql("name"),
        sql("distinct_id"),
        SESSION if course.count_by is CountBy.SESSIONS else sql("0 AS session"),
        *asked.columns,
        sql("CAST([{values}], 'Array(Nullable(String))') AS common", values=join(", ", (value for _, value in asked.common))),
        sql("{bits} AS steps", bits=_bits([one.event for one in course.steps])),
        sql("{bits} AS exclusions", bits=_bits([one.event for one in course.exclusions])),
        PLACE,
    ]
    # In strict order any event comes in between.
    strict = course.order is Order.STRICT
    where = [*([] if strict else course.named()), *(scope.of_persons if course.count_by is CountBy.PERSONS else [])]
    relevant = sql("steps > 0 OR exclusions > 0")
    if strict:
        relevant = sql("{relevant} OR ms < {over}", relevant=relevant, over=integer(asked.over))
    events = scope.events(columns, [*where, _around(mine, where, course, read, scope)], read)
    return sql(_READ, events=events, relevant=relevant, rows=unsigned(rows))


def event_of(row: Sequence[object]) -> Event:
    """The event of a row."""
    mine, person, ms, event_id, name, distinct_id, session, common, steps, exclusions = cast(
        "tuple[int, int, int, str, str, str, int, Sequence[str | None], int, int]", row
    )
    return Event(bool(mine), person, ms, event_id, name, distinct_id, session, tuple(common), steps, exclusions)


def _bits(matched: Sequence[Matched]) -> Sql:
    bits = [sql("{holds} * {bit}", holds=one.holds(), bit=unsigned(1 << place)) for place, one in enumerate(matched)]
    return join(" + ", bits or [sql("0")])


def _around(mine: Sql, where: Sequence[Sql], course: Course, read: Range, scope: Scope) -> Sql:
    """Holds for the events that decide how far the person came."""
    if course.count_by is not CountBy.SESSIONS:
        return mine
    theirs = sql("session IN (SELECT session FROM {events})", events=scope.events([SESSION], [*where, mine], read))
    if course.order is not Order.STRICT:
        return theirs
    person = scope.as_of.people.person()
    columns = [sql("{person} AS person", person=person), SESSION]
    return sql("{person} IN (SELECT person FROM {events})", person=person, events=scope.events(columns, [*where, theirs], read))
