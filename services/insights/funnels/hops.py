"""How all attempts at a funnel advance together, from each step to the next one they reach.

Every event has a place among the sorted ones of its unit, counted from 1, and every attempt a place for each step, 0 when it doesn't reach
it; the time at place 0 is 0, which stands for never. For each step a look-up array says, at every place, where the next event is that leads
on from it.

A look-up has to be exactly `arrayMap(place -> array[place], places)`: ClickHouse then shares the array among all places. In any other
lambda, or one inside another, it copies the array for every place.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from core.sql import Sql, integer, join, numbered, sql, unsigned
from services.insights.funnels.spec import Course, Order

# Bits of steps are those before it.
FIRST_EXCLUSION = 20
# What becomes of an attempt after a step; any other number is the step it goes on to.
_OVER, _CUT, _DROPPED, _BROKEN, _NOT_HERE = (sql(code) for code in ("0", "201", "202", "203", "255"))


def entry_bits(course: Course) -> int:
    """The bits of the events an attempt may begin with."""
    return _bits(range(1, course.last + 1)) if course.order is Order.ANY else _bits([1])


@dataclass(slots=True)
class Walk:
    """Rows of units with the arrays of their attempts, one element for each event they may begin with."""

    course: Course
    rows: Sql
    # Whether it matters where an attempt ends.
    minds_ends: bool
    # Whether the units' events are of several parts, of which an attempt stays in one; `kin` says where the next event is of the same.
    in_parts: bool
    # The arrays of places at which steps are reached.
    at: dict[int, Sql] = field(default_factory=dict[int, Sql])
    # The arrays of the furthest place, of whether an attempt is dropped, and of where it ends: the last place and the last time of it.
    furthest: Sql | None = None
    dropped: Sql | None = None
    ends: Sql | None = None

    def add(self, *columns: Sql) -> None:
        """Give the rows further columns."""
        self.rows = sql("(\n    SELECT *,\n        {columns}\n    FROM {rows}\n)", columns=join(",\n        ", columns), rows=self.rows)

    def times(self) -> list[Sql]:
        """The arrays of the times at which steps are reached, 0 for never."""
        return [numbered("time", step) for step in range(1, self.course.last + 1)]


def walk(course: Course, units: Sql, end_ms: int, *, minds_ends: bool, in_parts: bool) -> Walk:
    """The attempts of rows of units with their sorted `keys` that begin before a time."""
    walked = Walk(course, units, minds_ends=minds_ends, in_parts=in_parts)
    walked.add(
        sql("arrayMap(key -> toInt64(bitShiftRight(key, 160)), keys) AS times"), sql("arrayMap(key -> toUInt32(key), keys) AS masks")
    )
    walked.add(
        sql(
            "arrayFilter((place, time, mask) -> bitAnd(mask, {entry}) > 0 AND time < {end}, arrayEnumerate(keys), times, masks) AS at_1",
            entry=unsigned(entry_bits(course)),
            end=integer(end_ms),
        ),
        *_lookups(course),
    )
    walked.at[1] = walked.furthest = sql("at_1")
    if course.order is Order.ANY:
        _seek_all(walked)
    walked.add(_gathered(sql("times"), walked.at[1], numbered("time", 1)))
    for step in range(1, course.last):
        _hop(walked, step)
    return walked


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


def _gathered(array: Sql, places: Sql, name: Sql) -> Sql:
    return sql("arrayMap(place -> {array}[place], {places}) AS {name}", array=array, places=places, name=name)


def _seek_all(walked: Walk) -> None:
    """In any order each step takes the earliest unused event from the entry on; they are reached in the order of these events."""
    steps = range(1, walked.course.last + 1)
    for step in steps:
        used = [numbered("seen", other) for other in range(1, step) if _may_meet(walked.course, other, [step])]
        walked.add(*_unused(numbered("next", step), sql("at_1"), numbered("seen", step), used))
    places = join(", ", [numbered("place", step) for step in steps])
    seen = join(", ", [numbered("seen", step) for step in steps])
    walked.add(
        sql(
            "arrayMap(({places}) -> arraySort(place -> if(place = 0, 4294967295, place), [{places}]), {seen}) AS seen",
            places=places,
            seen=seen,
        )
    )
    # The entry is always the first, and what is seen next is found next.
    walked.add(
        *(sql("arrayMap(one -> one[{step}], seen) AS {name}", step=unsigned(step + 1), name=numbered("found", step)) for step in steps[:-1])
    )


def _may_meet(course: Course, step: int, others: list[int]) -> bool:
    return any(course.steps[step - 1].event.may_be(course.steps[other - 1].event) for other in others)


def _unused(lookup: Sql, places: Sql, name: Sql, used: list[Sql]) -> list[Sql]:
    """The first event of a look-up from each place on that isn't at one of the `used` places of the same attempt."""
    if not used:
        return [_gathered(lookup, places, name)]
    # There is at most one event at each of the used places, so among one more than they are is one that is free.
    tries = [sql("{name}{number}", name=name, number=numbered("_try", number)) for number in range(len(used) + 1)]
    following = [_gathered(lookup, sql("arrayMap(place -> place + 1, {before})", before=before), name) for before, name in pairwise(tries)]
    free = sql(
        "arrayMap((tries, used) -> arrayFirst(place -> place = 0 OR NOT has(used, place), tries), {tries}, {used}) AS {name}",
        tries=side_by_side(tries),
        used=side_by_side(used),
        name=name,
    )
    return [_gathered(lookup, places, tries[0]), *following, free]


