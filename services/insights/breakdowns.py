"""Splitting an answer by the values of properties: which cells there are, which are kept, and what the rest is called."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InvalidArgument, TooMany
from core.sql import Sql, join, numbered, sql
from pug.insights.v1.breakdown_pb2 import Breakdown, Cell
from services.insights.properties import event_property

_MAX_BREAKDOWNS = 5
_MAX_LIMIT = 100
_DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a query: for each breakdown a column with the value, and one that says it is absent."""

    columns: list[Sql]
    names: list[Sql]
    limit: int

    def order(self) -> Sql:
        """By value ascending, an absent one last."""
        pairs = zip(self.names[::2], self.names[1::2], strict=True)
        return join(", ", [name for value, absent in pairs for name in (absent, value)])


def cells_of(breakdowns: Sequence[Breakdown], limit: int, field: str) -> Cells | None:
    """The cells of a message's `breakdowns` and `breakdownLimit`; None when it has none. `field` is the message's path."""
    if not 0 <= limit <= _MAX_LIMIT:
        raise InvalidArgument(
            f"A breakdown keeps 1 to {_MAX_LIMIT} cells, not {limit}.", field=f"{field}.breakdownLimit", hint=f"0 means {_DEFAULT_LIMIT}."
        )
    if len(breakdowns) > _MAX_BREAKDOWNS:
        raise TooMany(f"A query has at most {_MAX_BREAKDOWNS} breakdowns.", field=f"{field}.breakdowns", hint="Leave some out.")
    if not breakdowns:
        return None
    columns: list[Sql] = []
    names: list[Sql] = []
    for place, breakdown in enumerate(breakdowns):
        text = event_property(breakdown.property, breakdown.source, f"{field}.breakdowns[{place}]").text()
        value, absent = numbered("value", place + 1), numbered("absent", place + 1)
        # Two columns, because a join never matches NULL with NULL.
        columns += [
            sql("ifNull({text}, '') AS {value}", text=text, value=value),
            sql("isNull({text}) AS {absent}", text=text, absent=absent),
        ]
        names += [value, absent]
    return Cells(columns, names, limit or _DEFAULT_LIMIT)


def cell_message(rank: int, values: Sequence[object]) -> Cell:
    """The label of the cell of a rank, from the columns of a row; rank 0 is everything beyond the limit."""
    if rank == 0:
        return Cell(others=True)
    pairs = zip(values[::2], values[1::2], strict=True)
    return Cell(values=[Cell.Value(value=str(value), absent=bool(absent)) for value, absent in pairs])
