"""Splitting an answer by the values of properties: which cells there are, which are kept, and what the rest is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from core.errors import InvalidArgument, TooMany
from core.sql import Sql, numbered, sql, text
from pug.insights.v1.breakdown_pb2 import Breakdown, Cell
from pug.insights.v1.filter_pb2 import Source
from services.insights.people import AsOf
from services.insights.properties import event_property, trait
from services.insights.session_facts import session_property
from services.insights.vocabulary import FEW_VALUED

_MAX_BREAKDOWNS = 5
_MAX_LIMIT = 100
_DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a query: a value of each breakdown, NULL where the property is absent, and what the value is called."""

    texts: list[Sql]
    names: list[Sql]
    limit: int
    # Whether there are few of them, as far as we know.
    few: bool = False

    @property
    def columns(self) -> list[Sql]:
        """The values on a row of events."""
        return [sql("{text} AS {name}", text=text, name=name) for text, name in zip(self.texts, self.names, strict=True)]

    @property
    def marked(self) -> list[Sql]:
        """The same with a mark for absent ones: joining and grouping take half the time where nothing can be NULL."""
        # No string holds a NUL.
        return [sql("ifNull({text}, '\\0') AS {name}", text=text, name=name) for text, name in zip(self.texts, self.names, strict=True)]

    @property
    def unmarked(self) -> list[Sql]:
        """The values in terms of the marked ones."""
        return [sql("nullIf({name}, '\\0')", name=name) for name in self.names]

    def same(self, left: LiteralString, right: LiteralString) -> list[Sql]:
        """Conditions that hold when two tables' rows are of the same cell; unlike `=`, `<=>` finds NULL the same as NULL."""
        return [sql(left + ".{name} <=> " + right + ".{name}", name=name) for name in self.names]

    def are(self, cell: Cell) -> list[Sql]:
        """Conditions that hold on a row of the cell, which has as many values; NULL where only the row's value is absent."""
        return [
            sql("{name} IS NULL", name=name) if value.absent else sql("{name} = {value}", name=name, value=text(value.value))
            for name, value in zip(self.names, cell.values, strict=True)
        ]

    def labels(self, table: LiteralString) -> list[Sql]:
        """The values of a group of rows of one cell; NULL for the others, which have no one value.

        They leave ClickHouse as a dictionary: a cell may have many rows, and its values may be long.
        """
        return [sql("toLowCardinality(if(rank = 0, NULL, any(" + table + ".{name}))) AS {name}", name=name) for name in self.names]


def cells_of(breakdowns: Sequence[Breakdown], limit: int, field: str, as_of: AsOf) -> Cells | None:
    """The cells of a message's `breakdowns` and `breakdownLimit`; None when it has none.

    `field` is the message's path.
    """
    kept = kept_cells(limit, field)
    if len(breakdowns) > _MAX_BREAKDOWNS:
        raise TooMany(f"A query has at most {_MAX_BREAKDOWNS} breakdowns.", field=f"{field}.breakdowns", hint="Leave some out.")
    if not breakdowns:
        return None
    names = [numbered("value", place + 1) for place in range(len(breakdowns))]
    texts = [text_of(one, f"{field}.breakdowns[{place}]", as_of) for place, one in enumerate(breakdowns)]
    few = all(one.source != Source.SOURCE_PERSON and one.property in FEW_VALUED for one in breakdowns)
    return Cells(texts, names, kept, few)


def kept_cells(limit: int, field: str) -> int:
    """How many cells a message's `breakdownLimit` keeps; `field` is the message's path."""
    if not 0 <= limit <= _MAX_LIMIT:
        raise InvalidArgument(
            f"A breakdown keeps 1 to {_MAX_LIMIT} cells, not {limit}.", field=f"{field}.breakdownLimit", hint=f"0 means {_DEFAULT_LIMIT}."
        )
    return limit or _DEFAULT_LIMIT


def text_of(one: Breakdown, field: str, as_of: AsOf) -> Sql:
    """The value of a property on a row of events, NULL when it is absent; `field` is the path of the message that names it."""
    if one.source == Source.SOURCE_PERSON:
        return as_of.people.trait(trait(one.property, field).text())
    if one.source == Source.SOURCE_SESSION:
        return session_property(one.property, field).text()
    return event_property(one.property, one.source, field, as_of.table).text()


def cell_message(rank: int, values: Sequence[object]) -> Cell:
    """The label of the cell of a rank, from the columns of a row; rank 0 is everything beyond the limit."""
    if rank == 0:
        return Cell(others=True)
    return Cell(values=[Cell.Value(absent=True) if value is None else Cell.Value(value=str(value)) for value in values])
