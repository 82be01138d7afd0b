"""The attempts at a funnel within a few events, one after the other (services/insights/funnels/spec.py says what an attempt is). Pure.

The same as funnels/hops.py decides for everybody at once in SQL.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.insights.funnels.spec import CountBy, Course, Order
from services.insights.why_not.reading import Asked, Event, Part


class Stop(StrEnum):
    """How an attempt ends."""

    DONE = "done"
    OVER = "over"
    BROKEN = "broken"
    CUT = "cut"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Line:
    """Events in order among which attempts are made; places count from 0."""

    events: Sequence[Event]
    times: Sequence[int]
    # The places of what matches each step, and each exclusion.
    steps: Sequence[Sequence[int]]
    exclusions: Sequence[Sequence[int]]

    def first(self, step: int, start: int, used: Sequence[int]) -> int | None:
        """The first unused place from one on of what matches a step."""
        places = self.steps[step - 1]
        return next((places[one] for one in range(bisect_left(places, start), len(places)) if places[one] not in used), None)


@dataclass(slots=True)
class Attempt:
    """How far somebody came who began with one event."""

    line: Line
    course: Course
    # The steps and the places of what fills them, in the order they were reached.
    steps: list[int]
    places: list[int]
    stop: Stop = Stop.DONE
    # The place of what was excluded, or broke strict order.
    stopped_by: int = -1

    @property
    def entry(self) -> Event:
        """What it began with."""
        return self.line.events[self.places[0]]

    @property
    def latest(self) -> Event:
        """What filled the last step it reached."""
        return self.line.events[self.places[-1]]

    @property
    def fills(self) -> Mapping[str, int]:
        """The steps by the ids of the events that fill them."""
        return {self.line.events[place].event_id: step for step, place in zip(self.steps, self.places, strict=True)}

    @property
    def part(self) -> Part:
        """What its steps have in common."""
        return self.entry.part

    @property
    def reached(self) -> int:
        """The furthest step; in any order how many."""
        return len(self.steps) if self.course.order is Order.ANY else self.steps[-1]

    @property
    def length(self) -> tuple[int, int]:
        """How many required steps, and how many in all."""
        required = sum(not self.course.steps[step - 1].optional for step in self.steps)
        return required, len(self.steps)

    @property
    def deadline(self) -> int:
        """The last millisecond in which it may go on."""
        since = self.latest if self.course.per_step else self.entry
        return since.ms + self.course.window // timedelta(milliseconds=1)

    def targets(self) -> list[int]:
        """The steps it may go on to, in the order of preference: the next required one, and the optional ones before that."""
        steps = range(1, self.course.last + 1)
        if self.course.order is Order.ANY:
            return [step for step in steps if step not in self.steps]
        required = next(step for step in steps[self.reached :] if not self.course.steps[step - 1].optional)
        return [required, *range(self.reached + 1, required)]

    def is_over_before(self, later: "Attempt") -> bool:
        """Whether one of the same line begins when it has ended."""
        if self.stop is Stop.OVER:
            return later.entry.ms > self.deadline
        end = max(self.places)
        return later.places[0] > (end if self.stop in {Stop.DONE, Stop.BROKEN} else max(end, self.stopped_by))


def lines_of(events: Iterable[Event], asked: Asked) -> list[Line]:
    """The lines, of events in order: in strict order of each person, else of those that may be steps of one attempt."""
    strict = asked.course.order is Order.STRICT
    found: dict[object, list[Event]] = {}
    for event in events:
        if strict:
            found.setdefault(event.person, []).append(event)
        elif asked.has_all(event):
            whose = event.part if asked.course.count_by is CountBy.SESSIONS else (event.person, event.part)
            found.setdefault(whose, []).append(event)
    return [_line(of_one, asked) for of_one in found.values()]


def attempts_in(line: Line, asked: Asked) -> list[Attempt]:
    """All attempts of a line, by when they begin."""
    return [_walked(line, place, asked) for place, event in enumerate(line.events) if asked.may_begin(event)]


def _line(events: Sequence[Event], asked: Asked) -> Line:
    fit = [(place, event) for place, event in enumerate(events) if asked.has_all(event)]
    return Line(
        events,
        [event.ms for event in events],
        [[place for place, event in fit if event.is_step(step)] for step in range(1, asked.course.last + 1)],
        [[place for place, event in fit if event.is_excluded(one)] for one in range(len(asked.course.exclusions))],
    )


def _walked(line: Line, entry: int, asked: Asked) -> Attempt:
    course = asked.course
    begins = next(step for step in range(1, course.last + 1) if line.events[entry].is_step(step))
    attempt = Attempt(line, course, [begins], [entry])
    while attempt.reached < course.last:
        found, step = _next(attempt, asked)
        goes_to = attempt.reached + 1 if course.order is Order.ANY else step
        offence = _offence(attempt, found, goes_to)
        if offence is not None and line.times[offence[0]] <= attempt.deadline:
            attempt.stopped_by, attempt.stop = offence[0], Stop.DROPPED if offence[1] else Stop.CUT
            break
        if found is None or line.times[found] > attempt.deadline:
            attempt.stop = Stop.OVER
            break
        if not step:
            attempt.stopped_by, attempt.stop = found, Stop.BROKEN
            break
        attempt.steps.append(step)
        attempt.places.append(found)
    return attempt


def _next(attempt: Attempt, asked: Asked) -> tuple[int | None, int]:
    """The place of the event that decides how it goes on, and which step that one fills; 0 for none."""
    line, here, targets = attempt.line, attempt.places[-1], attempt.targets()
    match asked.course.order:
        case Order.STRICT:
            found = here + 1 if here + 1 < len(line.events) else None
            if found is None or line.events[found].part != attempt.part:
                return found, 0
        case Order.ANY:
            found = _first(attempt, targets, here + 1)
        case Order.ORDERED:
            # Events of one millisecond count as in order either way.
            found = _first(attempt, targets, bisect_left(line.times, line.times[here]))
    if found is None:
        return None, 0
    return found, next((step for step in targets if line.events[found].is_step(step)), 0)


def _first(attempt: Attempt, targets: list[int], start: int) -> int | None:
    places = [place for step in targets if (place := attempt.line.first(step, start, attempt.places)) is not None]
    return min(places, default=None)


def _offence(attempt: Attempt, found: int | None, goes_to: int) -> tuple[int, bool] | None:
    """The place of the first excluded event, and whether it drops; what takes the attempt to the end of an exclusion isn't in between."""
    line, furthest = attempt.line, max(attempt.places)
    offences: list[tuple[int, bool]] = []
    for one, exclusion in enumerate(attempt.course.exclusions):
        if not exclusion.after <= attempt.reached < exclusion.before:
            continue
        places = line.exclusions[one]
        if attempt.course.order is not Order.STRICT:
            following = bisect_right(places, furthest)
            if following < len(places) and (found is None or places[following] < found):
                offences.append((places[following], exclusion.drops))
                continue
        if found is not None and exclusion.before > goes_to and _is_offence(attempt, found, one):
            offences.append((found, exclusion.drops))
    # What drops goes before what cuts.
    return min(offences, key=lambda one: (one[0], not one[1]), default=None)


def _is_offence(attempt: Attempt, place: int, exclusion: int) -> bool:
    event = attempt.line.events[place]
    return event.part == attempt.part and event.is_excluded(exclusion)
