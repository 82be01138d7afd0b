"""What the rows of `lines.plan` say: the lines, with every bucket, the earlier range and the formulas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from string import ascii_uppercase

from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.trends_pb2 import Trends
from services.insights.breakdowns import cell_message
from services.insights.lines import Question, formulas_of, grows
from services.insights.scope import Scope

_OTHERS = 0
_EVERYTHING = 1

# A series by its number, and the rank of one of its cells.
_Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a value for each bucket, and for each of the range compared with, if there is one."""

    series: str
    cell: Cell
    values: list[float]
    compare_values: list[float]


def lines_of(rows: Sequence[Sequence[object]], asked: Question, scope: Scope) -> list[Line]:
    """The lines: by letter, then the formulas in their order; of each the largest cell first, the others last."""
    found = _read(rows, asked)
    lines = {
        (number, rank): Line(
            ascii_uppercase[number - 1],
            found.cells[number, rank],
            _values(found.points.get((number, rank), {}), one, asked, scope),
            _values(found.compared.get((number, rank), {}), one, asked, scope.compared) if scope.compared else [],
        )
        for number, one in enumerate(asked.series, 1)
        for rank in found.ranks(number)
    }
    return [*lines.values(), *_calculated(lines, found.ranks(1), asked)]


@dataclass(frozen=True, slots=True)
class _Found:
    """The label of every cell, and its points in the range and in the one compared with."""

    cells: dict[_Key, Cell] = field(default_factory=dict[_Key, Cell])
    points: dict[_Key, dict[datetime, float]] = field(default_factory=dict[_Key, dict[datetime, float]])
    compared: dict[_Key, dict[datetime, float]] = field(default_factory=dict[_Key, dict[datetime, float]])

    def ranks(self, number: int) -> list[int]:
        """The ranks of a series' cells, the others last."""
        return sorted((rank for of, rank in self.cells if of == number), key=lambda rank: (rank == _OTHERS, rank))


def _read(rows: Sequence[Sequence[object]], asked: Question) -> _Found:
    found = _Found()
    if not asked.breakdowns:
        found.cells.update({(number, _EVERYTHING): Cell() for number in range(1, len(asked.series) + 1)})
    for row in rows:
        match row:
            case [int() as number, int() as rank, datetime() as start, float() as value, bool() as compared, *cell]:
                if (number, rank) not in found.cells:
                    # With formulas all series have the cells of the first, also where one of them has nothing.
                    having = range(1, len(asked.series) + 1) if asked.formulas else (number,)
                    found.cells.update(dict.fromkeys(((of, rank) for of in having), cell_message(rank, cell)))
                (found.compared if compared else found.points).setdefault((number, rank), {})[start] = value
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return found


def _values(points: dict[datetime, float], one: Trends.Series, asked: Question, scope: Scope) -> list[float]:
    """One value for each bucket, 0 where nothing happened."""
    values = [points.get(bucket.start, 0.0) for bucket in scope.buckets]
    return list(accumulate(values)) if grows(one, asked) else values


def _calculated(lines: dict[_Key, Line], ranks: list[int], asked: Question) -> list[Line]:
    """The lines of the formulas, cell by cell."""
    calculated: list[Line] = []
    for one, formula in zip(asked.formulas, formulas_of(asked), strict=True):
        for rank in ranks:
            series = [lines[number, rank] for number in range(1, len(asked.series) + 1)]
            calculated.append(
                Line(
                    one.label or one.expression,
                    series[0].cell,
                    formula.of([line.values for line in series]),
                    formula.of([line.compare_values for line in series]),
                )
            )
    return calculated
