"""The events of a funnel, put together by who makes attempts with them.

Where attempts stay among events with the same values or of the same session, each of these parts is a unit. Not so in strict order, where
an event of another part comes in between as any other does: there the person's events are one unit, of several parts.
"""

from dataclasses import dataclass

from core.instants import milliseconds
from core.sql import Sql, integer, join, numbered, sql, unsigned
from services.insights.breakdowns import Cells
from services.insights.funnels.course import FIRST_EXCLUSION, Attribution, CountBy, Course, Order
from services.insights.funnels.keys import EPOCH_MS, Keys, keys_of
from services.insights.ranges import Range
from services.insights.scope import Scope
from services.insights.sessions import SESSION

_UNITS = """(
    SELECT {by}, {arrays}
    FROM {events} AS event
    {matching}GROUP BY {by}
    HAVING max(bitAnd({mask}, {entry}) > 0 AND {time} < {end})
)"""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of every event: `=` and the value, or nothing where it is absent."""

    name: Sql
    value: Sql

    def column(self) -> Sql:
        """Read from an event."""
        return sql("ifNull(concat('=', {value}), '') AS {name}", value=self.value, name=self.name)


@dataclass(frozen=True, slots=True)
class Units:
    """How events are put together; `persons` says whether attempts have to know whose they are."""

    course: Course
    cells: Cells | None
    scope: Scope
    persons: bool

    def rows(self) -> Sql:
        """A row for each unit with the sorted `keys` of its events, one of nothing after them, and their texts in the same order."""
        units = sql(
            _UNITS,
            by=join(", ", self.by),
            arrays=join(", ", self._arrays()),
            events=self._events(),
            matching=self._matching(),
            mask=self.keys.mask(sql("key")),
            time=self.keys.time(sql("key")),
            entry=unsigned(self.course.entry_bits),
            end=integer(self.end_ms),
        )
        if not self.texts:
            return units
        in_order = [
            sql("arrayPushBack(arrayMap(place -> unsorted_keys[place], sorted), 0) AS keys"),
            *(sql("arrayMap(place -> unsorted_{name}[place], sorted) AS {name}", name=one.name) for one in self.texts),
        ]
        units = sql("(\n    SELECT {by}, {columns}\n    FROM {units}\n)", by=join(", ", self.by), columns=join(", ", in_order), units=units)
        return sql("(\n    SELECT *, {kin}\n    FROM {units}\n)", kin=self._kin(), units=units) if self.in_parts else units

    @property
    def columns(self) -> list[Sql]:
        """The names of the columns of the rows."""
        return [*self.by, sql("keys"), *(one.name for one in self.texts), *([sql("kin")] if self.in_parts else [])]

    @property
    def end_ms(self) -> int:
        """Before when attempts begin."""
        return milliseconds(self.scope.range.end) + EPOCH_MS

    @property
    def keys(self) -> Keys:
        """How events become numbers."""
        return keys_of(self.course, of_events=bool(self.texts) or self.regrouped)

    @property
    def by(self) -> list[Sql]:
        """What events are grouped by."""
        if self.strict:
            return [sql("person")]
        return self.parts if self.of_sessions else [sql("person"), *self.parts]

    @property
    def counted(self) -> list[Sql]:
        """What is counted once."""
        return [sql("session") if self.of_sessions else sql("person"), *self._held]

    @property
    def regrouped(self) -> bool:
        """Whether what is counted once has attempts in several units, or in several parts of one."""
        return self.course.count_by is not CountBy.TOTALS and (self.all_same or self.in_parts)

    @property
    def parts(self) -> list[Sql]:
        """What all steps of an attempt have in common."""
        return [*([sql("session")] if self.of_sessions else []), *self._held, *(self.values if self.all_same else [])]

    @property
    def in_parts(self) -> bool:
        """Whether a unit's events are of several parts; `kin` says of each event whether the next is of the same."""
        return self.strict and bool(self.parts)

    @property
    def texts(self) -> list[Text]:
        """What attempts take from their events: the values of the cell, and in strict order what they have in common."""
        parts = self.parts if self.strict else []
        values = [name for name in self.values if self.strict or not self.all_same]
        of_persons = [sql("person")] if self.persons and self.of_sessions and not self.strict else []
        return [Text(sql("{name}_text", name=name), name) for name in dict.fromkeys([*parts, *values, *of_persons])]

    @property
    def values(self) -> list[Sql]:
        """The values of the cell."""
        return self.cells.names if self.cells else []

    @property
    def strict(self) -> bool:
        """Whether all events of a person are looked at."""
        return self.course.order is Order.STRICT

    @property
    def of_sessions(self) -> bool:
        """Whether sessions are counted."""
        return self.course.count_by is CountBy.SESSIONS

    @property
    def all_same(self) -> bool:
        """Whether all steps have to have the values of the cell."""
        return self.cells is not None and self.course.attribution is Attribution.ALL

    @property
    def _held(self) -> list[Sql]:
        return [numbered("held", place + 1) for place in range(len(self.course.held))]

    def _arrays(self) -> list[Sql]:
        if not self.texts:
            return [sql("arrayPushBack(arraySort(groupArray(key)), 0) AS keys")]
        return [
            sql("groupArray(key) AS unsorted_keys"),
            sql("arraySort((place, key) -> key, arrayEnumerate(unsorted_keys), unsorted_keys) AS sorted"),
            *(sql("groupArray({name}) AS unsorted_{name}", name=one.name) for one in self.texts),
        ]

    def _kin(self) -> Sql:
        """At every place, whether the next event is of the same part."""
        parts = [one.name for one in self.texts if one.value in self.parts]
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
        named = all(one.name and not one.conditions for one in self.course.matchers)
        return sql("") if self.strict or named else sql("WHERE {mask} > 0\n    ", mask=self.keys.mask(sql("key")))

    def _events(self) -> Sql:
        columns = [sql("{person} AS person", person=self.scope.as_of.people.person())]
        if self.of_sessions:
            columns.append(SESSION)
        columns += [sql("{value} AS {name}", value=value, name=name) for value, name in zip(self.course.held, self._held, strict=True)]
        columns += self.cells.columns if self.cells else []
        columns += [one.column() for one in self.texts]
        columns.append(sql("{key} AS key", key=self.keys.of_event(self._matches())))
        held = [sql("isNotNull({name})", name=name) for name in self._held]
        # In strict order any event comes in between. All names together let ClickHouse skip other events by the primary key.
        named = [] if self.strict else self.course.named()
        of_persons = self.scope.of_persons if self.course.count_by is CountBy.PERSONS else []
        read = Range(self.scope.range.start, self.course.read_until(self.scope.range.end))
        return self.scope.events(columns, [*named, *of_persons, *([] if self.strict else held)], read)

    def _matches(self) -> Sql:
        """The bits of the steps and exclusions that an event matches; an event without a value to hold constant is none."""
        bits = [*range(self.course.last), *(FIRST_EXCLUSION + place for place in range(len(self.course.exclusions)))]
        matches = join(
            " + ",
            (
                sql("{holds} * {bit}", holds=one.holds(), bit=unsigned(1 << bit))
                for one, bit in zip(self.course.matchers, bits, strict=True)
            ),
        )
        if not (self.strict and self._held):
            return matches
        held = join(" AND ", (sql("isNotNull({name})", name=name) for name in self._held))
        return sql("if({held}, {matches}, 0)", held=held, matches=matches)
