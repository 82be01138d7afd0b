"""How attempts at a funnel hop from event to event.

Events have a place among the sorted ones of their unit, counted from 1; the last place is after all of them, and being led there means that
there is no such event. An attempt has as many hops as the funnel has steps, the first to its entry: each is a place and the step it
reaches. All attempts of a unit are led along at once, and with no regard to windows and exclusions: where these stop them is found out
later (stops.py).

For what is looked for next there is an array that says, at every place, where the next such event is, so a hop is a look-up.
"""

from dataclasses import dataclass

from core.sql import Sql, integer, join, numbered, sql, unsigned, unsigneds
from services.insights.funnels.course import Course, Order, step_bits
from services.insights.funnels.rows import Rows, looked_up, side_by_side


def lead_on(course: Course, rows: Rows, carried: list[Sql], *, end_ms: int, tied: bool) -> None:
    """Make rows of units, with their `times` and `masks` by place, to rows of the attempts that begin before a time.

    Of each attempt `at_1` has the place where it begins. `hop_at` and `hop_step` have the hops of all attempts, one attempt after another,
    and `hop_furthest` the furthest place of each hop and those before: among the events of one millisecond a hop may be back.

    `carried` are columns to carry along; `tied` says that the events of one millisecond aren't in the order of the steps.
    """
    _Hops(course, rows, carried, tied).lead(end_ms)


@dataclass(frozen=True, slots=True)
class _Hops:
    course: Course
    rows: Rows
    carried: list[Sql]
    tied: bool

    def lead(self, end_ms: int) -> None:
        entries = sql(
            "arrayFilter((place, time, mask) -> bitAnd(mask, {entry}) > 0 AND time < {end}, arrayEnumerate(times), times, masks) AS at_1",
            entry=unsigned(self.course.entry_bits),
            end=integer(end_ms),
        )
        # A lambda that names an array copies it for every element, so the last place is a column of its own.
        self.rows.add(sql("length(times) AS nowhere"), entries, *self._lookups())
        steps: Sql
        match self.course.order:
            case Order.STRICT:
                self._next_to_next()
                steps = side_by_side(self._chosen_steps())
            case Order.ORDERED if self.course.has_optional:
                self._step_or_leave_out()
                steps = side_by_side(self._chosen_steps())
            case Order.ORDERED:
                self._step_by_step()
                steps = self._all_steps()
            case Order.ANY:
                self._as_they_come()
                steps = self._all_steps()
        at = [self._at(hop) for hop in self._numbers()]
        self.rows.keep(
            *self.carried,
            sql("nowhere"),
            sql("at_1"),
            sql("arrayFlatten({at}) AS hop_at", at=side_by_side(at)),
            sql("arrayFlatten({furthest}) AS hop_furthest", furthest=_furthest(at)),
            sql("arrayFlatten({steps}) AS hop_step", steps=steps),
        )

    def _numbers(self) -> range:
        return range(1, self.course.last + 1)

    def _at(self, hop: int) -> Sql:
        return numbered("at", hop)

    def _all_steps(self) -> Sql:
        return sql("arrayMap(place -> range(1, {end}), at_1)", end=unsigned(self.course.last + 1))

    def _chosen_steps(self) -> list[Sql]:
        return [numbered("step", hop) for hop in self._numbers()]

    def _lookups(self) -> list[Sql]:
        """The arrays that say where the next event is that leads on from a step, or in any order that matches it."""
        # Events of one millisecond count as in order either way: a step is looked for from the first of them.
        ties = [sql("arrayFill((place, since) -> since != 0, arrayEnumerate(times), arrayDifference(times)) AS tied_from")]
        steps = self._numbers()
        match self.course.order:
            case Order.STRICT:
                return []
            case Order.ANY:
                return [next_place(numbered("next", step), step_bits([step])) for step in steps]
            case Order.ORDERED:
                found = [next_place(numbered("next", step), step_bits(self._targets(step))) for step in steps[:-1]]
                return [*(ties if self.tied else []), *found]

    def _targets(self, step: int) -> range:
        """The steps an attempt may go on to: the next required one, and the optional ones before it."""
        return range(step + 1, self.course.required_after(step) + 1)

    def _from(self, places: Sql) -> Sql:
        """Where to look for what comes after the events at some places."""
        return looked_up(sql("tied_from"), places) if self.tied else places

    def _next_to_next(self) -> None:
        """In strict order every hop is to the next event."""
        hops = self._numbers()[1:]
        self.rows.add(
            *(sql("arrayMap(place -> place + {by}, at_1) AS {at}", by=unsigned(hop - 1), at=self._at(hop)) for hop in hops),
            sql("arrayMap(place -> 1, at_1) AS step_1"),
        )
        self.rows.add(*(self._step(hop) if self.course.has_optional else self._step_or_none(hop) for hop in hops))

    def _step_or_none(self, hop: int) -> Sql:
        """The step of the hop's number if its event matches that; how the attempt got there is no matter, as it stops where it didn't."""
        return sql(
            "arrayMap(mask -> if(bitAnd(mask, {bit}) > 0, {step}, {none}), {masks}) AS {name}",
            bit=unsigned(step_bits([hop])),
            step=unsigned(hop),
            none=unsigned(self.course.last + 1),
            masks=looked_up(sql("masks"), self._at(hop)),
            name=numbered("step", hop),
        )

    def _step_or_leave_out(self) -> None:
        """A hop is to the earliest event that the next required step takes, or an optional one before it."""
        nexts = join(", ", (numbered("next", step) for step in self._numbers()[:-1]))
        # The many SELECTs to come shall not carry the single arrays along.
        self.rows.keep(
            *self.carried,
            *(sql("nowhere"), sql("at_1"), sql("tied_from")),
            sql("arrayConcat({nexts}) AS next", nexts=nexts),
            sql("arrayMap(place -> 1, at_1) AS step_1"),
        )
        meeting = any(self.course.may_meet(one, other) for one in self._numbers() for other in range(1, one))
        for hop in self._numbers()[1:]:
            used = [self._at(earlier) for earlier in range(1, hop)] if meeting else []
            at = _unused(sql("next"), self._from(self._at(hop - 1)), used, numbered("step", hop - 1))
            found = sql("{at} AS {name}", at=at, name=self._at(hop))
            if used:
                self.rows.add(found)
                self.rows.add(self._step(hop))
            else:
                self.rows.add(found, self._step(hop))

    def _step_by_step(self) -> None:
        """A hop is to the earliest event that the next step takes."""
        columns: list[Sql] = []
        for hop in self._numbers()[1:]:
            used = [self._at(earlier) for earlier in range(1, hop) if self.course.may_meet(earlier, hop)]
            if used and columns:
                self.rows.add(*columns)
                columns = []
            at = _unused(numbered("next", hop - 1), self._from(self._at(hop - 1)), used)
            columns.append(sql("{at} AS {name}", at=at, name=self._at(hop)))
        self.rows.add(*columns)

    def _as_they_come(self) -> None:
        """In any order each step takes the earliest unused event from the entry on; hops are in the order of these events."""
        columns: list[Sql] = []
        for step in self._numbers():
            used = [numbered("seen", earlier) for earlier in range(1, step) if self.course.may_meet(earlier, step)]
            if used and columns:
                self.rows.add(*columns)
                columns = []
            seen = _unused(numbered("next", step), sql("at_1"), used)
            columns.append(sql("{seen} AS {name}", seen=seen, name=numbered("seen", step)))
        self.rows.add(*columns)
        seen = side_by_side([numbered("seen", step) for step in self._numbers()])
        self.rows.add(sql("arrayMap(places -> arraySort(places), {seen}) AS seen", seen=seen))
        # The entry is always the first.
        self.rows.add(
            *(sql("arrayMap(places -> places[{hop}], seen) AS {at}", hop=unsigned(hop), at=self._at(hop)) for hop in self._numbers()[1:])
        )

    def _step(self, hop: int) -> Sql:
        """Which step a hop reaches of those an attempt may go on to: the required one, else the first optional one, else none."""
        steps = range(1, self.course.last)
        return sql(
            "arrayMap((step, mask) -> multiIf("
            "bitAnd(mask, {required}[step]) > 0, {required_step}[step],"
            # With all bits below it set, the lowest bit says its number.
            " bitAnd(mask, {optional}[step]) > 0, bitCount(bitXor(bitAnd(mask, {optional}[step]), bitAnd(mask, {optional}[step]) - 1)),"
            " {none}), {before}, {masks}) AS {name}",
            required=unsigneds(
                [step_bits([one]) if (one := self.course.required_after(step)) <= self.course.last else 0 for step in steps]
            ),
            required_step=unsigneds([self.course.required_after(step) for step in steps]),
            optional=unsigneds([step_bits(self._targets(step)[:-1]) for step in steps]),
            none=unsigned(self.course.last + 1),
            before=numbered("step", hop - 1),
            masks=looked_up(sql("masks"), self._at(hop)),
            name=numbered("step", hop),
        )


