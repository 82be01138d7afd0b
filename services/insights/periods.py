"""The periods of a retention: which counts a cohort has after its size, and when each of them begins and ends."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidArgument, MissingField, TooMany
from pug.insights.v1.retention_pb2 import Retention
from services.insights.buckets import Bucket, Grain
from services.insights.limits import MOST_NUMBERS
from services.insights.ranges import END, Range
from services.insights.scope import Scope

_DEFAULT_PERIODS = 7
_MAX_PERIODS = 365
_MAX_BRACKETS = 50
_DEFAULT_CELLS = 10
_LENGTHS: dict[Grain, timedelta] = {
    Grain.HOUR: timedelta(hours=1),
    Grain.DAY: timedelta(days=1),
    Grain.WEEK: timedelta(days=7),
    Grain.MONTH: timedelta(days=30),
}


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last period of one count."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Starts:
    """When the first and the last of a cohort started."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Periods:
    """The counts of every cohort after its size, and how time is counted."""

    spans: tuple[Span, ...]
    # Whether a return also counts in all spans before its own.
    or_after: bool
    # How many return events in a period make a return.
    minimum: int
    # How long a period is that begins with the person; None when it begins with the calendar.
    rolling: timedelta | None
    # The cohorts' own, then as many as follow the last of them.
    buckets: tuple[Bucket, ...]

    @property
    def last(self) -> int:
        """The last period in which returns are looked for."""
        return self.spans[-1].last

    def returns(self, asked: Range) -> Range:
        """When all returns are."""
        end = asked.end + (self.last + 1) * self.rolling if self.rolling else self.buckets[-1].end
        return Range(asked.start, min(end, END))

    def begun(self, cohort: int, starts: Starts, now: datetime) -> int:
        """How many of a cohort's spans have begun for any of them."""
        return bisect_right(self.spans, now, key=lambda span: self._begin(cohort, starts, span.first))

    def over(self, cohort: int, starts: Starts, now: datetime) -> int:
        """How many of a cohort's spans can get no return any more."""
        return bisect_right(self.spans, now, key=lambda span: self._end(cohort, starts, self.last if self.or_after else span.last))

    def _begin(self, cohort: int, starts: Starts, period: int) -> datetime:
        return starts.first + period * self.rolling if self.rolling else self.buckets[cohort + period].start

    def _end(self, cohort: int, starts: Starts, period: int) -> datetime:
        return starts.last + (period + 1) * self.rolling if self.rolling else self.buckets[cohort + period].end


def periods_of(spec: Retention, field: str, scope: Scope) -> Periods:
    """The periods a retention asks for, or what is wrong with them; `field` is its path in the request."""
    if spec.minimum < 0:
        raise InvalidArgument(f"A return takes at least one event, not {spec.minimum}.", field=f"{field}.minimum", hint="0 means 1.")
    spans, or_after = _spans(spec, field)
    _check_size(len(scope.buckets) * (len(spans) + 1), spec, field)
    return Periods(
        spans=spans,
        or_after=or_after,
        minimum=spec.minimum or 1,
        rolling=_LENGTHS[scope.grain] if _is_rolling(spec, field) else None,
        buckets=scope.buckets_and(spans[-1].last),
    )


def _spans(spec: Retention, field: str) -> tuple[tuple[Span, ...], bool]:
    if spec.mode != Retention.MODE_BRACKETS and spec.brackets:
        raise InvalidArgument("Only MODE_BRACKETS has brackets.", field=f"{field}.brackets", hint="Leave them out, or change the mode.")
    match spec.mode:
        case Retention.MODE_UNSPECIFIED | Retention.MODE_ON:
            return _single(spec, field), False
        case Retention.MODE_ON_OR_AFTER:
            return _single(spec, field), True
        case Retention.MODE_BRACKETS:
            return _brackets(spec, field), False
        case unknown:
            raise InvalidArgument(
                f"There is no mode {unknown}.", field=f"{field}.mode", hint="Use MODE_ON, MODE_ON_OR_AFTER or MODE_BRACKETS."
            )


def _single(spec: Retention, field: str) -> tuple[Span, ...]:
    if not 0 <= spec.periods <= _MAX_PERIODS:
        raise InvalidArgument(
            f"A retention has 1 to {_MAX_PERIODS} periods, not {spec.periods}.",
            field=f"{field}.periods",
            hint=f"0 means {_DEFAULT_PERIODS}.",
        )
    return tuple(Span(period, period) for period in range(1, (spec.periods or _DEFAULT_PERIODS) + 1))


def _brackets(spec: Retention, field: str) -> tuple[Span, ...]:
    if spec.periods:
        raise InvalidArgument("MODE_BRACKETS has no periods.", field=f"{field}.periods", hint="Leave them out: brackets say how many.")
    if not spec.brackets:
        raise MissingField("MODE_BRACKETS needs brackets.", field=f"{field}.brackets", hint="For example [1, 6, 23].")
    if len(spec.brackets) > _MAX_BRACKETS:
        raise TooMany(f"There are at most {_MAX_BRACKETS} brackets.", field=f"{field}.brackets", hint="Join some.")
    spans: list[Span] = []
    last = 0
    for place, length in enumerate(spec.brackets):
        if length < 1:
            raise InvalidArgument(
                f"A bracket has at least one period, not {length}.", field=f"{field}.brackets[{place}]", hint="Leave it out."
            )
        spans.append(Span(last + 1, last + length))
        last += length
    if last > _MAX_PERIODS:
        raise TooMany(f"All brackets together have at most {_MAX_PERIODS} periods.", field=f"{field}.brackets", hint="Shorten the last.")
    return tuple(spans)


def _is_rolling(spec: Retention, field: str) -> bool:
    match spec.clock:
        case Retention.CLOCK_UNSPECIFIED | Retention.CLOCK_CALENDAR:
            return False
        case Retention.CLOCK_ROLLING:
            return True
        case unknown:
            raise InvalidArgument(f"There is no clock {unknown}.", field=f"{field}.clock", hint="Use CLOCK_CALENDAR or CLOCK_ROLLING.")


def _check_size(counts: int, spec: Retention, field: str) -> None:
    """Refuse an answer that nobody could read."""
    cells = (spec.breakdown_limit or _DEFAULT_CELLS) + 1 if spec.breakdowns else 1
    if counts * cells > MOST_NUMBERS:
        raise TooMany(
            f"An answer has at most {MOST_NUMBERS:,} counts: cohorts × periods × cells.",
            field=f"{field}.breakdownLimit" if cells > 1 else f"{field}.periods",
            hint="Ask for fewer periods or cells, or for a shorter range.",
        )
