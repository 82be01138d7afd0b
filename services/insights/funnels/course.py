"""A funnel that makes sense: its steps and exclusions as conditions on an event.

An attempt begins with an event that matches the first step and lies in the range. It goes on with the earliest event, at or after the time
of the last step it has reached, that it hasn't used and that matches the next required step, else an optional one before that; the window
ends it. An exclusion holds from when it has reached a step until it reaches another; it cuts the attempt, or drops it.

Of each unit (the person, the person with the values held constant, or the session) the best attempt counts: the one with most required
steps, then with most steps, then the earliest; none if one of them is dropped. Of totals all count that begin after the one before has
ended, but for those dropped. Where steps have to have values or a session in common, exclusions have to have them too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from core.sql import Sql, all_of, sql, text, texts

MAX_STEPS = 20
# What an event matches is a number with a bit for each step, the first one's lowest, and one for each exclusion above them.
FIRST_EXCLUSION = MAX_STEPS
_LAST = datetime(2299, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


class Order(StrEnum):
    """What may lie between the steps."""

    ORDERED = "ordered"
    STRICT = "strict"
    ANY = "any"


class CountBy(StrEnum):
    """What is counted."""

    PERSONS = "persons"
    SESSIONS = "sessions"
    TOTALS = "totals"


class Attribution(StrEnum):
    """Whose value of a breakdown an attempt gets."""

    FIRST = "first"
    LAST = "last"
    STEP = "step"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Matched:
    """The events of a name, empty for any, for which a condition holds."""

    name: str
    conditions: list[Sql]

    def holds(self) -> Sql:
        """Whether an event is one of them."""
        named = [sql("name = {name}", name=text(self.name))] if self.name else []
        return sql("ifNull({all}, false)", all=all_of([*named, *self.conditions]))

    def may_be(self, other: "Matched") -> bool:
        """Whether one event may match both."""
        return not self.name or not other.name or self.name == other.name


@dataclass(frozen=True, slots=True)
class Step:
    """One step; an optional one may be left out."""

    event: Matched
    optional: bool


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What must not happen once an attempt has got as far as the step `after`, until it gets as far as the step `before`."""

    event: Matched
    after: int
    before: int
    drops: bool


@dataclass(frozen=True, slots=True)
class Course:
    """A funnel that makes sense. Steps count from 1."""

    steps: list[Step]
    order: Order
    window: timedelta
    per_step: bool
    exclusions: list[Exclusion]
    count_by: CountBy
    held: list[Sql]
    attribution: Attribution
    attribution_step: int

    @property
    def last(self) -> int:
        """The number of the last step."""
        return len(self.steps)

    @property
    def span(self) -> timedelta:
        """How long an attempt may take in all."""
        return self.window * (self.last - 1) if self.per_step else self.window

    def read_until(self, end: datetime) -> datetime:
        """Before when the events lie that attempts may be made of which begin before `end`."""
        return min(end, _LAST - self.span) + self.span

    def named(self) -> list[Sql]:
        """Holds for events with the name of a step or an exclusion; no condition when one of them takes any name."""
        names = sorted({one.name for one in self.matchers})
        return [sql("name IN {names}", names=texts(names))] if all(names) else []

    @property
    def has_optional(self) -> bool:
        """Whether any step may be left out."""
        return any(one.optional for one in self.steps)

    @property
    def matchers(self) -> list[Matched]:
        """What events may match, by its bit: the steps, then the exclusions."""
        return [one.event for one in (*self.steps, *self.exclusions)]

    @property
    def entry_bits(self) -> int:
        """The bits of the events an attempt may begin with."""
        return step_bits(range(1, self.last + 1)) if self.order is Order.ANY else step_bits([1])

    @property
    def drop_bits(self) -> int:
        """The bits of the exclusions that drop whoever offends them; the others cut the attempt."""
        return self._exclusion_bits(lambda one: one.drops)

    def in_force(self, step: int) -> int:
        """The bits of the exclusions in force once an attempt has reached a step."""
        return self._exclusion_bits(lambda one: one.after <= step < one.before)

    def not_ended_by(self, step: int) -> int:
        """The bits of the exclusions that an event offends although it leads on to a step."""
        return self._exclusion_bits(lambda one: step < one.before)

    def required_before(self, step: int) -> int:
        """The last step before one that nobody may leave out; of the first step, itself."""
        return next((place for place in range(step - 1, 0, -1) if not self.steps[place - 1].optional), 1)

    def required_after(self, step: int) -> int:
        """The first step after one that nobody may leave out; the one after the last after that."""
        return next((later for later in range(step + 1, self.last + 1) if not self.steps[later - 1].optional), self.last + 1)

    def may_meet(self, step: int, other: int) -> bool:
        """Whether one event may match two steps."""
        return self.steps[step - 1].event.may_be(self.steps[other - 1].event)

    def _exclusion_bits(self, holds: Callable[[Exclusion], bool]) -> int:
        return sum(1 << (FIRST_EXCLUSION + place) for place, one in enumerate(self.exclusions) if holds(one))


def step_bits(steps: Iterable[int]) -> int:
    """The bits of steps."""
    return sum(1 << (step - 1) for step in steps)
