"""What the rows of `lines.plan` say: the lines, with every bucket, the earlier range and the formulas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from string import ascii_uppercase

from core.errors import TooMany
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.trends_pb2 import Trends
from services.insights.breakdowns import cell_message
from services.insights.limits import MOST_CHARACTERS
from services.insights.lines import Question, formulas_of, grows
from services.insights.scope import Scope

# The values of a cell; None for the others.
_Label = tuple[object, ...] | None
# A series by its number, and one of its cells.
_Key = tuple[int, _Label]


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
        (number, label): Line(
            ascii_uppercase[number - 1],
            cell_message(found.ranks[number, label], label or ()),
            _values(found.points.get((number, label), {}), one, asked, scope),
            _values(found.compared.get((number, label), {}), one, asked, scope.compared) if scope.compared else [],
        )
        for number, one in enumerate(asked.series, 1)
        for label in found.labels(number)
    }
    return [*lines.values(), *_calculated(lines, found.labels(1), asked)]


@dataclass(frozen=True, slots=True)
class _Found:
    """The rank of every cell, and its points in the range and in the one compared with."""

    ranks: dict[_Key, int] = field(default_factory=dict[_Key, int])
    points: dict[_Key, dict[datetime, float]] = field(default_factory=dict[_Key, dict[datetime, float]])
    compared: dict[_Key, dict[datetime, float]] = field(default_factory=dict[_Key, dict[datetime, float]])

    def labels(self, number: int) -> list[_Label]:
        """The cells of a series, the others last."""
        return sorted((label for of, label in self.ranks if of == number), key=lambda label: (label is None, self.ranks[number, label]))


def _read(rows: Sequence[Sequence[object]], asked: Question) -> _Found:
    found, characters = _Found(), 0
    numbers = range(1, len(asked.series) + 1)
    if not asked.breakdowns:
        found.ranks.update({(number, ()): 1 for number in numbers})
    for row in rows:
        match row:
            case [int() as number, int() as rank, datetime() as start, float() as value, bool() as compared, *cell]:
                # By label rather than by rank: each query ranks for itself, and the last bit of a sum depends on the order of its terms.
                label = tuple(cell) if rank else None
                if (number, label) not in found.ranks:
                    # With formulas all series have the cells of the first, also where one of them has nothing.
                    cells = [(of, label) for of in (numbers if asked.formulas else (number,))]
                    found.ranks.update(dict.fromkeys(cells, rank))
                    characters += len(cells) * sum(len(str(value)) for value in label or ())
                    _check_size(characters, asked)
                (found.compared if compared else found.points).setdefault((number, label), {})[start] = value
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return found


def _check_size(characters: int, asked: Question) -> None:
    """Refuse an answer that would take long to write and longer to read."""
    if characters > MOST_CHARACTERS:
        raise TooMany(
            f"The values of an answer's cells have at most {MOST_CHARACTERS:,} characters.",
            field=f"{asked.field}.breakdownLimit",
            hint="Ask for fewer cells, breakdowns or series.",
        )


def _values(points: dict[datetime, float], one: Trends.Series, asked: Question, scope: Scope) -> list[float]:
    """One value for each bucket, 0 where nothing happened."""
    values = [points.get(bucket.start, 0.0) for bucket in scope.buckets]
    return list(accumulate(values)) if grows(one, asked) else values


def _calculated(lines: dict[_Key, Line], labels: list[_Label], asked: Question) -> list[Line]:
    """The lines of the formulas, cell by cell."""
    calculated: list[Line] = []
    for one, formula in zip(asked.formulas, formulas_of(asked), strict=True):
        for label in labels:
            series = [lines[number, label] for number in range(1, len(asked.series) + 1)]
            calculated.append(
                Line(
                    one.label or one.expression,
                    series[0].cell,
                    formula.of([line.values for line in series]),
                    formula.of([line.compare_values for line in series]),
                )
            )
    return calculated