def side_by_side(arrays: list[Sql]) -> Sql:
    """One array of the arrays of elements that belong together."""
    names = join(", ", [numbered("one", number) for number in range(len(arrays))])
    return sql("arrayMap(({names}) -> [{names}], {arrays})", names=names, arrays=join(", ", arrays))


def _targets(course: Course, step: int) -> list[int]:
    """The steps an attempt may go on to: the next required one, and the optional ones before it, in the order of preference."""
    required = next(later for later in range(step + 1, course.last + 1) if not course.steps[later - 1].optional)
    return [required, *range(step + 1, required)]


def _hop(walked: Walk, step: int) -> None:
    """Take the attempts that have reached a step to the one they reach next."""
    targets = [step + 1] if walked.course.order is Order.ANY else _targets(walked.course, step)
    walked.add(*_ahead(walked, step, targets))
    walked.add(_outcome(walked, step, targets), *(_reach(walked, step, target) for target in targets), *_follow(walked, step))
    walked.add(_gathered(sql("times"), walked.at[step + 1], numbered("time", step + 1)))


def _ahead(walked: Walk, step: int, targets: list[int]) -> list[Sql]:
    """What is next of each attempt: the event found for its next step, and the first excluded one."""
    course, here = walked.course, walked.at[step]
    found = numbered("found", step)
    match course.order:
        case Order.ANY:
            columns: list[Sql] = []
        case Order.STRICT:
            columns = [sql("arrayMap(place -> place + 1, {here}) AS {found}", here=here, found=found)]
        case Order.ORDERED:
            used = [walked.at[other] for other in range(1, step + 1) if _may_meet(course, other, targets)]
            tied = sql("arrayMap(place -> tied_from[place], {here})", here=here)
            columns = _unused(numbered("next", step), tied, found, used)
    columns.append(_gathered(sql("times"), found, numbered("found_time", step)))
    columns.append(_gathered(sql("masks"), found, numbered("found_mask", step)))
    if walked.in_parts:
        columns.append(_gathered(sql("kin"), here, numbered("found_kin", step)))
    if _looks_out(course, step):
        assert walked.furthest
        out = numbered("out", step)
        after = sql("arrayMap(place -> place + 1, {furthest})", furthest=walked.furthest)
        columns += [_gathered(numbered("next_out", step), after, out)]
        columns += [_gathered(sql("times"), out, numbered("out_time", step)), _gathered(sql("masks"), out, numbered("out_mask", step))]
    return columns


def _outcome(walked: Walk, step: int, targets: list[int]) -> Sql:
    """What becomes of each attempt after a step."""
    course = walked.course
    late = sql("found_time = 0 OR found_time > {by}", by=_deadline(course))
    cases = [(sql("since = 0"), _NOT_HERE)]
    if _looks_out(course, step):
        first = sql("out_time > 0 AND out_time <= {by} AND (found_time = 0 OR out < found)", by=_deadline(course))
        cases += _offences(course, step, 0, first, sql("out_mask"))
    cases.append((late, _OVER))
    if walked.in_parts:
        cases.append((sql("kin = 0"), _BROKEN))
    for target in targets:
        # What was looked for by its bits has one of them.
        sure = course.order is not Order.STRICT and target == targets[-1]
        matches = sql("true") if sure else sql("bitAnd(found_mask, {bit}) > 0", bit=unsigned(_bits([target])))
        cases += [*_offences(course, step, target, matches, sql("found_mask")), (matches, sql("{step}", step=unsigned(target)))]
    if course.order is Order.STRICT:
        cases += _offences(course, step, 0, sql("true"), sql("found_mask"))
    choice = sql(
        "multiIf({cases}, {broken})",
        cases=join(", ", (sql("{when}, {then}", when=when, then=then) for when, then in cases)),
        broken=_BROKEN,
    )
    return _each(walked, step, choice, numbered("outcome", step))


