"""Tables that are wider than the terminal, told in blocks one below the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.output import table

# What stands between two columns of a table.
GAP = 3
_WIDEST_HEAD = 24


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head and a cell for each row."""

    head: str
    cells: Sequence[str | Text]
    is_number: bool = True

    @property
    def width(self) -> int:
        """How many columns of characters it takes. A long head is folded."""
        widest = max((cell_len(each if isinstance(each, str) else each.plain) for each in self.cells), default=0)
        return max(widest, min(cell_len(self.head), _WIDEST_HEAD))


def in_blocks(fixed: Sequence[Column], groups: Sequence[Sequence[Column]], width: int) -> Group:
    """The fixed columns with as many groups of columns as fit, and again with the next, until all are shown."""
    blocks = [table_of([*fixed, *chain.from_iterable(taken)]) for taken in _taken(fixed, groups, width)]
    return stacked(blocks)


def table_of(columns: Sequence[Column]) -> Table:
    """Columns as a table."""
    numbers = [place for place, each in enumerate(columns) if each.is_number]
    built = table([each.head for each in columns], zip(*(each.cells for each in columns), strict=True), numbers=numbers)
    for column, each in zip(built.columns, columns, strict=True):
        column.max_width = max(each.width, 1)
    return built


def stacked(parts: Sequence[Table | Group | Text]) -> Group:
    """Parts with a blank line between two."""
    return Group(*list(chain.from_iterable((part, Text()) for part in parts))[:-1])


def _taken(fixed: Sequence[Column], groups: Sequence[Sequence[Column]], width: int) -> Iterator[list[Sequence[Column]]]:
    used = sum(each.width + GAP for each in fixed) - GAP
    taken: list[Sequence[Column]] = []
    free = width - used
    for group in groups:
        needed = sum(each.width + GAP for each in group)
        if taken and needed > free:
            yield taken
            taken, free = [], width - used
        taken.append(group)
        free -= needed
    yield taken
