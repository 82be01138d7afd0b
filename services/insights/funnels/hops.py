"""How attempts at a funnel go on from each step to the next.

Every event has a place among the sorted ones of its unit, counted from 1, and every attempt a place for each step, 0 when it doesn't get
there; the time at place 0 is 0, which stands for never. For each step a look-up array says, at every place, where the next event is that
leads on from it. All attempts are led along at once, with no regard to windows and exclusions: these only stop an attempt on its way.

A look-up has to be exactly `arrayMap(place -> array[place], places)`: ClickHouse then shares the array among all places. In any other
lambda, or one inside another, it copies the array for every place.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from core.sql import Sql, all_of, integer, join, numbered, sql, unsigned
from services.insights.funnels.spec import Course, Order

# Bits of steps are those before it.
FIRST_EXCLUSION = 20
# How an attempt stops; `stop` is eight times the last step it reaches, plus one of these.
OVER, CUT, DROPPED, BROKEN, DONE = range(5)


@dataclass(slots=True)
class Walk:
    """Rows of units with the arrays of their attempts, one element for each event they may begin with."""

    course: Course
    rows: Sql
    # Whether the units' events are of several parts, of which an attempt stays in one; `kin` says where the next event is of the same.
    in_parts: bool
    # The arrays of places at which steps are reached.
    at: dict[int, Sql] = field(default_factory=dict[int, Sql])
    # The arrays of places of the event next after a step, whichever step it leads to.
    found: dict[int, Sql] = field(default_factory=dict[int, Sql])

    def add(self, *columns: Sql) -> None:
        """Give the rows further columns."""
        self.rows = sql("(\n    SELECT *,\n        {columns}\n    FROM {rows}\n)", columns=join(",\n        ", columns), rows=self.rows)

    def places(self) -> list[Sql]:
        """The array of the places of each step."""
        return [self.at[step] for step in range(1, self.course.last + 1)]


def walk(course: Course, units: Sql, end_ms: int, *, in_parts: bool) -> Walk:
    """The attempts of rows of units with their sorted `keys` that begin before a time, and where each stops."""
    walked = Walk(course, units, in_parts)
    walked.add(
        sql("arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times"), sql("arrayMap(key -> toUInt32(key), keys) AS masks")
    )
    entries = sql(
        "arrayFilter((place, time, mask) -> bitAnd(mask, {entry}) > 0 AND time < {end}, arrayEnumerate(keys), times, masks) AS at_1",
        entry=unsigned(entry_bits(course)),
        end=integer(end_ms),
    )
    walked.add(entries, *_lookups(course))
    walked.at[1] = sql("at_1")
    if course.order is Order.ANY:
        _seek_all(walked)
    else:
        _lead_on(walked)
    walked.add(*_met(walked))
    walked.add(_stop(walked))
    return walked


def entry_bits(course: Course) -> int:
    """The bits of the events an attempt may begin with."""
    return _bits(range(1, course.last + 1)) if course.order is Order.ANY else _bits([1])


def side_by_side(arrays: list[Sql]) -> Sql:
    """One array of the arrays of elements that belong together."""
    names = join(", ", [numbered("one", number) for number in range(len(arrays))])
    return sql("arrayMap(({names}) -> [{names}], {arrays})", names=names, arrays=join(", ", arrays))


def looked_up(array: Sql, places: Sql) -> Sql:
    """What an array has at each of some places."""
    return sql("arrayMap(place -> {array}[place], {places})", array=array, places=places)


def looks_out(course: Course, step: int) -> bool:
    """Whether an excluded event is looked for after a step; in strict order it is the next event or none."""
    return course.order is not Order.STRICT and bool(_excluding(course, step))


def deadline(course: Course, since: Sql) -> Sql:
    """Until when an attempt may go on that has reached a step at a time; `time_1` is when it began."""
    window = integer(course.window // timedelta(milliseconds=1))
    return sql("{since} + {window}", since=since if course.per_step else sql("time_1"), window=window)


def _lookups(course: Course) -> list[Sql]:
    steps = range(1, course.last)
    outs = [_next(numbered("next_out", step), bits) for step in steps if (bits := _excluding(course, step))]
    match course.order:
        case Order.STRICT:
            return []
        case Order.ANY:
            return [*(_next(numbered("next", step), _bits([step])) for step in range(1, course.last + 1)), *outs]
        case Order.ORDERED:
            # Events of one millisecond count as in order either way: a step is looked for from the first of them.
            tied = sql("arrayFill((place, since) -> since > 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from")
            return [tied, *(_next(numbered("next", step), _bits(_targets(course, step))) for step in steps), *outs]


def _next(name: Sql, bits: int) -> Sql:
    """At every place, and at the one after the last, the first from there on where an event has one of the bits."""
    return sql(
        "arrayReverseFill((place, mask) -> bitAnd(mask, {bits}) > 0,"
        " arrayPushBack(arrayEnumerate(masks), 0), arrayPushBack(masks, 0)) AS {name}",
        bits=unsigned(bits),
        name=name,
    )


def _seek_all(walked: Walk) -> None:
    """In any order each step takes the earliest unused event from the entry on; they are reached in the order of these events."""
    steps = range(1, walked.course.last + 1)
    for step in steps:
        used = [numbered("seen", other) for other in range(1, step) if _may_meet(walked.course, other, [step])]
        if used:
            walked.add(_unused(numbered("next", step), sql("at_1"), numbered("seen", step), used))
        else:
            walked.add(sql("{places} AS {name}", places=looked_up(numbered("next", step), sql("at_1")), name=numbered("seen", step)))
    places = join(", ", [numbered("place", step) for step in steps])
    seen = join(", ", [numbered("seen", step) for step in steps])
    walked.add(
        sql(
            "arrayMap(({places}) -> arraySort(place -> if(place = 0, 4294967295, place), [{places}]), {seen}) AS seen",
            places=places,
            seen=seen,
        )
    )
    # The entry is always the first.
    for step in steps[1:]:
        walked.at[step] = walked.found[step - 1] = numbered("at", step)
    walked.add(*(sql("arrayMap(one -> one[{step}], seen) AS {name}", step=unsigned(step), name=walked.at[step]) for step in steps[1:]))


def _lead_on(walked: Walk) -> None:
    """One after the other the steps take the earliest event at or after the time of the step before."""
    course = walked.course
    columns: list[Sql] = []
    for step in range(1, course.last):
        targets = _targets(course, step)
        used = [walked.at[other] for other in range(1, step + 1) if other in walked.at and _may_meet(course, other, targets)]
        used = [] if course.order is Order.STRICT else used
        if used or len(targets) > 1 or step + 1 in walked.at:
            # Names are written out where they are used within one SELECT, so what is used often needs one of its own.
            if columns:
                walked.add(*columns)
            columns = []
            if any(one.optional for one in course.steps):
                _choose(walked, step, targets, used)
            else:
                walked.add(_unused(numbered("next", step), looked_up(sql("tied_from"), walked.at[step]), numbered("at", step + 1), used))
                walked.at[step + 1] = walked.found[step] = numbered("at", step + 1)
            continue
        walked.at[step + 1] = walked.found[step] = numbered("at", step + 1)
        columns.append(sql("{places} AS {name}", places=_following(course, step, walked.at[step]), name=walked.at[step + 1]))
    if columns:
        walked.add(*columns)


def _following(course: Course, step: int, places: Sql) -> Sql:
    """The places of the events that lead on from a step, without a look at which have been used."""
    if course.order is Order.STRICT:
        return sql("arrayMap(place -> place + 1, {places})", places=places)
    return looked_up(numbered("next", step), looked_up(sql("tied_from"), places))


def _choose(walked: Walk, step: int, targets: list[int], used: list[Sql]) -> None:
    """Lead attempts on to whichever step their next event fills."""
    found = walked.found[step] = numbered("found", step)
    if used:
        column = _unused(numbered("next", step), looked_up(sql("tied_from"), walked.at[step]), found, used)
    else:
        column = sql("{places} AS {name}", places=_following(walked.course, step, walked.at[step]), name=found)
    mask = numbered("found_mask", step)
    walked.add(column, sql("{masks} AS {name}", masks=looked_up(sql("masks"), found), name=mask))
    walked.add(*(_reach(walked, step, targets, target) for target in targets))


def _reach(walked: Walk, step: int, targets: list[int], target: int) -> Sql:
    """The places of a step to which some attempts go on; beside an optional step it may be reached from several."""
    before, name = walked.at.get(target), numbered("at", target)
    if before is not None:
        name = sql("{at}{by}", at=name, by=numbered("_from", step))
    here = walked.at[step]
    walked.at[target] = name
    return sql(
        "arrayMap((here, found, mask, before) -> if(here > 0 AND {fills}, found, before), {here}, {found}, {mask}, {before}) AS {name}",
        fills=_fills(targets, target, sql("mask")),
        here=here,
        found=numbered("found", step),
        mask=numbered("found_mask", step),
        before=before or sql("arrayMap(place -> 0, at_1)"),
        name=name,
    )


def _fills(targets: list[int], target: int, mask: Sql) -> Sql:
    """Whether an event fills a target: it matches it, and none that is preferred."""
    preferred = targets[: targets.index(target) + 1]
    return sql("bitAnd({mask}, {bits}) = {bit}", mask=mask, bits=unsigned(_bits(preferred)), bit=unsigned(_bits([target])))


def _may_meet(course: Course, step: int, others: list[int]) -> bool:
    return any(course.steps[step - 1].event.may_be(course.steps[other - 1].event) for other in others)


def _unused(lookup: Sql, start: Sql, name: Sql, used: list[Sql]) -> Sql:
    """The first event of a look-up from each place on that isn't at one of the `used` places of the same attempt."""
    # There is at most one event at each of the used places, so among one more than they are is one that is free.
    names = [sql("{name}{number}", name=name, number=numbered("_try", number)) for number in range(len(used) + 1)]
    places = [start, *(sql("arrayMap(place -> place + 1, {before})", before=before) for before in names[:-1])]
    # Named inside of the expression they are no columns, which every SELECT around would carry along.
    tries = [sql("{tried} AS {name}", tried=looked_up(lookup, place), name=name) for place, name in zip(places, names, strict=True)]
    return sql(
        "arrayMap((tries, used) -> arrayFirst(place -> place = 0 OR NOT has(used, place), tries), {tries}, {used}) AS {name}",
        tries=side_by_side(tries),
        used=side_by_side(used),
        name=name,
    )


