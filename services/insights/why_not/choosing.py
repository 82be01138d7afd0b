"""Which attempts the funnel counts, and which of them is explained. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.insights.funnels.course import CountBy
from services.insights.why_not.reading import Asked, Event
from services.insights.why_not.walking import Attempt, Stop, attempts_in, lines_of

# How many required steps and how many in all, negative so that more comes first; and when it begins.
_Length = tuple[int, int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Explained:
    """The attempt that is explained, and whether the funnel counts it; None when they began none that could be."""

    attempt: Attempt | None
    counts: bool


def explained(events: Sequence[Event], asked: Asked) -> Explained:
    """Of the attempts the person began, the furthest that counts, else the furthest of those for which they are dropped."""
    every = [attempt for line in lines_of(events, asked) for attempt in attempts_in(line, asked)]
    if asked.course.count_by is CountBy.TOTALS:
        counted = [attempt for attempt in every if attempt.stop is not Stop.DROPPED]
    else:
        counted = _best_of_units(every, asked)
    theirs = [attempt for attempt in counted if attempt.entry.mine]
    if theirs:
        return Explained(min(theirs, key=_furthest), counts=True)
    units = {_unit(attempt, asked) for attempt in every if attempt.entry.mine}
    dropped = [attempt for attempt in every if attempt.stop is Stop.DROPPED and _unit(attempt, asked) in units]
    return Explained(min(dropped, key=_furthest, default=None), counts=False)


def _best_of_units(attempts: Sequence[Attempt], asked: Asked) -> list[Attempt]:
    """The longest of each unit, of these the earliest; none of a unit of which one is dropped."""
    by_unit: dict[object, list[Attempt]] = {}
    for attempt in attempts:
        by_unit.setdefault(_unit(attempt, asked), []).append(attempt)
    return [min(of_unit, key=_longest) for of_unit in by_unit.values() if all(one.stop is not Stop.DROPPED for one in of_unit)]


def _unit(attempt: Attempt, asked: Asked) -> object:
    """What is counted once."""
    entry = attempt.entry
    held = entry.common[: len(asked.course.held)]
    return (entry.session if asked.course.count_by is CountBy.SESSIONS else entry.person), held


def _longest(attempt: Attempt) -> _Length:
    required, steps = attempt.length
    return -required, -steps, attempt.entry.order


def _furthest(attempt: Attempt) -> tuple[int, _Length]:
    return -attempt.reached, _longest(attempt)
