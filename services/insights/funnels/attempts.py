"""The attempts at a funnel that count, in SQL that is linear in the events it reads.

The events of one who makes attempts are packed into a number each (time first, then id, then which steps and exclusions they match) and
sorted. All attempts advance together (hops.py); then the best is chosen, or those that don't overlap.

Where attempts stay among events with the same values or of the same session, these parts are grouped on their own. Not so in strict order,
where an event of another part comes in between as any other does.
"""

from dataclasses import dataclass

from core.instants import milliseconds
from core.sql import Sql, integer, join, numbered, sql, unsigned
from services.insights.breakdowns import Cells
from services.insights.funnels.hops import DROPPED, FIRST_EXCLUSION, Walk, each, ends, entry_bits, looked_up, side_by_side, walk
from services.insights.funnels.spec import Attribution, CountBy, Course, Order
from services.insights.ranges import Range
from services.insights.scope import Scope
from services.insights.sessions import SESSION

# So that every time ClickHouse knows is above 0, which stands for never: the milliseconds from 1899-12-31 to 1970.
EPOCH_MS = 2_209_075_200_000

# As a number an event's id is ordered as it is written, as a UUID by its last half first.
_KEY = """bitOr(
        bitShiftLeft(toUInt256(toUnixTimestamp64Milli(occurred_at) + {epoch}), 160),
        bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 32), toUInt256(toUInt32({matches})))
    ) AS key"""
_UNITS = """(
    SELECT {by}, {arrays}
    FROM {events} AS event
    {matching}GROUP BY {by}
    HAVING max(bitAnd(toUInt32(key), {entry}) > 0 AND toInt64(bitShiftRight(key, 160)) < {end})
)"""
_ATTEMPTS = """(
    SELECT {by}, {columns}
    FROM (
        SELECT {by}, arrayJoin(arrayZip({arrays})) AS attempt
        FROM (
            SELECT *, {chosen} AS chosen{reached}
            FROM {walked}
        )
    )
)"""
# Of the attempts in several parts, the best of each unit, unless one of them is dropped.
_BEST_OF_PARTS = """(
    SELECT {by}, {columns}
    FROM (
        SELECT {by}, argMin(tuple({taken}), (-score, entry)) AS attempt
        FROM {attempts}
        GROUP BY {by}
        HAVING NOT max(dropped)
    )
)"""