def _targets(course: Course, step: int) -> list[int]:
    """The steps an attempt may go on to: the next required one, and the optional ones before it, in the order of preference."""
    if course.order is Order.ANY:
        return [step + 1]
    required = next(later for later in range(step + 1, course.last + 1) if not course.steps[later - 1].optional)
    return [required, *range(step + 1, required)]


def _met(walked: Walk) -> list[Sql]:
    """What is known of each step's event and of the next one."""
    course = walked.course
    columns = [
        sql("{times} AS {name}", times=looked_up(sql("times"), walked.at[step]), name=numbered("time", step))
        for step in range(1, course.last + 1)
    ]
    for step in range(1, course.last):
        found = walked.found[step]
        columns.append(sql("{found} AS {name}", found=found, name=numbered("next_at", step)))
        columns.append(sql("{times} AS {name}", times=looked_up(sql("times"), found), name=numbered("next_time", step)))
        columns.append(sql("{masks} AS {name}", masks=looked_up(sql("masks"), found), name=numbered("next_mask", step)))
        if walked.in_parts:
            columns.append(sql("{kin} AS {name}", kin=looked_up(sql("kin"), walked.at[step]), name=numbered("next_kin", step)))
        if looks_out(course, step):
            columns += _outlook(walked, step)
    return columns


