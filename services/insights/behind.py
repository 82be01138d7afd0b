"""Who is behind one number of a line: the persons of the events it is calculated from."""

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_uppercase

from core.errors import InvalidArgument
from core.sql import Sql, any_of, instant, sql
from core.words import counted
from pug.insights.v1.breakdown_pb2 import Cell
from services.insights import trailing
from services.insights.buckets import Bucket
from services.insights.cells_kept import Ranked
from services.insights.lines import Question, cells_kept, series_asked
from services.insights.ranges import Range
from services.insights.scope import Scope
from services.insights.series import Series, rows_of

_PERSONS = """{beginning}SELECT DISTINCT event.person AS person
FROM {rows} AS event{join}{others}"""


def persons_behind(asked: Question, letter: str, cell: Cell, buckets: Sequence[Bucket], *, scope: Scope, field: str) -> Sql:
    """The persons, each once, of a series' events in a cell and in any of some buckets; `field` is the path of the message that says so.

    With what is not calculated from persons, such as a total, they are those whose events it is calculated from.
    """
    series = series_asked(asked, scope)
    one = _lettered(series, letter, field)
    kept = cells_kept(asked, series, [one], scope)
    _check_cell(cell, asked, field)
    windows = _windows(one, buckets, scope)
    whole = trailing.reaching_back(scope, one.trailing).range if one.trailing else scope.range
    reading = replace(scope, range=Range(windows[0].start, windows[-1].end), whole=whole)
    columns = [sql("{person} AS person", person=scope.as_of.people.person()), *(kept.columns if cell.others else _values(kept))]
    rows = rows_of([one], reading, columns, [*_in(windows), *_contributing(one, scope), *_of_cell(cell, kept)])
    if not cell.others:
        return sql(_PERSONS, beginning=sql(""), rows=rows, join=sql(""), others=sql(""))
    return sql(_PERSONS, beginning=kept.beginning, rows=rows, join=kept.join, others=sql("\nWHERE rank = 0"))


def _lettered(series: list[Series], letter: str, field: str) -> Series:
    letters = ascii_uppercase[: len(series)]
    if len(letter) != 1 or letter not in letters:
        raise InvalidArgument(
            f"There is no series {letter!r}.",
            field=f"{field}.series",
            hint=f"Use a letter, {', '.join(letters)}; of a formula there are none.",
        )
    return series[letters.index(letter)]


def _check_cell(cell: Cell, asked: Question, field: str) -> None:
    wanted = 0 if cell.others else len(asked.breakdowns)
    if len(cell.values) != wanted or (cell.others and not asked.breakdowns):
        raise InvalidArgument(
            f"A cell of this query has {counted(len(asked.breakdowns), 'value')}, not {len(cell.values)}.",
            field=f"{field}.cell",
            hint="Give the cell as the answer has it.",
        )


def _windows(one: Series, buckets: Sequence[Bucket], scope: Scope) -> list[Range]:
    """The stretches of time of which events count, one after the other."""
    if one.trailing:
        apart = trailing.windows(buckets, one.trailing, scope.range)
    else:
        apart = [Range(max(bucket.start, scope.range.start), min(bucket.end, scope.range.end)) for bucket in buckets]
    merged = apart[:1]
    for window in apart[1:]:
        if window.start <= merged[-1].end:
            merged[-1] = Range(merged[-1].start, window.end)
        else:
            merged.append(window)
    return merged


def _in(windows: list[Range]) -> list[Sql]:
    """Holds for events in one of them; one alone is the range that is read."""
    if len(windows) == 1:
        return []
    return [
        any_of(
            [
                sql("occurred_at >= {start} AND occurred_at < {end}", start=instant(window.start), end=instant(window.end))
                for window in windows
            ]
        )
    ]


def _contributing(one: Series, scope: Scope) -> list[Sql]:
    """Holds for events of persons that the metric is calculated from."""
    of_persons = [] if one.measure.of_persons else scope.of_persons
    return [*of_persons, *([one.measure.contributes] if one.measure.contributes else [])]


def _values(kept: Ranked) -> list[Sql]:
    return kept.cells.columns if kept.cells else []


def _of_cell(cell: Cell, kept: Ranked) -> list[Sql]:
    if kept.cells is None or cell.others:
        return []
    return kept.cells.are(cell)
