"""ClickHouse SQL as text with typed, server-bound holes.

    sql("SELECT count() FROM events WHERE name = {name}", name=text("signed_up"))

A template is a literal the type checker has seen, so no value can reach the server as text; a hole takes another piece of SQL or a value,
which becomes a ClickHouse parameter. A template cannot hold a literal brace.

What only the query around a piece can write, such as a column of a table that it has to be joined with, is left in it as a `Later`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from string import Formatter
from typing import LiteralString

# What the driver takes; a tuple is sent as an Array.
Bound = str | int | float | tuple[str, ...] | tuple[float, ...]


_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Value:
    """A value the server binds: its ClickHouse type, what the driver sends, and the same as text for a console."""

    type: str
    bound: Bound
    literal: str

    @property
    def parameter(self) -> str:
        """The value as text, as ClickHouse reads it from a parameter such as `--param_name`."""
        if isinstance(self.bound, tuple):
            return f"[{', '.join(_quoted(one) if isinstance(one, str) else repr(one) for one in self.bound)}]"
        return str(self.bound).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of a value in a piece of SQL."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Later:
    """The place of what the query around a piece of SQL has yet to write; subclasses say what."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL: text, holes, and what is written later."""

    parts: tuple["str | Hole | Later", ...]

    @property
    def later(self) -> list[Later]:
        """What has yet to be written, each once."""
        return list(dict.fromkeys(part for part in self.parts if isinstance(part, Later)))

    @property
    def words(self) -> frozenset[str]:
        """The names and keywords in its text, but for what is written later."""
        return frozenset(word for part in self.parts if isinstance(part, str) for word in _WORD.findall(part))

    def with_written(self, written: Mapping[Later, "Sql"]) -> "Sql":
        """The piece with what had yet to be written."""
        parts: list[str | Hole | Later] = []
        for part in self.parts:
            parts.extend(written[part].parts if isinstance(part, Later) else (part,))
        return Sql(tuple(parts))

    def render(self) -> tuple[str, dict[str, Value]]:
        """The text with a `{name:Type}` for each value, and the values by those names."""
        pieces: list[str] = []
        names: dict[Hole, str] = {}
        for part in self._written():
            if isinstance(part, str):
                pieces.append(part)
                continue
            if part not in names:
                names[part] = f"{part.name}_{len(names) + 1}"
            pieces.append(f"{{{names[part]}:{part.value.type}}}")
        return "".join(pieces), {name: hole.value for hole, name in names.items()}

    def fingerprint(self) -> str:
        """16 hexadecimal digits that are the same for the same text, whatever its values."""
        return blake2b(self.render()[0].encode(), digest_size=8).hexdigest()

    def for_console(self) -> str:
        """The text with the values written in, to be pasted into a ClickHouse console."""
        return "".join(part if isinstance(part, str) else part.value.literal for part in self._written())

    def _written(self) -> list[str | Hole]:
        if self.later:
            raise ValueError(f"not written yet: {self.later}")
        return [part for part in self.parts if not isinstance(part, Later)]


def sql(template: LiteralString, **holes: Sql | Value | Later) -> Sql:
    """A piece of SQL whose `{holes}` are filled with other pieces and with bound values, now or later."""
    parts: list[str | Hole | Later] = []
    for before, name, _, _ in Formatter().parse(template):
        parts.append(before)
        if name is None:
            continue
        match holes[name]:
            case Sql(filling):
                parts.extend(filling)
            case Value() as value:
                parts.append(Hole(name, value))
            case later:
                parts.append(later)
    return Sql(tuple(part for part in parts if part != ""))


def join(separator: LiteralString, pieces: Iterable[Sql]) -> Sql:
    """The pieces with the separator between them."""
    parts: list[str | Hole | Later] = []
    for place, piece in enumerate(pieces):
        if place:
            parts.append(separator)
        parts.extend(piece.parts)
    return Sql(tuple(parts))


def all_of(conditions: Sequence[Sql]) -> Sql:
    """A condition that holds when all of them hold; always, when there are none."""
    if not conditions:
        return sql("true")
    return join(" AND ", (sql("({condition})", condition=condition) for condition in conditions))


def any_of(conditions: Sequence[Sql]) -> Sql:
    """A condition that holds when one of them holds; never, when there are none."""
    if not conditions:
        return sql("false")
    return sql("({conditions})", conditions=join(" OR ", (sql("({condition})", condition=condition) for condition in conditions)))


def negation(condition: Sql) -> Sql:
    """A condition that holds when this one doesn't."""
    return sql("NOT ({condition})", condition=condition)


def identifier(name: str) -> Sql:
    """A quoted column, alias or JSON path.

    ClickHouse's own `{name:Identifier}` parameters lose quotes, backslashes and tabs on the way (a filter on such a key silently matched
    nothing), so this is the one place where a name becomes text: between backquotes, with backslash and backquote escaped.
    """
    quoted = name.replace("\\", "\\\\").replace("`", "\\`")
    return Sql((f"`{quoted}`",))


def numbered(prefix: LiteralString, number: int) -> Sql:
    """A name of our own such as `value_3`."""
    return Sql((f"{prefix}_{number}",))


def text(value: str) -> Value:
    """A String."""
    return Value("String", value, _quoted(value))


def integer(value: int) -> Value:
    """An Int64."""
    return Value("Int64", value, str(value))


def unsigned(value: int) -> Value:
    """A UInt64."""
    return Value("UInt64", value, str(value))


def number(value: float) -> Value:
    """A Float64."""
    return Value("Float64", value, repr(float(value)))


def instant(value: datetime) -> Value:
    """A DateTime64(3) in UTC; a finer fraction is cut."""
    # strftime leaves out the zeros before a year such as 0001.
    written = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return Value("DateTime64(3, 'UTC')", written, f"toDateTime64({_quoted(written)}, 3, 'UTC')")


def texts(values: Sequence[str]) -> Value:
    """An Array(String)."""
    return Value("Array(String)", tuple(values), f"[{', '.join(_quoted(value) for value in values)}]")


def uuids(values: Sequence[str]) -> Value:
    """An Array(UUID), of UUIDs in their usual form."""
    return Value("Array(UUID)", tuple(values), f"CAST([{', '.join(_quoted(value) for value in values)}], 'Array(UUID)')")


def numbers(values: Sequence[float]) -> Value:
    """An Array(Float64)."""
    return Value("Array(Float64)", tuple(values), f"[{', '.join(repr(float(value)) for value in values)}]")


def integers(values: Sequence[int]) -> Value:
    """An Array(Int64)."""
    return Value("Array(Int64)", tuple(values), f"CAST([{', '.join(str(value) for value in values)}], 'Array(Int64)')")


def unsigneds(values: Sequence[int]) -> Value:
    """An Array(UInt64)."""
    return Value("Array(UInt64)", tuple(values), f"CAST([{', '.join(str(value) for value in values)}], 'Array(UInt64)')")


def instants(values: Sequence[datetime]) -> Value:
    """An Array(DateTime64(3)) in UTC."""
    one_by_one = [instant(value) for value in values]
    literals = ", ".join(value.literal for value in one_by_one)
    return Value("Array(DateTime64(3, 'UTC'))", tuple(str(value.bound) for value in one_by_one), f"[{literals}]")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