def _outlook(walked: Walk, step: int) -> list[Sql]:
    """The first excluded event after all that an attempt has used."""
    used = [walked.at[earlier] for earlier in range(1, step + 1)]
    furthest = sql("arrayMap(places -> arrayMax(places) + 1, {used})", used=side_by_side(used))
    out = numbered("out", step)
    return [
        sql("{out} AS {name}", out=looked_up(numbered("next_out", step), furthest), name=out),
        sql("{times} AS {name}", times=looked_up(sql("times"), out), name=numbered("out_time", step)),
        sql("{masks} AS {name}", masks=looked_up(sql("masks"), out), name=numbered("out_mask", step)),
    ]


def _stop(walked: Walk) -> Sql:
    """Where each attempt stops, and how: the first step after which something stops it, or the last one."""
    course = walked.course
    cases = [case for step in range(1, course.last) for case in _stops(walked, step)]
    done = unsigned(course.last * 8 + DONE)
    choice = sql(
        "multiIf({cases}, {done})", cases=join(", ", (sql("{when}, {then}", when=when, then=then) for when, then in cases)), done=done
    )
    return each(walked, choice, sql("stop"))


def each(walked: Walk, value: Sql, name: Sql) -> Sql:
    """An array with a value for each attempt, in terms of what is known of it at all steps."""
    course = walked.course
    known = [(sql("stop"), sql("stop")), *((numbered("time", step), numbered("time", step)) for step in range(1, course.last + 1))]
    known += [(numbered("at", step), walked.at[step]) for step in range(1, course.last + 1)]
    for step in range(1, course.last):
        known += [(one, one) for one in (numbered("next_at", step), numbered("next_time", step), numbered("next_mask", step))]
        if walked.in_parts:
            known.append((numbered("next_kin", step), numbered("next_kin", step)))
        if looks_out(course, step):
            known += [(one, one) for one in (numbered("out", step), numbered("out_time", step), numbered("out_mask", step))]
    used = [(element, array) for element, array in known if _mentions(value, element)]
    return sql(
        "arrayMap(({names}) -> {value}, {arrays}) AS {name}",
        names=join(", ", (element for element, _ in used)),
        value=value,
        arrays=join(", ", (array for _, array in used)),
        name=name,
    )


