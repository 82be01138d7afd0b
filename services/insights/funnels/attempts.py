"""The attempts at a funnel that count, in SQL that is linear in the events it reads.

Events are put together by who makes attempts (units.py), each as one number (keys.py). All attempts are led along at once (hops.py) until
something stops them (stops.py); then the best is chosen, or those that don't overlap, and told with what they take from their events.
"""

from dataclasses import dataclass

from core.sql import Sql, join, sql, unsigned
from services.insights.breakdowns import Cells
from services.insights.funnels.course import Attribution, CountBy, Course, step_bits
from services.insights.funnels.hops import lead_on
from services.insights.funnels.rows import Rows, looked_up
from services.insights.funnels.stops import Stop, find_stops
from services.insights.funnels.units import Text, Units
from services.insights.scope import Scope

_ANY_DROPPED = sql("arrayExists(one -> one % 8 = {dropped}, stop)", dropped=unsigned(Stop.DROPPED))
# What begins before the attempt before it has ended is part of it.
_FREE = """tupleElement(arrayFold(
            (kept, one) -> if(
                one.2 > kept.2 AND one.3 > kept.3, (arrayPushBack(kept.1, one.1), one.4.1, one.4.2), kept
            ),
            arrayZip(arrayEnumerate(at_1), at_1, {times}, ends),
            (CAST([], 'Array(UInt32)'), toInt64(0), toInt64(0))
        ), 1)"""
# Required steps first, then all.
_SCORES = """arrayMap(
            (steps, stop) -> arraySum(step -> (step * 8 <= stop) * if(bitTest({optional}, step), 1, 32), steps),
            arraySplit(step -> step = 1, hop_step), stop
        )"""
# The hops of the chosen attempts, as places in the arrays of all hops.
_CHOSEN_HOPS = "arrayFlatten(arrayMap(one -> arrayMap(hop -> (one - 1) * {hops} + hop, range(1, {hops} + 1)), chosen))"
_TOLD = "arrayJoin(arrayZip({of_attempts}, arraySplit(hop -> hop.1 = 1, arrayZip({of_hops})))) AS attempt"
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


def attempts(course: Course, cells: Cells | None, scope: Scope, *, persons: bool = False) -> Sql:
    """The rows (steps, times, cell, and `person` if asked for) of the attempts that count.

    `steps` are those it reaches, in order, or in any order how many; `times` say when, in milliseconds by EPOCH_MS.
    """
    return _Attempts(course, Units(course, cells, scope, persons)).rows()


