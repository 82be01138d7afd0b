"""What is known of a session as a whole: the first value of a property, how long it lasts, how many events it has.

It depends on all events of the session, whatever a query asks for, as far as a session is followed (services/insights/sessions.py). So it
is looked up: a condition or a column leaves the place of a fact open, and scope.events() joins its events with the facts they ask for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.sql import Later, Sql, any_of, instant, join, numbered, sql, unsigned
from services.insights.order import ORDER
from services.insights.properties import Property, event_property
from services.insights.ranges import Range
from services.insights.sessions import SESSION_OF_EVENT, stitched

_DURATION = sql("(toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(min(occurred_at))) / 1000")
_EVENTS = sql("count()")

# Most sessions may have no such value, and those without a fact need no row. The starts are stitched from where those of the events are,
# or one that has gone on for longer than a session is followed would be two different ones.
_JOIN = """
    LEFT ANY JOIN (
        SELECT
            {session} AS fact_session,
            {facts}
        FROM events{stitched}
        WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to}{among}
        GROUP BY fact_session
    ) AS session_facts ON {session} = fact_session"""


@dataclass(frozen=True, slots=True)
class Fact(Later):
    """An aggregate over the events of a session, and which of them it depends on; None for all."""

    aggregate: Sql
    among: Sql | None


@dataclass(frozen=True, slots=True)
class FirstValue:
    """The value of a property at the first event of the session that has one; the readings are of that one value."""

    of: Property

    def is_set(self) -> Sql:  # noqa: D102
        has = self.of.is_set()
        return sql("({fact} = 1)", fact=Fact(sql("max({has})", has=has), has))

    def text(self) -> Sql:  # noqa: D102
        return self._first(self.of.text())

    def string(self) -> Sql:  # noqa: D102
        return self._first(self.of.string())

    def number(self) -> Sql:  # noqa: D102
        return self._first(self.of.number())

    def time(self) -> Sql:  # noqa: D102
        return self._first(self.of.time())

    def _first(self, reading: Sql) -> Sql:
        has = sql("{text} IS NOT NULL", text=self.of.text())
        # An aggregate passes over NULL, but not over a tuple with one inside: the first value may be none of the kind that is read.
        first = sql("argMinIf(tuple({reading}), {order}, {has}).1", reading=reading, order=ORDER, has=has)
        return sql("{fact}", fact=Fact(first, has))


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that every session has."""

    of: Sql

    def is_set(self) -> Sql:  # noqa: D102
        return sql("true")

    def text(self) -> Sql:  # noqa: D102
        return sql("toString({number})", number=self.number())

    def string(self) -> Sql:  # noqa: D102
        return sql("NULL::Nullable(String)")

    def number(self) -> Sql:  # noqa: D102
        return sql("{fact}", fact=Fact(self.of, None))

    def time(self) -> Sql:  # noqa: D102
        return sql("NULL::Nullable(DateTime64(3, 'UTC'))")


MEASURED: Mapping[str, Measured] = {"$session_duration": Measured(_DURATION), "$session_events": Measured(_EVENTS)}


def session_property(key: str, field: str) -> Property:
    """What a request names of a session; `field` is the path of the message that names it."""
    return MEASURED.get(key) or FirstValue(event_property(key, 0, field))


def facts_in(pieces: Sequence[Sql]) -> Mapping[Later, Sql]:
    """The columns of the facts that pieces of a query ask for."""
    asked = dict.fromkeys(fact for piece in pieces for fact in piece.later)
    return {fact: numbered("session_fact", place) for place, fact in enumerate(asked, 1)}


def looked_up(columns: Mapping[Later, Sql], project_id: int, within: Range) -> Sql:
    """What has to be joined, after `stitched` from the same start, with events so that they have columns of facts.

    `within` is how far their sessions are followed.
    """
    facts = [(fact, name) for fact, name in columns.items() if isinstance(fact, Fact)]
    among = [fact.among for fact, _ in facts if fact.among]
    return sql(
        _JOIN,
        session=SESSION_OF_EVENT,
        facts=join(",\n            ", (sql("{aggregate} AS {name}", aggregate=fact.aggregate, name=name) for fact, name in facts)),
        stitched=stitched(project_id, within.start, within.end),
        project=unsigned(project_id),
        **{"from": instant(within.start)},
        to=instant(within.end),
        among=sql(" AND {any}", any=any_of(list(dict.fromkeys(among)))) if len(among) == len(facts) else sql(""),
    )