def next_place(name: Sql, bits: int) -> Sql:
    """An array with, at every place, the first from there on where an event has one of the bits; the last place when there is none."""
    return sql(
        "arrayReverseFill((place, mask) -> bitAnd(mask, {bits}) > 0, arrayEnumerate(masks), masks) AS {name}",
        bits=unsigned(bits),
        name=name,
    )


def of_step(array: Sql, step: Sql, places: Sql) -> Sql:
    """Look-ups in the arrays of all steps, which are one after another in one array."""
    index = sql("arrayMap((step, place) -> (step - 1) * nowhere + place, {step}, {places})", step=step, places=places)
    return looked_up(array, index)


def _furthest(at: list[Sql]) -> Sql:
    names = [numbered("one", hop) for hop in range(1, len(at) + 1)]
    furthest = [sql("greatest({names})", names=join(", ", names[:hop])) for hop in range(1, len(at) + 1)]
    return sql("arrayMap(({names}) -> [{furthest}], {at})", names=join(", ", names), furthest=join(", ", furthest), at=join(", ", at))


def _unused(lookup: Sql, start: Sql, used: list[Sql], step: Sql | None = None) -> Sql:
    """The first event of a look-up from each place on that isn't at one of the `used` places of the same attempt.

    It is the first of all, or the first after one of the used places.
    """
    first = of_step(lookup, step, start) if step else looked_up(lookup, start)
    if not used:
        return first
    # All used places are looked up at once: a look-up for each would make a long query of many steps.
    by_attempt = side_by_side(used)
    places = sql("arrayFlatten({used})", used=by_attempt)
    after = sql("arrayMap(place -> place + 1, {places})", places=places)
    many = unsigned(len(used))
    steps = sql("arrayFlatten(arrayMap(step -> arrayWithConstant({many}, step), {step}))", many=many, step=step) if step else None
    return sql(
        "arrayMap((first, used, afters) -> arrayMin(arrayFilter(place -> place >= first AND (place = nowhere OR NOT has(used, place)),"
        " arrayPushFront(afters, first))), {first}, {used},"
        " arraySplit((place, number) -> (number - 1) % {many} = 0, {afters}, arrayEnumerate({places})))",
        first=first,
        used=by_attempt,
        afters=of_step(lookup, steps, after) if steps else looked_up(lookup, after),
        places=places,
        many=many,
    )