@dataclass(frozen=True, slots=True)
class _Attempts:
    course: Course
    units: Units

    def rows(self) -> Sql:
        rows = Rows(self.units.rows())
        times, masks = self.units.keys.time(sql("key")), self.units.keys.mask(sql("key"))
        rows.add(sql("arrayMap(key -> {times}, keys) AS times", times=times), sql("arrayMap(key -> {masks}, keys) AS masks", masks=masks))
        carried = [*self.units.columns, sql("times"), sql("masks")]
        lead_on(self.course, rows, carried, end_ms=self.units.end_ms, tied=self.units.keys.with_ids)
        find_stops(self.course, rows, in_parts=self.units.in_parts)
        self._choose(rows)
        self._tell(rows)
        if self.units.regrouped:
            rows.text = self._best_of_parts(rows.text)
        reached = self.units.cells is not None and self.course.attribution is Attribution.STEP
        where = sql("\n    WHERE has(steps, {step})", step=unsigned(self.course.attribution_step)) if reached else sql("")
        return sql("(\n    SELECT {columns}\n    FROM {rows}{where}\n)", columns=join(", ", self._answer()), rows=rows.text, where=where)

    @property
    def _totals(self) -> bool:
        return self.course.count_by is CountBy.TOTALS

    def _choose(self, rows: Rows) -> None:
        """Say which attempts of a unit count, by their number."""
        if not self._totals:
            rows.add(sql("{scores} AS scores", scores=self._scores()))
        rows.add(sql("{choice} AS chosen", choice=self._choice()))

    def _scores(self) -> Sql:
        """How far each attempt goes."""
        if not self.course.has_optional:
            return sql("arrayMap(stop -> intDiv(stop, 8), stop)")
        optional = step_bits(place + 1 for place, step in enumerate(self.course.steps, 1) if step.optional)
        return sql(_SCORES, optional=unsigned(optional))

    def _choice(self) -> Sql:
        drops = any(one.drops for one in self.course.exclusions)
        if self._totals:
            free = sql(_FREE, times=looked_up(sql("times"), sql("at_1")))
            if not drops:
                return free
            kept = "arrayFilter((one, stop) -> stop % 8 != {dropped}, {free}, {stop})"
            return sql(kept, free=free, dropped=unsigned(Stop.DROPPED), stop=looked_up(sql("stop"), free))
        if self.units.in_parts:
            return sql("arrayEnumerate(at_1)")
        best = sql("[indexOf(scores, arrayMax(scores))]")
        if self.units.regrouped or not drops:
            return best
        return sql("if({dropped}, [], {best})", dropped=_ANY_DROPPED, best=best)

    def _tell(self, rows: Rows) -> None:
        """Make a row of each chosen attempt."""
        rows.add(sql(_CHOSEN_HOPS + " AS chosen_hops", hops=unsigned(self.course.last)))
        rows.add(
            *(
                sql("{array} AS chosen_{name}", array=looked_up(array, sql("chosen_hops")), name=name)
                for array, name in ((sql("hop_step"), sql("step")), (sql("hop_at"), sql("at")))
            )
        )
        of_attempts = [looked_up(sql("stop"), sql("chosen")), *self._to_compare()]
        of_hops = [
            sql("chosen_step"),
            *(looked_up(array, sql("chosen_at")) for array in (sql("times"), *(one.name for one in self.units.texts))),
        ]
        by = self.units.by
        rows.keep(*by, sql(_TOLD, of_attempts=join(", ", of_attempts), of_hops=join(", ", of_hops)))
        hops = sql(
            "arrayFilter(hop -> hop.1 * 8 <= tupleElement(attempt, 1), tupleElement(attempt, {last}))", last=unsigned(len(of_attempts) + 1)
        )
        compared = [
            sql("tupleElement(attempt, {place}) AS {name}", place=unsigned(place), name=name)
            for place, name in enumerate((sql("score"), sql("entry"), sql("dropped")), 2)
        ]
        rows.keep(*by, *(compared if self.units.regrouped else []), sql("{hops} AS hops", hops=hops))
        told = [sql("tupleElement(hops, 1) AS steps"), sql("tupleElement(hops, 2) AS times")]
        for place, one in enumerate(self.units.texts, 3):
            seen = sql("tupleElement(hops, {place})", place=unsigned(place))
            told.append(sql("{taken} AS {name}", taken=self._taken(one, seen), name=one.name))
        rows.add(*told)

    def _to_compare(self) -> list[Sql]:
        """What the attempts of several units are compared by."""
        if not self.units.regrouped:
            return []
        # A unit of one part is dropped as a whole; of several parts each attempt is compared for itself.
        dropped = sql("arrayMap(one -> {any}, chosen)", any=_ANY_DROPPED)
        if self.units.strict:
            dropped = looked_up(sql("arrayMap(one -> one % 8 = {dropped}, stop)", dropped=unsigned(Stop.DROPPED)), sql("chosen"))
        return [
            looked_up(sql("scores"), sql("chosen")),
            looked_up(sql("keys"), looked_up(sql("at_1"), sql("chosen"))),
            dropped,
        ]

    def _taken(self, one: Text, seen: Sql) -> Sql:
        """Which of the texts at the steps of an attempt it takes."""
        if one.value not in self.units.values or self.units.all_same:
            return sql("{seen}[1]", seen=seen)
        match self.course.attribution:
            case Attribution.FIRST:
                return sql("arrayFirst(one -> one != '', {seen})", seen=seen)
            case Attribution.LAST:
                return sql("arrayLast(one -> one != '', {seen})", seen=seen)
            case Attribution.STEP:
                return sql("{seen}[indexOf(steps, {step})]", seen=seen, step=unsigned(self.course.attribution_step))
            case Attribution.ALL:
                return sql("{seen}[1]", seen=seen)

    def _best_of_parts(self, found: Sql) -> Sql:
        units = self.units
        names = [sql("{name}_text", name=name) if units.strict and name in units.parts else name for name in units.counted]
        taken = [sql("steps"), sql("times"), *(one.name for one in units.texts), *([] if units.strict else units.values)]
        if units.persons and units.strict:
            taken.append(sql("person"))
        taken = [name for name in taken if name not in names]
        columns = (sql("tupleElement(attempt, {place}) AS {name}", place=unsigned(place), name=name) for place, name in enumerate(taken, 1))
        return sql(_BEST_OF_PARTS, by=join(", ", names), columns=join(", ", columns), taken=join(", ", taken), attempts=found)

    def _answer(self) -> list[Sql]:
        texts = {one.value: one.name for one in self.units.texts}
        values = [
            sql("if(empty({text}), NULL, substring({text}, 2)) AS {name}", text=texts[name], name=name) if name in texts else name
            for name in self.units.values
        ]
        told = [sql("steps"), sql("times"), *values]
        if not self.units.persons:
            return told
        person = sql("person")
        return [*told, sql("toUInt64(substring(person_text, 2)) AS person") if person in texts else person]
