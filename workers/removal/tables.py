"""How each table of ClickHouse loses a share: the one list of them. A table that isn't here is found by a test."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import LiteralString

from core.instants import EPOCH
from core.sql import Sql, instant, sql, unsigned, unsigneds
from workers.removal.share import Before, OfIds, OfProject, Pair, Portion, Share

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def _start_of(grain: timedelta) -> Sql:
    """Of an event's hour or day, as the views have it."""
    return sql(
        "fromUnixTimestamp64Milli("
        "toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), {grain}), 'UTC')",
        grain=unsigned(grain // timedelta(milliseconds=1)),
    )


_SESSION_OF_EVENT = sql("{hour}, if(session_id = '', 0, sipHash64(session_id))", hour=_start_of(_HOUR))


class By(StrEnum):
    """Whose rows a table's are, so that those of a share can be found and counted again."""

    PERSON = "person"
    SESSION = "session"
    NAME = "name"
    # Sums over everybody.
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Derived:
    """A table that is fed from events by a view (workers/derived.py knows its columns)."""

    name: LiteralString
    by: By
    # What its rows stand for by their `occurred_at`; None when they have none.
    grain: timedelta | None = None
    # An expression of what tells its rows apart within a project, for one whose share is subtracted.
    identity: LiteralString = ""
    # Whether `last_seen` has to be found anew when the latest event leaves.
    last_seen: bool = False
    # An estimate need not be held still while it is made anew.
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """A table of what the people worker tells; its rows name ids in these pairs of columns, or none."""

    name: LiteralString
    pairs: tuple[Pair, ...] = ()


DERIVED_TABLES = (
    Derived("schema_events", By.NOBODY, identity="name, writer", last_seen=True),
    Derived("schema_properties", By.NOBODY, identity="name, key, type, writer", last_seen=True),
    Derived(
        "totals_hours",
        By.NOBODY,
        _HOUR,
        identity="key, name, toUnixTimestamp64Milli(occurred_at), isNull(property_value), ifNull(property_value, ''), writer",
    ),
    Derived(
        "totals_days",
        By.NOBODY,
        _DAY,
        identity="key, name, toUnixTimestamp64Milli(occurred_at), isNull(property_value), ifNull(property_value, ''), writer",
    ),
    Derived("person_activity", By.PERSON),
    Derived("activity_hours", By.PERSON, _HOUR),
    Derived("active_days", By.PERSON, _DAY),
    Derived("session_hours", By.SESSION, _HOUR),
    # After schema_events, which says how it samples.
    Derived("schema_values", By.NAME, exact=False),
)
TOLD_TABLES = (
    Told("identified_ids", (("distinct_hash", "distinct_id"),)),
    Told("person_ties", (("distinct_hash", "distinct_id"), ("person_hash", "root"))),
    Told("person_traits", (("person_hash", "root"),)),
    Told("identity_versions"),
)
# What says nothing about anybody: migrations, and that something was removed.
KEPT_TABLES = ("schema_migrations", "removals")
ALL_TABLES = frozenset({"events", *KEPT_TABLES, *(table.name for table in (*DERIVED_TABLES, *TOLD_TABLES))})


@dataclass(frozen=True, slots=True)
class Touched:
    """The rows of a table that count events of a portion, maybe beside others; and all events they count."""

    rows: Sql
    events: Sql


def touched(table: Derived, portion: Portion) -> Touched | None:
    """The rows that can be counted again; None where that would be most of the table, and a share has to be subtracted."""
    conditions = _touched(table, portion)
    if conditions is None:
        return None
    project = unsigned(portion.share.project_id)
    rows, events = [sql("project_id = {project} AND {condition}", project=project, condition=one) for one in conditions]
    return Touched(rows, events)


def _touched(table: Derived, portion: Portion) -> tuple[Sql, Sql] | None:
    """Conditions on the table's rows and on events."""
    match portion.share, table.by:
        case OfIds() as share, By.PERSON:
            condition = sql("distinct_hash IN {hashes}", hashes=unsigneds(share.hashes))
        case OfIds(), By.SESSION:
            theirs = sql("(SELECT {session} FROM events WHERE {leaving})", session=_SESSION_OF_EVENT, leaving=portion.leaving())
            of_events = sql("({session}) IN {sessions}", session=_SESSION_OF_EVENT, sessions=theirs)
            return sql("(occurred_at, session) IN {sessions}", sessions=theirs), of_events
        case Before() as share, _ if table.grain:
            condition = sql("occurred_at < {end}", end=instant(_end_of(share.instant, table.grain)))
        case Before(), By.PERSON:
            condition = sql("distinct_hash IN (SELECT distinct_hash FROM events WHERE {leaving})", leaving=portion.leaving())
        case ((OfIds() | Before()), By.NAME):
            condition = sql("name IN (SELECT name FROM events WHERE {leaving})", leaving=portion.leaving())
        case OfProject(), _:
            condition = sql("true")
        case _:
            return None
    return condition, condition


def near(table: Derived, portion: Portion) -> Sql:
    """Holds for all rows of a sum over everybody that count events of the portion, and for few others."""
    project, leaving = unsigned(portion.share.project_id), portion.leaving()
    if table.grain is None:
        return sql("project_id = {project} AND name IN (SELECT name FROM events WHERE {leaving})", project=project, leaving=leaving)
    return sql(
        "project_id = {project} AND (name, occurred_at) IN (SELECT name, {start} FROM events WHERE {leaving})",
        project=project,
        start=_start_of(table.grain),
        leaving=leaving,
    )


def told_rows(table: Told, share: Share) -> Sql | None:
    """The rows of a table that name somebody of a share; None where none can."""
    match share:
        case OfIds() if table.pairs:
            return share.rows(*table.pairs)
        case OfProject():
            return share.events()
        case _:
            return None


def _end_of(when: datetime, grain: timedelta) -> datetime:
    """The end of the hour or day in which the last moment before an instant lies."""
    return when + (EPOCH - when) % grain