_ANY_DROPPED = sql("arrayExists(one -> one % 8 = {dropped}, stop)", dropped=unsigned(DROPPED))
# What begins before the attempt before it has ended is part of it.
_FREE = """tupleElement(arrayFold(
                (kept, one) -> if(
                    one.2 > kept.2 AND one.3 > kept.3, (arrayPushBack(kept.1, one.1), one.4.1, one.4.2), kept
                ),
                arrayZip(arrayEnumerate(at_1), at_1, time_1, ends),
                (CAST([], 'Array(UInt32)'), toInt64(0), toInt64(0))
            ), 1)"""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of every event: `=` and the value, or nothing where it is absent."""

    name: Sql
    value: Sql

    def column(self) -> Sql:
        """Read from an event."""
        return sql("ifNull(concat('=', {value}), '') AS {name}", value=self.value, name=self.name)


def attempts(course: Course, cells: Cells | None, scope: Scope, *, persons: bool = False) -> Sql:
    """The rows (times, cell, and `person` if asked for) of the attempts that count.

    `times` says when each step was reached, by EPOCH_MS, 0 for never; in any order, when so many were.
    """
    return _Plan(course, cells, scope, persons).rows()


@dataclass(frozen=True, slots=True)
class _Plan:
    course: Course
    cells: Cells | None
    scope: Scope
    persons: bool

    def rows(self) -> Sql:
        walked = walk(self.course, self._units(), self._end_ms(), in_parts=self._strict and bool(self._parts))
        found = self._chosen(walked)
        if self._regroups:
            found = self._best_of_parts(found)
        reached = self.cells is not None and self.course.attribution is Attribution.STEP
        where = sql("\n    WHERE times[{step}] > 0", step=unsigned(self.course.attribution_step)) if reached else sql("")
        return sql("(\n    SELECT {columns}\n    FROM {found}{where}\n)", columns=join(", ", self._answer()), found=found, where=where)

    @property
    def _strict(self) -> bool:
        return self.course.order is Order.STRICT

    @property
    def _totals(self) -> bool:
        return self.course.count_by is CountBy.TOTALS

    @property
    def _of_sessions(self) -> bool:
        return self.course.count_by is CountBy.SESSIONS

    @property
    def _all_same(self) -> bool:
        """Whether all steps have to have the values of the cell."""
        return self.cells is not None and self.course.attribution is Attribution.ALL

    @property
    def _held(self) -> list[Sql]:
        return [numbered("held", place + 1) for place in range(len(self.course.held))]

    @property
    def _values(self) -> list[Sql]:
        return self.cells.names if self.cells else []

    @property
    def _parts(self) -> list[Sql]:
        """What all steps of an attempt have in common."""
        return [*([sql("session")] if self._of_sessions else []), *self._held, *(self._values if self._all_same else [])]

    @property
    def _by(self) -> list[Sql]:
        """What events are grouped by before attempts are looked for."""
        if self._strict:
            return [sql("person")]
        return self._parts if self._of_sessions else [sql("person"), *self._parts]

    @property
    def _regroups(self) -> bool:
        """Whether what is counted once has attempts in several groups, or in several parts of one."""
        return not self._totals and (self._all_same or (self._strict and bool(self._parts)))

    @property
    def _texts(self) -> list[_Text]:
        """What attempts take from their events: the values of the cell, and in strict order what they have in common."""
        parts = self._parts if self._strict else []
        values = [name for name in self._values if self._strict or not self._all_same]
        of_persons = [sql("person")] if self.persons and self._of_sessions and not self._strict else []
        return [_Text(sql("{name}_text", name=name), name) for name in _distinct([*parts, *values, *of_persons])]

    def _end_ms(self) -> int:
        return milliseconds(self.scope.range.end) + EPOCH_MS

    def _units(self) -> Sql:
        """A row for each group with its sorted `keys`, and the texts of its events in the same order."""
        texts = self._texts
        arrays = [sql("arraySort(groupArray(key)) AS keys")]
        if texts:
            arrays = [
                sql("groupArray(key) AS unsorted_keys"),
                sql("arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted"),
                *(sql("groupArray({name}) AS unsorted_{name}", name=one.name) for one in texts),
            ]
        units = sql(
            _UNITS,
            by=join(", ", self._by),
            arrays=join(", ", arrays),
            events=self._events(),
            matching=self._matching(),
            entry=unsigned(entry_bits(self.course)),
            end=integer(self._end_ms()),
        )
        if not texts:
            return units
        in_order = [
            sql("arrayMap(place -> unsorted_{name}[place], sorted) AS {name}", name=name)
            for name in (sql("keys"), *(one.name for one in texts))
        ]
        units = sql("(\n    SELECT *, {columns}\n    FROM {units}\n)", columns=join(", ", in_order), units=units)
        return sql("(\n    SELECT *, {kin}\n    FROM {units}\n)", kin=self._kin(), units=units) if self._strict and self._parts else units

    def _kin(self) -> Sql:
        """At every place, whether the next event is of the same part."""
        parts = [one.name for one in self._texts if one.value in self._parts]
        ones = [numbered("one", place) for place in range(len(parts))]
        nexts = [numbered("next", place) for place in range(len(parts))]
        return sql(
            "arrayMap(({ones}, {nexts}) -> {same}, {parts}, {shifted}) AS kin",
            ones=join(", ", ones),
            nexts=join(", ", nexts),
            same=join(" AND ", (sql("{one} = {next}", one=one, next=following) for one, following in zip(ones, nexts, strict=True))),
            parts=join(", ", parts),
            shifted=join(", ", (sql("arrayPushBack(arrayPopFront({part}), '')", part=part) for part in parts)),
        )

    def _matching(self) -> Sql:
        every = [one.event for one in (*self.course.steps, *self.course.exclusions)]
        named = all(one.name and not one.conditions for one in every)
        return sql("") if self._strict or named else sql("WHERE toUInt32(key) > 0\n    ")

    def _events(self) -> Sql:
        columns = [sql("{person} AS person", person=self.scope.as_of.people.person())]
        if self._of_sessions:
            columns.append(SESSION)
        columns += [sql("{value} AS {name}", value=value, name=name) for value, name in zip(self.course.held, self._held, strict=True)]
        columns += self.cells.columns if self.cells else []
        columns += [one.column() for one in self._texts]
        columns.append(sql(_KEY, epoch=integer(EPOCH_MS), matches=self._matches()))
        held = [sql("isNotNull({name})", name=name) for name in self._held]
        # In strict order any event comes in between. All names together let ClickHouse skip other events by the primary key.
        named = [] if self._strict else self.course.named()
        of_persons = self.scope.of_persons if self.course.count_by is CountBy.PERSONS else []
        read = Range(self.scope.range.start, self.course.read_until(self.scope.range.end))
        return self.scope.events(columns, [*named, *of_persons, *([] if self._strict else held)], read)

    def _matches(self) -> Sql:
        """The bits of the steps and exclusions that an event matches; an event without a value to hold constant is none."""
        bits = [(one.event, place) for place, one in enumerate(self.course.steps)]
        bits += [(one.event, FIRST_EXCLUSION + place) for place, one in enumerate(self.course.exclusions)]
        matches = join(" + ", (sql("{holds} * {bit}", holds=event.holds(), bit=unsigned(1 << place)) for event, place in bits))
        if not (self._strict and self._held):
            return matches
        held = join(" AND ", (sql("isNotNull({name})", name=name) for name in self._held))
        return sql("if({held}, {matches}, 0)", held=held, matches=matches)

    def _chosen(self, walked: Walk) -> Sql:
        """A row for each attempt that is chosen of a group."""
        taken = {sql("times"): self._as_far_as_it_goes([numbered("time", step) for step in range(1, self.course.last + 1)])}
        for one in self._texts:
            at_steps = (sql("arrayMap(one -> one[{step}], reached)", step=unsigned(step + 1)) for step in range(self.course.last))
            taken[one.name] = self._taken(one, [looked_up(one.name, places) for places in at_steps])
        if self._regroups:
            dropped = sql("arrayMap(one -> one % 8 = {dropped}, stop)", dropped=unsigned(DROPPED))
            if not self._strict:
                dropped = sql("arrayMap(one -> {any}, stop)", any=_ANY_DROPPED)
            taken[sql("entry")] = looked_up(sql("keys"), looked_up(sql("at_1"), sql("chosen")))
            taken[sql("score")] = looked_up(sql("scores"), sql("chosen"))
            taken[sql("dropped")] = looked_up(dropped, sql("chosen"))
        walked.add(ends(walked) if self._totals else self._scores(walked))
        return sql(
            _ATTEMPTS,
            by=join(", ", self._by),
            columns=join(
                ", ",
                (sql("tupleElement(attempt, {place}) AS {name}", place=unsigned(place), name=name) for place, name in enumerate(taken, 1)),
            ),
            arrays=join(", ", list(taken.values())),
            chosen=self._choice(),
            reached=sql(", {places} AS reached", places=self._as_far_as_it_goes(walked.places())) if self._texts else sql(""),
            walked=walked.rows,
        )

    def _taken(self, one: _Text, seen: list[Sql]) -> Sql:
        """Which of the texts at the steps of an attempt it takes."""
        if one.value not in self._values or self._all_same:
            return seen[0]
        match self.course.attribution:
            case Attribution.FIRST:
                return sql("arrayMap(texts -> arrayFirst(one -> one != '', texts), {seen})", seen=side_by_side(seen))
            case Attribution.LAST:
                return sql("arrayMap(texts -> arrayLast(one -> one != '', texts), {seen})", seen=side_by_side(seen))
            case Attribution.STEP:
                return seen[self.course.attribution_step - 1]
            case Attribution.ALL:
                return seen[0]

    def _as_far_as_it_goes(self, arrays: list[Sql]) -> Sql:
        """Of each chosen attempt the elements of the steps it reaches, 0 for the others."""
        names = [numbered("one", step) for step in range(1, self.course.last + 1)]
        cut = [sql("if(stop >= {first}, {name}, 0)", first=unsigned(8 * step), name=name) for step, name in enumerate(names, 1)]
        return sql(
            "arrayMap((stop, {names}) -> [{cut}], {stop}, {arrays})",
            names=join(", ", names),
            cut=join(", ", cut),
            stop=looked_up(sql("stop"), sql("chosen")),
            arrays=join(", ", (looked_up(array, sql("chosen")) for array in arrays)),
        )

    def _scores(self, walked: Walk) -> Sql:
        """How far each attempt goes: by the required steps it reaches first, then by all."""
        if not any(step.optional for step in self.course.steps):
            return sql("arrayMap(stop -> intDiv(stop, 8), stop) AS scores")
        worth = [
            sql(
                "(stop >= {first} AND {name} > 0) * {points}",
                first=unsigned(8 * place),
                name=numbered("at", place),
                points=unsigned(1 if step.optional else 32),
            )
            for place, step in enumerate(self.course.steps, 1)
        ]
        return each(walked, join(" + ", worth), sql("scores"))

    def _choice(self) -> Sql:
        """Which attempts of a group are chosen."""
        drops = any(one.drops for one in self.course.exclusions)
        if self._totals:
            free = sql(_FREE)
            if not drops:
                return free
            kept = "arrayFilter((one, stop) -> stop % 8 != {dropped}, {free}, {stop})"
            return sql(kept, free=free, dropped=unsigned(DROPPED), stop=looked_up(sql("stop"), free))
        if self._regroups and self._strict:
            return sql("arrayEnumerate(at_1)")
        best = sql("[indexOf(scores, arrayMax(scores))]")
        if self._regroups or not drops:
            return best
        return sql("if({dropped}, [], {best})", dropped=_ANY_DROPPED, best=best)

    def _best_of_parts(self, found: Sql) -> Sql:
        taken = [sql("times"), *(one.name for one in self._texts), *([] if self._strict else self._values)]
        names = self._unit if not self._strict else [sql("{name}_text", name=name) if name in self._parts else name for name in self._unit]
        if self.persons and self._strict:
            taken.append(sql("person"))
        taken = [name for name in taken if name not in names]
        return sql(
            _BEST_OF_PARTS,
            by=join(", ", names),
            columns=join(
                ", ",
                (sql("tupleElement(attempt, {place}) AS {name}", place=unsigned(place), name=name) for place, name in enumerate(taken, 1)),
            ),
            taken=join(", ", taken),
            attempts=found,
        )

    @property
    def _unit(self) -> list[Sql]:
        """What is counted once."""
        return [sql("session") if self._of_sessions else sql("person"), *self._held]

    def _answer(self) -> list[Sql]:
        texts = {one.value: one.name for one in self._texts}
        values = [
            sql("if(empty({text}), NULL, substring({text}, 2)) AS {name}", text=texts[name], name=name) if name in texts else name
            for name in self._values
        ]
        if not self.persons:
            return [sql("times"), *values]
        person = sql("person")
        return [sql("times"), *values, sql("toUInt64(substring(person_text, 2)) AS person") if person in texts else person]


def _distinct(names: list[Sql]) -> list[Sql]:
    return list(dict.fromkeys(names))
