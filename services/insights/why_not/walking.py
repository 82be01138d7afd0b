"""The attempts at a funnel within a few events, one after the other (services/insights/funnels/spec.py says what an attempt is). Pure.

The same as funnels/hops.py decides for everybody at once in SQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.insights.funnels.course import CountBy, Course, Order
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
    """Events in order among which attempts are made. Places count from 0; the one after the last stands for none."""

    events: Sequence[Event]
    # At every place, that of the first event of the same millisecond.
    tied_from: Sequence[int]
    # For each step and each exclusion: at every place, the first from there on of an event that matches.
    steps: Sequence[Sequence[int]]
    exclusions: Sequence[Sequence[int]]
    # For each step that may be reached, those an attempt may then go on to (but in any order), in the order of preference.
    targets: Sequence[Sequence[int]]

    def first(self, targets: Sequence[int], start: int, used: Sequence[int]) -> int | None:
        """The first unused place from one on of what matches one of some steps."""
        nearest = len(self.events)
        for step in targets:
            following = self.steps[step - 1]
            place = following[start]
            while place in used:
                place = following[place + 1]
            nearest = min(nearest, place)
        return nearest if nearest < len(self.events) else None


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

    def targets(self) -> Sequence[int]:
        """The steps it may go on to, in the order of preference: the next required one, and the optional ones before that."""
        if self.course.order is Order.ANY:
            return [step for step in range(1, self.course.last + 1) if step not in self.steps]
        return self.line.targets[self.reached]

    def is_over_before(self, place: int) -> bool:
        """Whether it has ended when the event at a place of its line happens."""
        if self.stop is Stop.OVER:
            return self.line.events[place].ms > self.deadline
        end = max(self.places)
        return place > (end if self.stop in {Stop.DONE, Stop.BROKEN} else max(end, self.stopped_by))


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
    """The attempts of a line by when they begin, without those that surely aren't the ones that count."""
    course = asked.course
    totals, drops = course.count_by is CountBy.TOTALS, any(one.drops for one in course.exclusions)
    found: list[Attempt] = []
    for place, event in enumerate(line.events):
        if not asked.may_begin(event):
            continue
        if totals and found and not found[-1].is_over_before(place):
            continue
        found.append(_walked(line, place, asked))
        # In strict order those that follow may be of another part, else none of them is any longer.
        if not totals and not drops and course.order is not Order.STRICT and len(found[-1].steps) == course.last:
            break
    return found


def _line(events: Sequence[Event], asked: Asked) -> Line:
    course = asked.course
    fit = [asked.has_all(event) for event in events]
    tied_from = list(range(len(events)))
    for place in range(1, len(events)):
        if events[place].ms == events[place - 1].ms:
            tied_from[place] = tied_from[place - 1]
    return Line(
        events,
        tied_from,
        [_following([fits and event.is_step(step) for event, fits in zip(events, fit, strict=True)]) for step in range(1, course.last + 1)],
        [
            _following([fits and event.is_excluded(one) for event, fits in zip(events, fit, strict=True)])
            for one in range(len(course.exclusions))
        ],
        [[], *(_targets(course, step) for step in range(1, course.last))],
    )


def _following(matching: Sequence[bool]) -> list[int]:
    """At every place, and at the two after the last, the first from there on that matches."""
    following = [len(matching)] * (len(matching) + 2)
    for place in range(len(matching) - 1, -1, -1):
        following[place] = place if matching[place] else following[place + 1]
    return following


def _targets(course: Course, step: int) -> list[int]:
    required = next(later for later in range(step + 1, course.last + 1) if not course.steps[later - 1].optional)
    return [required, *range(step + 1, required)]


def _walked(line: Line, entry: int, asked: Asked) -> Attempt:
    course = asked.course
    begins = next(step for step in range(1, course.last + 1) if line.events[entry].is_step(step))
    attempt = Attempt(line, course, [begins], [entry])
    while attempt.reached < course.last:
        found, step = _next(attempt, asked)
        goes_to = attempt.reached + 1 if course.order is Order.ANY else step
        offence = _offence(attempt, found, goes_to)
        if offence is not None and line.events[offence[0]].ms <= attempt.deadline:
            attempt.stopped_by, attempt.stop = offence[0], Stop.DROPPED if offence[1] else Stop.CUT
            break
        if found is None or line.events[found].ms > attempt.deadline:
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
            found = line.first(targets, here + 1, ())
        case Order.ORDERED:
            # Events of one millisecond count as in order either way.
            found = line.first(targets, line.tied_from[here], attempt.places)
    if found is None:
        return None, 0
    return found, next((step for step in targets if line.events[found].is_step(step)), 0)


def _offence(attempt: Attempt, found: int | None, goes_to: int) -> tuple[int, bool] | None:
    """The place of the first excluded event, and whether it drops; what takes the attempt to the end of an exclusion isn't in between."""
    line, furthest = attempt.line, max(attempt.places)
    offences: list[tuple[int, bool]] = []
    for one, exclusion in enumerate(attempt.course.exclusions):
        if not exclusion.after <= attempt.reached < exclusion.before:
            continue
        place = line.exclusions[one][furthest + 1]
        if attempt.course.order is not Order.STRICT and place < (len(line.events) if found is None else found):
            offences.append((place, exclusion.drops))
            continue
        if found is not None and exclusion.before > goes_to and _is_offence(attempt, found, one):
            offences.append((found, exclusion.drops))
    # What drops goes before what cuts.
    return min(offences, key=lambda one: (one[0], not one[1]), default=None)


def _is_offence(attempt: Attempt, place: int, exclusion: int) -> bool:
    event = attempt.line.events[place]
    return event.part == attempt.part and event.is_excluded(exclusion)
