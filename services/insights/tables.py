"""The tables that events can be read from: their own, and rollups whose rows stand for many events (docs/decisions/0020).

A rollup has the names of the events' columns for what it keeps of them. What it doesn't keep cannot be asked of it: that is NotKept, and
the question goes to the events themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from core.sql import Sql, instant, sql, text, unsigned
from pug.insights.v1.insights_pb2 import Meta
from services.insights.ranges import Range

# What every rollup lacks.
_OF_ONE_EVENT = frozenset({"event_id", "distinct_id", "session_id", "received_at", "stored_at", "properties"})
_OF_IDS = frozenset({"distinct_hash", "cookieless"})


class NotKept(Exception):
    """A table doesn't keep what a question is about; `key` is the property, if it is one."""

    def __init__(self, key: str = "") -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Table:
    """A table that events can be read from."""

    name: Sql
    kind: Meta.Table
    # The column that says how many events a row stands for, or would say so if the table had it; without one every row is an event.
    events: Sql | None = None
    # The properties it keeps as text, and the columns; without any all are read as the events have them.
    properties: Mapping[str, Sql] = field(default_factory=lambda: MappingProxyType({}))
    # Columns of the events that it lacks.
    lacks: frozenset[str] = frozenset()
    # What holds for the rows that are about each event once.
    once: Sql | None = None
    # A row is about so much time from its `occurred_at` on.
    grain: timedelta = timedelta(hours=1)
    # Whether a distinct id has one row for a name and a day, so that those who are tied to nobody need no set to be counted.
    ids_once: bool = False
    # What it is called where people read it, when `name` is a query.
    called: str = ""

    @property
    def label(self) -> str:
        """What it is called where people read it."""
        return self.called or self.name.render()[0]

    @property
    def is_rollup(self) -> bool:
        """Whether a row stands for all events that are alike."""
        return self.events is not None

    def check(self, pieces: Iterable[Sql]) -> None:
        """Raises NotKept when one of them reads a column that the table lacks."""
        if not all(self.lacks.isdisjoint(piece.words) for piece in pieces):
            raise NotKept


EVENTS = Table(sql("events"), Meta.TABLE_RAW)

# The rollups in ClickHouse that a query may need (migrations/clickhouse/rollups/).
ROLLUPS = ("active_days", "activity_hours", "session_hours", "totals_days", "totals_hours")

_SPLIT_BY: Mapping[str, Sql] = {
    "$browser": sql("browser"),
    "$os": sql("os"),
    "$device": sql("device"),
    "$country": sql("country"),
    "$hostname": sql("hostname"),
    "$channel": sql("channel"),
    "$referrer_domain": sql("referrer_domain"),
    "$utm_source": sql("utm_source"),
    "$utm_medium": sql("utm_medium"),
    "$utm_campaign": sql("utm_campaign"),
}

# By id and all of these properties.
ACTIVITY_HOURS = Table(sql("activity_hours"), Meta.TABLE_ROLLUP, sql("events"), _SPLIT_BY, _OF_ONE_EVENT)

# By id alone, and not how often.
ACTIVE_DAYS = Table(sql("active_days"), Meta.TABLE_ROLLUP, sql("events"), lacks=_OF_ONE_EVENT | {"events"}, grain=timedelta(days=1))
# FINAL costs next to nothing where parts are merged or hold different days.
ACTIVE_DAYS_ONCE = replace(ACTIVE_DAYS, name=sql("active_days FINAL"), ids_once=True)

# By one of these at a time, whoever it was.
KEYS_OF_TOTALS = frozenset({*_SPLIT_BY, "$pathname"})


def totals_hours(key: str = "") -> Table:
    """Events by the values of one property, or by none."""
    return Table(
        sql("totals_hours"),
        Meta.TABLE_ROLLUP,
        sql("events"),
        {key: sql("property_value")} if key else {},
        _OF_ONE_EVENT | _OF_IDS,
        sql("key = {key}", key=text(key)),
    )


# What has so many values that their totals are kept by the day, too.
KEYS_OF_DAYS = frozenset({"$pathname"})
_TOTALS_DAYS = sql("totals_days")
_DAYS_AND_HOURS = """(
        SELECT project_id, key, name, occurred_at, property_value, events
        FROM totals_days
        WHERE project_id = {project} AND occurred_at >= {first} AND occurred_at < {last}
        UNION ALL
        SELECT project_id, key, name, occurred_at, property_value, events
        FROM totals_hours
        WHERE project_id = {project} AND occurred_at >= {from} AND occurred_at < {to}
        AND (occurred_at < {first} OR occurred_at >= {last})
    )"""


def totals_days(key: str) -> Table:
    """Events by the values of one property, by the day in UTC."""
    return replace(totals_hours(key), name=_TOTALS_DAYS, grain=timedelta(days=1))


def totals_of(key: str, read: Range, project_id: int) -> Table:
    """The same of a range: by the hour where it begins and ends within a day."""
    days = read.whole_days
    return replace(
        totals_hours(key),
        name=sql(
            _DAYS_AND_HOURS,
            project=unsigned(project_id),
            first=instant(days.start),
            last=instant(days.end),
            **{"from": instant(read.start)},
            to=instant(read.end),
        ),
        called="totals_days, totals_hours",
    )


# Sessions with a session id, whoever's they are.
SESSION_HOURS = Table(sql("session_hours"), Meta.TABLE_ROLLUP, sql("events"))
