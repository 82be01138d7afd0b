"""What a funnel means, event by event, with no thought of speed.

**An attempt** begins with an entry: an event that matches the first step and lies in the range. From a step it has reached, it goes on to
the next required step, or to an optional one before that: with the earliest event at or after the time of the step it has reached that it
hasn't used and that matches one of them. An event that matches the required step fills that one, else the first of the optional ones. So
leaving a step out never costs anything. In strict order the next event is the only one that can do, in order of (ms, id).

In any order it takes what comes after the entry in order of (ms, id), each event filling the first step it matches that isn't filled; the
k-th step reached is the k-th in time.

**The window** ends it: what comes more than the window after the entry, or after the last step reached, isn't looked at.

**An exclusion** between the steps i and j is in force while the last step reached is i or later and before j. An event that matches it,
later in (ms, id) than every event used so far and before the one that takes the attempt to j or beyond, ends the attempt there: with what
it has reached, or dropped. An event that would fill a step before j and matches it is excluded too. If both effects meet, it is dropped.

**Parts.** With values held constant, with sessions and where all steps have to have the values of the cell, only events of the same part
are steps or exclusions; in strict order all events of the person come in between.

**Counted** is, of each unit, the best attempt: most required steps, then most steps, then the earliest. A unit is the person, with what is
held constant, or the session. If one attempt of it is dropped, the unit isn't counted. Of totals every attempt counts that begins after the
one before has ended, except for those that are dropped; one ends with the last step, with what is excluded, before the event that breaks
strict order, or else with its window.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from story import Happening

Cell = tuple[str | None, ...]


@dataclass(frozen=True)
class Excluded:
    matches: Callable[[Happening], bool]
    after: int
    before: int
    drops: bool


@dataclass(frozen=True)
class Asked:
    steps: Sequence[Callable[[Happening], bool]]
    optional: Sequence[bool]
    order: str
    window: int
    per_step: bool
    exclusions: Sequence[Excluded]
    count_by: str
    # Whose events aren't looked at.
    left_out: Callable[[Happening], bool]
    person: Callable[[Happening], str]
    session: Callable[[Happening], object]
    held: Callable[[Happening], Cell]
    cell: Callable[[Happening], Cell]
    attribution: str
    attribution_step: int
    start: int
    end: int


@dataclass
class Attempt:
    unit: object
    person: str
    # By step, counted from 1.
    events: dict[int, Happening]
    dropped: bool
    # What comes after this is no part of it.
    ended: tuple[int, str]
    cell: Cell = field(default=())

    @property
    def entry(self) -> tuple[int, str]:
        return order_of(self.events[1])


def ms(event: Happening) -> int:
    return round(event.at.timestamp() * 1000)


def order_of(event: Happening) -> tuple[int, str]:
    return ms(event), event.event_id


def counted(events: Sequence[Happening], asked: Asked) -> list[Attempt]:
    """The attempts that count, each with its cell; those of no cell left out."""
    until = asked.end + asked.window * (len(asked.steps) - 1 if asked.per_step else 1)
    events = sorted((event for event in events if asked.start <= ms(event) < until and not asked.left_out(event)), key=order_of)
    chosen: list[Attempt] = []
    found = [one for line in lines(events, asked) for one in attempts(line, asked)]
    if asked.count_by == "totals":
        parts = dict.fromkeys((one.unit, one.cell if asked.attribution == "all" else ()) for one in found)
        if asked.order == "strict":
            parts = dict.fromkeys(one.person for one in found)
        for part in parts:
            of_part = [one for one in found if part in ((one.unit, one.cell if asked.attribution == "all" else ()), one.person)]
            chosen += free(sorted(of_part, key=lambda one: one.entry))
        chosen = [one for one in chosen if not one.dropped]
    else:
        for unit in dict.fromkeys(one.unit for one in found):
            of_unit = [one for one in found if one.unit == unit]
            if not any(one.dropped for one in of_unit):
                chosen.append(min(of_unit, key=lambda one: (*far(one, asked), one.entry)))
    for one in chosen:
        one.cell = cell_of(one, asked)
    return [one for one in chosen if asked.attribution != "step" or asked.attribution_step in one.events]


def lines(events: Sequence[Happening], asked: Asked) -> Iterator[list[Happening]]:
    """The events among which attempts are looked for: those of a person, or of a session."""
    if asked.order == "strict" or asked.count_by != "sessions":
        keys = [asked.person(event) for event in events]
    else:
        keys = [asked.session(event) for event in events]
    for key in dict.fromkeys(keys):
        yield [event for event, of in zip(events, keys, strict=True) if of == key]


def part_of(event: Happening, asked: Asked) -> object | None:
    held = asked.held(event)
    if None in held:
        return None
    session = asked.session(event) if asked.count_by == "sessions" else None
    return held, session, asked.cell(event) if asked.attribution == "all" else ()


def attempts(line: list[Happening], asked: Asked) -> Iterator[Attempt]:
    for entry in line:
        part = part_of(entry, asked)
        if part is None or ms(entry) >= asked.end:
            continue
        mine = line if asked.order == "strict" else [event for event in line if part_of(event, asked) == part]
        of_part = [part_of(event, asked) == part for event in mine]
        begins = asked.steps if asked.order == "any" else asked.steps[:1]
        if not any(step(entry) for step in begins):
            continue
        walk = in_any_order if asked.order == "any" else in_order
        events, dropped, ended = walk(mine, of_part, mine.index(entry), asked)
        unit = (asked.session(entry) if asked.count_by == "sessions" else asked.person(entry), asked.held(entry))
        yield Attempt(unit, asked.person(entry), events, dropped, ended, asked.cell(entry))


Walked = tuple[dict[int, Happening], bool, tuple[int, str]]
# After every id.
_HIGH = "~"


def in_order(line: list[Happening], of_part: list[bool], entry: int, asked: Asked) -> Walked:
    last = len(asked.steps)
    at = {1: entry}
    while last not in at:
        here, furthest = max(at), max(at.values())
        by = ms(line[at[here] if asked.per_step else entry]) + asked.window
        targets = targets_of(here, asked)
        found = next_step(line, of_part, at, targets, asked)
        goes_to = next((step for step in targets if found is not None and of_part[found] and asked.steps[step - 1](line[found])), 0)
        for place in looked_at(line, of_part, found, furthest, asked):
            hits = [one for one in asked.exclusions if one.after <= here < one.before and one.matches(line[place])]
            # What takes the attempt to the end of an exclusion isn't in between.
            hits = [one for one in hits if place != found or one.before > goes_to]
            if hits and ms(line[place]) <= by:
                return told(line, at), any(one.drops for one in hits), order_of(line[max(place, furthest)])
        if found is None or ms(line[found]) > by:
            return told(line, at), False, (by, _HIGH)
        if not goes_to:
            return told(line, at), False, order_of(line[found - 1])
        at[goes_to] = found
    return told(line, at), False, order_of(line[max(at.values())])


def targets_of(here: int, asked: Asked) -> list[int]:
    required = next(step for step in range(here + 1, len(asked.steps) + 1) if not asked.optional[step - 1])
    return [required, *range(here + 1, required)]


def looked_at(line: list[Happening], of_part: list[bool], found: int | None, furthest: int, asked: Asked) -> list[int]:
    """The places of what may be excluded: after all that was used, up to the event found, and that one."""
    if asked.order == "strict":
        between = [found] if found is not None else []
    else:
        between = list(range(furthest + 1, len(line) if found is None else found))
        between += [] if found is None else [found]
    return [place for place in between if of_part[place]]


def next_step(line: list[Happening], of_part: list[bool], at: dict[int, int], targets: list[int], asked: Asked) -> int | None:
    here = max(at)
    if asked.order == "strict":
        return at[here] + 1 if at[here] + 1 < len(line) else None
    return next(
        (
            place
            for place, event in enumerate(line)
            if of_part[place]
            and ms(event) >= ms(line[at[here]])
            and place not in at.values()
            and any(asked.steps[step - 1](event) for step in targets)
        ),
        None,
    )


def in_any_order(line: list[Happening], of_part: list[bool], entry: int, asked: Asked) -> Walked:
    del of_part
    at: list[int] = []
    free = list(range(len(asked.steps)))
    for place in range(entry, len(line)):
        event = line[place]
        if at and ms(event) > ms(line[at[-1] if asked.per_step else entry]) + asked.window:
            break
        fills = next((step for step in free if asked.steps[step](event)), None)
        completes = fills is not None and len(free) == 1
        hits = [one for one in asked.exclusions if one.matches(event)] if at and not completes else []
        if hits:
            return told(line, dict(enumerate(at, 1))), any(one.drops for one in hits), order_of(event)
        if fills is not None:
            at.append(place)
            free.remove(fills)
        if not free:
            return told(line, dict(enumerate(at, 1))), False, order_of(event)
    by = ms(line[at[-1] if asked.per_step else entry]) + asked.window
    return told(line, dict(enumerate(at, 1))), False, (by, _HIGH)


def told(line: list[Happening], at: dict[int, int]) -> dict[int, Happening]:
    return {step: line[place] for step, place in at.items()}


def free(of_part: list[Attempt]) -> list[Attempt]:
    kept: list[Attempt] = []
    for one in of_part:
        if not kept or one.entry > kept[-1].ended:
            kept.append(one)
    return kept


def far(one: Attempt, asked: Asked) -> tuple[int, int]:
    required = sum(asked.order == "any" or not asked.optional[step - 1] for step in one.events)
    return -required, -len(one.events)


def cell_of(one: Attempt, asked: Asked) -> Cell:
    values = [asked.cell(one.events[step]) for step in sorted(one.events)]
    match asked.attribution:
        case "step":
            return asked.cell(one.events[asked.attribution_step]) if asked.attribution_step in one.events else ()
        case "all":
            return values[0]
        case "last":
            values.reverse()
        case _:
            pass
    return tuple(next((value[place] for value in values if value[place] is not None), None) for place in range(len(values[0])))
