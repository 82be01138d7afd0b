"""How an event's property is read, as text, as a number or as a time.

What the client sent is in the JSON; what Pug added has a column of its own, which is empty where the client sent that key itself
(services/insights/vocabulary.py, docs/decisions/0011).

Every expression here belongs in the innermost SELECT, on the events table itself: there ClickHouse reads only the property's own subcolumn,
through a subquery it would read every property. A typed read such as `.:String` is cheaper than a cast of the whole, so each reading takes
the narrowest that is right.
"""

from dataclasses import dataclass
from typing import LiteralString, Protocol

from core.errors import InvalidArgument, PropertyMissing, TooLong
from core.sql import Sql, identifier, sql
from pug.insights.v1.filter_pb2 import Source
from services.insights.tables import EVENTS, NotKept, Table
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED

# ISO 8601 as JSON producers write it. The check comes first because ClickHouse's own parser also takes `25:00` and many other things.
_LOOKS_LIKE_A_TIME = r"^\\d\\d\\d\\d-\\d\\d-\\d\\d([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d+)?)?(Z|[+-]\\d\\d:?\\d\\d)?)?$"


# ClickHouse takes these for its own path syntax however they are quoted (`.:` types, `^` and `@` sub-objects), and refuses the query.
_UNREADABLE_INSIDE = ".:`"
_UNREADABLE_AHEAD = (":`", "^`", "@`")
_ABSENT = sql("NULL::Dynamic")
_PROPERTIES = sql("properties")
# What capture takes: keys of so many characters, objects so many levels deep.
_MAX_KEY = 200
_MAX_LEVELS = 5
_MAX_PATH = _MAX_LEVELS * _MAX_KEY + _MAX_LEVELS - 1


class Property(Protocol):
    """A property of an event; every reading is NULL when it is absent or isn't of the kind."""

    def is_set(self) -> Sql:
        """Whether there is a value; the empty string is one, and so is an object that has one inside."""
        ...

    def text(self) -> Sql:
        """Any value in its text form: `pro`, `3`, `1.5`, `true`; a list as ClickHouse writes it, `['a','b']`."""
        ...

    def string(self) -> Sql:
        """A value that is a string."""
        ...

    def number(self) -> Sql:
        """A value that is a number, or a string that is exactly one; never NaN or infinite."""
        ...

    def time(self) -> Sql:
        """A string that is an ISO 8601 date or time, read in UTC unless it says otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A property as the client sent it: a path of the JSON, and the objects inside it."""

    path: Sql
    inside: Sql

    def is_set(self) -> Sql:  # noqa: D102
        return sql("({path} IS NOT NULL OR notEmpty({inside}))", path=self.path, inside=self.inside)

    def text(self) -> Sql:  # noqa: D102
        return sql("{path}::Nullable(String)", path=self.path)

    def string(self) -> Sql:  # noqa: D102
        return self._of_type("String")

    def number(self) -> Sql:  # noqa: D102
        # One read of the whole and four looks at it cost less than four typed reads.
        return sql(
            "coalesce(dynamicElement({path}, 'Float64'), toFloat64(dynamicElement({path}, 'Int64')),"
            " toFloat64(dynamicElement({path}, 'UInt64')), ifNotFinite(toFloat64OrNull(dynamicElement({path}, 'String')), NULL))",
            path=self.path,
        )

    def time(self) -> Sql:  # noqa: D102
        return _time(self.string())

    def _of_type(self, name: LiteralString) -> Sql:
        return sql("NULL::Nullable(" + name + ")") if self.path == _ABSENT else sql("{path}.:" + name, path=self.path)


@dataclass(frozen=True, slots=True)
class Added:
    """A property Pug added: a column of texts, empty when it is absent."""

    column: Sql

    def is_set(self) -> Sql:  # noqa: D102
        return sql("({column} != '')", column=self.column)

    def text(self) -> Sql:  # noqa: D102
        return sql("nullIf({column}, '')", column=self.column)

    def string(self) -> Sql:  # noqa: D102
        return self.text()

    def number(self) -> Sql:  # noqa: D102
        return sql("ifNotFinite(toFloat64OrNull({column}), NULL)", column=self.column)

    def time(self) -> Sql:  # noqa: D102
        return _time(self.text())