def _stops(walked: Walk, step: int) -> list[tuple[Sql, Sql]]:
    """What stops attempts after a step they have reached, with how."""
    course = walked.course
    here = [sql("{at} > 0", at=numbered("at", step))] if course.steps[step - 1].optional else []
    by = deadline(course, numbered("time", step))
    found, time, mask = numbered("next_at", step), numbered("next_time", step), numbered("next_mask", step)
    cases: list[tuple[list[Sql], int]] = []
    if looks_out(course, step):
        out, out_time = numbered("out", step), numbered("out_time", step)
        holes = {"out": out, "out_time": out_time, "time": time, "found": found, "by": by}
        first = sql("{out_time} > 0 AND {out_time} <= {by} AND ({time} = 0 OR {out} < {found})", **holes)
        cases += _offences(course, step, 0, first, numbered("out_mask", step))
    cases.append(([sql("{time} = 0 OR {time} > {by}", time=time, by=by)], OVER))
    if walked.in_parts:
        cases.append(([sql("{kin} = 0", kin=numbered("next_kin", step))], BROKEN))
    targets = _targets(course, step)
    for target in targets:
        sure = course.order is not Order.STRICT and len(targets) == 1
        cases += _offences(course, step, target, sql("true") if sure else _fills(targets, target, mask), mask)
    if course.order is Order.STRICT:
        other = sql("bitAnd({mask}, {bits}) = 0", mask=mask, bits=unsigned(_bits(targets)))
        cases += [*_offences(course, step, 0, other, mask), ([other], BROKEN)]
    return [(all_of([*here, *conditions]), sql("{stop}", stop=unsigned(step * 8 + how))) for conditions, how in cases]


def _offences(course: Course, step: int, reached: int, when: Sql, mask: Sql) -> list[tuple[list[Sql], int]]:
    """When an event, which reaches a step or none, is excluded; what drops attempts goes before what cuts them."""
    both = ((_excluding(course, step, reached, drops=True), DROPPED), (_excluding(course, step, reached, drops=False), CUT))
    return [([when, sql("bitAnd({mask}, {bits}) > 0", mask=mask, bits=unsigned(bits))], how) for bits, how in both if bits]


def _excluding(course: Course, step: int, reached: int = 0, *, drops: bool | None = None) -> int:
    """The bits of the exclusions in force after a step that an event offends which would reach another one, or 0 for none."""
    return sum(
        1 << (FIRST_EXCLUSION + place)
        for place, one in enumerate(course.exclusions)
        if one.after <= step < one.before and reached < one.before and drops in (None, one.drops)
    )


def ends(walked: Walk) -> Sql:
    """Where attempts end: what is after that place and after that time is no part of them."""
    course = walked.course
    steps = range(1, course.last + 1)
    offences = [
        sql(
            "if({out} > 0 AND ({time} = 0 OR {out} < {found}), {out}, {found})",
            out=numbered("out", step),
            time=numbered("next_time", step),
            found=numbered("next_at", step),
        )
        if looks_out(course, step)
        else numbered("next_at", step)
        for step in range(1, course.last)
    ]
    return each(
        walked,
        sql(
            "multiIf(stop % 8 = 0, (toInt64(0), [{deadlines}][intDiv(stop, 8)]), stop % 8 IN (1, 2),"
            " (toInt64(greatest([{offences}][intDiv(stop, 8)], arrayMax(arraySlice([{places}], 1, intDiv(stop, 8))))), toInt64(0)),"
            " (toInt64(arrayMax(arraySlice([{places}], 1, intDiv(stop, 8)))), toInt64(0)))",
            deadlines=join(", ", (deadline(course, numbered("time", step)) for step in steps)),
            offences=join(", ", offences),
            places=join(", ", (numbered("at", step) for step in steps)),
        ),
        sql("ends"),
    )


def _mentions(value: Sql, name: Sql) -> bool:
    written = value.for_console()
    return re.search(rf"\b{name.for_console()}\b", written) is not None


def _bits(steps: Iterable[int]) -> int:
    return sum(1 << (step - 1) for step in steps)