def _each(walked: Walk, step: int, value: Sql, name: Sql, *further: tuple[Sql, Sql]) -> Sql:
    """An array with a value for each attempt, in terms of what is known of it at a step, and of the elements of further arrays."""
    known = [
        (sql("since"), numbered("time", step)),
        (sql("began"), numbered("time", 1)),
        (sql("found"), numbered("found", step)),
        (sql("found_time"), numbered("found_time", step)),
        (sql("found_mask"), numbered("found_mask", step)),
    ]
    if walked.in_parts:
        known.append((sql("kin"), numbered("found_kin", step)))
    if _looks_out(walked.course, step):
        known += [
            (sql("out"), numbered("out", step)),
            (sql("out_time"), numbered("out_time", step)),
            (sql("out_mask"), numbered("out_mask", step)),
        ]
    known += further
    return sql(
        "arrayMap(({names}) -> {value}, {arrays}) AS {name}",
        names=join(", ", (element for element, _ in known)),
        value=value,
        arrays=join(", ", (array for _, array in known)),
        name=name,
    )


def _offences(course: Course, step: int, reached: int, when: Sql, mask: Sql) -> list[tuple[Sql, Sql]]:
    """What becomes of attempts whose event, which reaches a step or none, is excluded; what drops them goes before what cuts them."""
    both = ((_excluding(course, step, reached, drops=True), _DROPPED), (_excluding(course, step, reached, drops=False), _CUT))
    return [
        (sql("({when}) AND bitAnd({mask}, {bits}) > 0", when=when, mask=mask, bits=unsigned(bits)), then) for bits, then in both if bits
    ]


def _excluding(course: Course, step: int, reached: int = 0, *, drops: bool | None = None) -> int:
    """The bits of the exclusions in force after a step that an event offends which would reach another one, or 0 for none."""
    return sum(
        1 << (FIRST_EXCLUSION + place)
        for place, one in enumerate(course.exclusions)
        if one.after <= step < one.before and reached < one.before and drops in (None, one.drops)
    )


def _looks_out(course: Course, step: int) -> bool:
    """Whether an excluded event is looked for after a step; in strict order it is the next event or none."""
    return course.order is not Order.STRICT and bool(_excluding(course, step))


def _deadline(course: Course) -> Sql:
    window = integer(course.window // timedelta(milliseconds=1))
    return sql("since + {window}", window=window) if course.per_step else sql("began + {window}", window=window)


def _reach(walked: Walk, step: int, target: int) -> Sql:
    """The places of a step to which some attempts go on; with optional steps it may be reached from several."""
    before = walked.at.get(target)
    name = numbered("at", target) if before is None else sql("{at}{by}", at=numbered("at", target), by=numbered("_from", step))
    walked.at[target] = name
    return sql(
        "arrayMap((outcome, found, before) -> if(outcome = {target}, found, before), {outcomes}, {found}, {before}) AS {name}",
        target=unsigned(target),
        outcomes=numbered("outcome", step),
        found=numbered("found", step),
        before=before or sql("arrayMap(place -> 0, at_1)"),
        name=name,
    )


def _follow(walked: Walk, step: int) -> list[Sql]:
    """How far attempts have got, which are dropped, and where they end, so far as it matters."""
    outcome = (sql("outcome"), numbered("outcome", step))
    columns: list[Sql] = []
    if any(one.drops for one in walked.course.exclusions):
        dropped = sql(
            "arrayMap((outcome, before) -> outcome = 202 OR before, {outcomes}, {before}) AS {name}",
            outcomes=outcome[1],
            before=walked.dropped or sql("arrayMap(place -> false, at_1)"),
            name=numbered("dropped", step),
        )
        columns.append(dropped)
    if walked.minds_ends:
        columns.append(_end(walked, step, outcome))
        walked.ends = numbered("ends", step)
    if walked.minds_ends or walked.course.exclusions:
        further = sql("if(outcome BETWEEN 1 AND 20, greatest(found, furthest), furthest)")
        assert walked.furthest
        columns.append(_each(walked, step, further, numbered("furthest", step), outcome, (sql("furthest"), walked.furthest)))
        walked.furthest = numbered("furthest", step)
    if any(one.drops for one in walked.course.exclusions):
        walked.dropped = numbered("dropped", step)
    return columns


def _end(walked: Walk, step: int, outcome: tuple[Sql, Sql]) -> Sql:
    """Where attempts end that don't go on after a step, or that have reached the last: what is after that place and that time is free."""
    assert walked.furthest
    offence = sql("if(out_time > 0 AND (found_time = 0 OR out < found), out, found)") if _looks_out(walked.course, step) else sql("found")
    ended = sql(
        "multiIf(outcome = 0, (toInt64(0), toInt64({by})), outcome IN (201, 202), (toInt64(greatest({offence}, furthest)), toInt64(0)),"
        " outcome = 203, (toInt64(found) - 1, toInt64(0)), outcome = {last}, (toInt64(greatest(found, furthest)), toInt64(0)), ended)",
        by=_deadline(walked.course),
        offence=offence,
        last=unsigned(walked.course.last),
    )
    before = walked.ends or sql("arrayMap(place -> (toInt64(0), toInt64(0)), at_1)")
    further = [outcome, (sql("furthest"), walked.furthest), (sql("ended"), before)]
    return _each(walked, step, ended, numbered("ends", step), *further)


def _bits(steps: Iterable[int]) -> int:
    return sum(1 << (step - 1) for step in steps)