@dataclass(frozen=True, slots=True)
class SentOrAdded:
    """A property the client may send, and Pug adds where it didn't."""

    sent: Sent
    added: Added

    def is_set(self) -> Sql:  # noqa: D102
        return sql("({sent} OR {added})", sent=self.sent.is_set(), added=self.added.is_set())

    def text(self) -> Sql:  # noqa: D102
        # The column is empty where the client sent the key; looking at it first saves most of the reading of the JSON.
        return sql("if({column} != '', {column}, {sent})", column=self.added.column, sent=self.sent.text())

    def string(self) -> Sql:  # noqa: D102
        return _first(self.sent.string(), self.added.string())

    def number(self) -> Sql:  # noqa: D102
        return _first(self.sent.number(), self.added.number())

    def time(self) -> Sql:  # noqa: D102
        return _time(self.string())


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A property as a rollup keeps it: a column of its texts, NULL when it is absent.

    No text of a number, a boolean or a list is one that a string is compared with where only strings are looked for, or a time.
    """

    column: Sql
    key: str

    def is_set(self) -> Sql:  # noqa: D102
        if self.key not in DERIVED:
            # A client may have sent an object, which is set and has no text.
            raise NotKept
        return sql("({column} IS NOT NULL)", column=self.column)

    def text(self) -> Sql:  # noqa: D102
        return self.column

    def string(self) -> Sql:  # noqa: D102
        return self.column

    def number(self) -> Sql:  # noqa: D102
        raise NotKept

    def time(self) -> Sql:  # noqa: D102
        return _time(self.column)


def _first(one: Sql, other: Sql) -> Sql:
    return sql("coalesce({one}, {other})", one=one, other=other)


def _time(string: Sql) -> Sql:
    return sql(
        "if(match({string}, '" + _LOOKS_LIKE_A_TIME + "'), parseDateTime64BestEffortOrNull({string}, 3, 'UTC'), NULL)",
        string=string,
    )


def event_property(key: str, source: int, field: str, table: Table = EVENTS) -> Property:
    """The property a request names, as a table has it; `field` is the path of the message that names it. Raises NotKept."""
    if source == Source.SOURCE_SESSION:
        raise InvalidArgument(
            "What a session's first event says can be asked for in insights alone.",
            field=f"{field}.source",
            hint="Here use SOURCE_EVENT or SOURCE_PERSON.",
        )
    if source not in (Source.SOURCE_UNSPECIFIED, Source.SOURCE_EVENT):
        raise InvalidArgument(
            f"There is no source {source}.", field=f"{field}.source", hint="Use SOURCE_EVENT, SOURCE_PERSON or SOURCE_SESSION."
        )
    _check_key(key, field)
    if table.is_rollup:
        if key not in table.properties:
            raise NotKept(key)
        return RolledUp(table.properties[key], key)
    if column := DERIVED.get(key):
        return Added(column)
    if column := CLIENT_OR_DERIVED.get(key):
        return SentOrAdded(_sent(key), Added(column))
    return _sent(key)


def trait(key: str, field: str) -> Property:
    """The trait of a person a request names, in terms of the column `traits`; `field` is the path of the message that names it."""
    _check_key(key, field)
    return _sent(key, sql("traits"))


def _check_key(key: str, field: str) -> None:
    if not key:
        raise PropertyMissing("A property key is needed here.", field=f"{field}.property", hint="GetSchema lists the keys.")
    if len(key) > _MAX_PATH or any(len(part) > _MAX_KEY for part in key.split(".")):
        raise TooLong(
            f"A property key has at most {_MAX_KEY} characters, and at most {_MAX_LEVELS} of them are joined by dots.",
            field=f"{field}.property",
            hint="GetSchema lists the keys.",
        )


def _sent(key: str, of: Sql = _PROPERTIES) -> Sent:
    if _UNREADABLE_INSIDE in key or key.startswith(_UNREADABLE_AHEAD):
        return Sent(_ABSENT, inside=sql("[]"))
    quoted = identifier(key)
    # ClickHouse keeps an object as the paths of its values: at the object's own path there is nothing, `^` collects what lies below it.
    return Sent(sql("{of}.{key}", of=of, key=quoted), inside=sql("{of}.^{key}", of=of, key=quoted))
