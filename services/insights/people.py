"""Who is counted: the one place that says what a person is, in SQL.

Events keep the id they came with; a query looks up the ids that are tied to another, of which there are few against the events. Their
hashes are two constant arrays for `transform`, which cost a quarter more than no look-up at all; a join costs two thirds more. But
ClickHouse copies constants around while it plans: of 200,000 ties that takes most of a second, so where there may be many, rows are joined
with them after all (docs/decisions/0016).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from core.sql import Sql, sql, unsigned
from services.insights.tables import EVENTS, Table

# All but those tied to themselves, which is what one taken back looks like.
_TIES = """
    WITH (
        SELECT (groupArray(distinct_hash), groupArray(person))
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project} AND version <= {version}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    ) AS ties"""
_JOINED = """
    LEFT ANY JOIN (
        SELECT distinct_hash AS tied_id, argMax(person_hash, version) AS tied_to
        FROM person_ties
        WHERE project_id = {project} AND version <= {version}
        GROUP BY distinct_hash
        HAVING tied_to != tied_id
    ) AS tie ON distinct_hash = tied_id"""
# An id is tied once in a version, so there are no more ties than versions.
_MANY = 50_000
_IS_TIED = """distinct_hash IN (
        SELECT arrayJoin([distinct_hash, person])
        FROM
        (
            SELECT distinct_hash, argMax(person_hash, version) AS person
            FROM person_ties
            WHERE project_id = {project} AND version <= {version}
            GROUP BY distinct_hash
            HAVING person != distinct_hash
        )
    )"""
# No trait holds a NUL, so it can stand for an absent one.
_TRAITS = """(
        SELECT (groupArray(person_hash), groupArray(value))
        FROM
        (
            SELECT person_hash, argMax(ifNull({text}, '\\0'), version) AS value
            FROM person_traits
            WHERE project_id = {project} AND version <= {version}
            GROUP BY person_hash
        )
    )"""
_WITH_TRAITS = """{person} IN (
        SELECT person_hash
        FROM person_traits
        WHERE project_id = {project} AND version <= {version}
        GROUP BY person_hash
        HAVING argMax(ifNull({condition}, false), version)
    )"""

# Who was tied to another has the traits they had, and the other has all of theirs.
_LATEST_TRAITS = """
    WITH ({latest_version}) AS latest
    SELECT person_hash, argMax(tuple({read}), version).1 AS value
    FROM person_traits
    WHERE project_id = {project} AND version <= latest AND person_hash NOT IN
    (
        SELECT distinct_hash
        FROM person_ties
        WHERE project_id = {project} AND version <= latest
        GROUP BY distinct_hash
        HAVING argMax(person_hash, version) != distinct_hash
    )
    GROUP BY person_hash"""
_OF_EVENT = sql("distinct_hash")
# No id has the hash 0, which is what one that is not tied finds.
_TIED_TO = sql("if(tied_to = 0, distinct_hash, tied_to)")


@dataclass(frozen=True, slots=True)
class People:
    """The people of a project as of a version of its identity; at version 0 no id is tied to another and nobody has traits."""

    project_id: int
    version: int
    # Whether the rows of events that ask for persons are joined with the ties, wherever there may be many.
    may_join: bool = False

    def ties(self) -> Sql:
        """The beginning of a query on events that asks for persons."""
        return self._read(_TIES) if self.version else sql("")

    def joined(self) -> Sql:
        """What rows of events have to be joined with that ask for persons."""
        return self._read(_JOINED) if self._joins else sql("")

    @property
    def _joins(self) -> bool:
        return self.may_join and self.version > _MANY

    def person(self, distinct_hash: Sql = _OF_EVENT) -> Sql:
        """What persons are told apart by, on a row of events: the hash of the id that theirs is tied to, or of their own."""
        return _TIED_TO if self._joins and distinct_hash is _OF_EVENT else self.looked_up(distinct_hash)

    def looked_up(self, distinct_hash: Sql = _OF_EVENT) -> Sql:
        """The same without a join, where it is asked of few of the rows."""
        if not self.version:
            return distinct_hash
        return sql("transform({hash}, tupleElement(ties, 1), tupleElement(ties, 2), {hash})", hash=distinct_hash)

    def is_tied(self) -> Sql:
        """Holds on a row of events of an id that is tied to another, or another to it."""
        return self._read(_IS_TIED) if self.version else sql("false")

    def have(self, condition: Sql, person: Sql | None = None) -> Sql:
        """Holds for the events of the persons, or for the persons, whose `traits` fulfil a condition."""
        if not self.version:
            return sql("false")
        return self._read(_WITH_TRAITS, person=person or self.person(), condition=condition)

    def trait(self, text: Sql) -> Sql:
        """A trait of the person of an event as text, NULL when it is absent, from its text in terms of `traits`."""
        if not self.version:
            return sql("NULL::Nullable(String)")
        return sql(
            "nullIf(transform({person}, tupleElement({traits}, 1), tupleElement({traits}, 2), '\\0'), '\\0')",
            person=self.person(),
            traits=self._read(_TRAITS, text=text),
        )

    def _read(self, template: LiteralString, **holes: Sql) -> Sql:
        return sql(template, project=unsigned(self.project_id), version=unsigned(self.version), **holes)


def latest_version(project_id: int) -> Sql:
    """A query for the latest version of a project's identity that ClickHouse knows whole; 0 before there is any."""
    return sql("SELECT max(version) FROM identity_versions WHERE project_id = {id}", id=unsigned(project_id))


def latest_traits(project_id: int, read: Sql) -> Sql:
    """A query for the rows (person_hash, value): of each person now, what is read of their `traits`."""
    return sql(_LATEST_TRAITS, latest_version=latest_version(project_id), read=read, project=unsigned(project_id))


@dataclass(frozen=True, slots=True)
class AsOf:
    """As of when a query is answered: the instant it is asked, the people as they are known, and the table that events are read from."""

    now: datetime
    people: People
    table: Table = EVENTS
    # Whether the query reads events through its scope, which can look up what is known of their sessions.
    knows_sessions: bool = False


def is_counted() -> Sql:
    """Holds for the events of those who are counted among the persons, on a row of events: all but cookieless visitors.

    A visitor has another id every day, so counting them would make many persons of one.
    """
    return sql("cookieless = 0")
