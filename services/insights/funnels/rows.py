"""Rows with arrays, which gain column after column: one SELECT around another.

Within one SELECT a name stands for its expression and is written out wherever it is used, so what is used more than once is best made a
column first. Every SELECT and every column it carries along has to be analysed: `keep` lets go of those that have been used up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.sql import Sql, join, numbered, sql


@dataclass(slots=True)
class Rows:
    """A subquery under construction."""

    text: Sql

    def add(self, *columns: Sql) -> None:
        """Give the rows further columns, each `expression AS name`."""
        self.keep(sql("*"), *columns)

    def keep(self, *columns: Sql) -> None:
        """Give the rows these columns and no others."""
        self.text = sql("(\n    SELECT {columns}\n    FROM {rows}\n)", columns=join(",\n        ", columns), rows=self.text)


def looked_up(array: Sql, places: Sql) -> Sql:
    """What an array has at each of some places; 0 or empty beyond its end.

    It has to be exactly this: ClickHouse then shares the array among all places. In any other lambda, or one inside another, it copies the
    array for every place.
    """
    return sql("arrayMap(place -> {array}[place], {places})", array=array, places=places)


def side_by_side(arrays: Sequence[Sql]) -> Sql:
    """One array of the arrays of elements that belong together."""
    names = join(", ", (numbered("one", number) for number in range(1, len(arrays) + 1)))
    return sql("arrayMap(({names}) -> [{names}], {arrays})", names=names, arrays=join(", ", arrays))


def shifted(array: Sql) -> Sql:
    """What an array has at the next place, 0 at the last."""
    return sql("arraySlice(arrayPushBack({array}, 0), 2)", array=array)
