"""A verdict in a sentence for whoever asked, with the times in the query's time zone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from core.instants import MILLISECOND, at_milliseconds, milliseconds
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import WhyNotResponse
from services.insights.funnels.spec import Order
from services.insights.ranges import Range
from services.insights.why_not.reading import Asked, Event
from services.insights.why_not.verdict import Verdict
from services.insights.why_not.walking import Attempt, Stop

_UNITS = ((86_400, "d", "day"), (3_600, "h", "hour"), (60, "min", "minute"), (1, "s", "second"))


@dataclass(frozen=True, slots=True)
class Told:
    """What the words are about: the funnel as it was asked, and until when (milliseconds since 1970) events were read."""

    spec: Funnel
    asked: Asked
    range: Range
    zone: ZoneInfo
    read_until: int

    def step(self, number: int) -> str:
        """What a step is called, with its number where the name doesn't say which it is."""
        names = [one.event.name for one in self.spec.steps]
        name = _quoted(names[number - 1])
        return name if names.count(names[number - 1]) == 1 else f"{name} (step {number})"

    def at(self, ms: int) -> str:
        """An instant in the query's time zone."""
        local = at_milliseconds(ms).astimezone(self.zone)
        return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def explanation(verdict: Verdict, told: Told) -> str:
    """The verdict in words."""
    if verdict.attempt is None:
        return _never_entered(verdict.culprit, told)
    latest, target = _latest(verdict.attempt, told), told.step(verdict.stopped_at) if verdict.stopped_at else ""
    if verdict.culprit is None:
        if verdict.rule == WhyNotResponse.RULE_CONVERTED:
            return _converted(verdict.attempt, latest, told)
        return f"They did {latest} and never {target} after it; events were read until {told.at(told.read_until)}."
    return _stopped(verdict, verdict.attempt, verdict.culprit, latest, target, told)


def _stopped(verdict: Verdict, attempt: Attempt, culprit: Event, latest: str, target: str, told: Told) -> str:  # noqa: PLR0917 (each is another word)
    apart = culprit.ms - attempt.latest.ms
    since = f"{span(abs(apart))} {'after' if apart >= 0 else 'before'} {latest}"
    match verdict.rule:
        case WhyNotResponse.RULE_WINDOW_OVER:
            return _window_over(attempt, culprit, target, told)
        case WhyNotResponse.RULE_NOT_STRICTLY_NEXT:
            between = _quoted(attempt.line.events[attempt.stopped_by].name)
            return f"They did {target} {since}, but {between} in between; in strict order nothing may be."
        case WhyNotResponse.RULE_EXCLUDED:
            then = "so they are not counted at all" if attempt.stop is Stop.DROPPED else "where the attempt ends"
            return f"They did {_quoted(culprit.name)} {since} and before {target}; it is excluded there, {then}."
        case WhyNotResponse.RULE_VALUE_CHANGED:
            return f"They did {target} {since}, but {_changes(attempt.entry, culprit, told)}; it has to stay the same."
        case WhyNotResponse.RULE_OTHER_SESSION:
            return f"They did {target} {since}, but in another session; all steps have to be in one."
        case _:
            return f"They did {target} {since} and not again afterwards; it has to come after it, within the window."


def _converted(attempt: Attempt, latest: str, told: Told) -> str:
    if told.asked.course.order is Order.ANY:
        return f"They did all steps, the last of them {latest}."
    return f"They reached the last step, {latest}, {span(attempt.latest.ms - attempt.entry.ms)} after the first."


def _never_entered(unfit: Event | None, told: Told) -> str:
    first = "any of the steps" if told.asked.course.order is Order.ANY else f"the first step, {told.step(1)},"
    if unfit is None:
        start, end = (told.at(milliseconds(bound)) for bound in (told.range.start, told.range.end))
        return f"They did nothing that is {first} from {start} until {end}."
    done = f"They did {_quoted(unfit.name)} ({told.at(unfit.ms)})"
    if not told.asked.has_all(unfit):
        keys = [key for (key, _), value in zip(told.asked.common, unfit.common, strict=True) if value is None]
        return f"{done}, but without {_listed(keys)}, of which all steps have to have the same value."
    return f"{done}, but in their session the attempt of another person is the one that counts."


def _window_over(attempt: Attempt, culprit: Event, target: str, told: Told) -> str:
    course = told.asked.course
    since = attempt.latest if course.per_step else attempt.entry
    if culprit.order < attempt.entry.order:
        since = attempt.entry
    took = abs(culprit.ms - since.ms)
    where = "after" if culprit.ms >= since.ms else "before"
    return (
        f"They did {target} {span(took)} {where} {_done(since, attempt, told)};"
        f" the window is {span(course.window // MILLISECOND)} and would have to be at least {span(took)}."
    )


def _latest(attempt: Attempt, told: Told) -> str:
    return _done(attempt.latest, attempt, told)


def _done(event: Event, attempt: Attempt, told: Told) -> str:
    """A step of an attempt and when it was done."""
    return f"{told.step(attempt.fills[event.event_id])} ({told.at(event.ms)})"


def _changes(entry: Event, culprit: Event, told: Told) -> str:
    """Which values are other ones than those of the attempt."""
    keys = [key for key, _ in told.asked.common]
    changed = [
        f"without {_quoted(key)}" if now is None else f"with {_quoted(key)} {_value(now)} instead of {_value(before)}"
        for key, before, now in zip(keys, entry.common, culprit.common, strict=True)
        if before != now
    ]
    return " and ".join(changed)


def _value(value: str | None) -> str:
    return "none" if value is None else _quoted(value)


def _listed(keys: Sequence[str]) -> str:
    return " and ".join(_quoted(key) for key in keys)


def _quoted(name: str) -> str:
    return f'"{name}"' if name else "any event"


def span(ms: int) -> str:
    """A length of time, to the millisecond: `1 day`, `14 days`, `3 d 2 h`, `0.5 s`."""
    seconds, rest = divmod(ms, 1_000)
    parts: list[tuple[int, str, str]] = []
    for size, short, long in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append((count, short, long))
    if rest:
        whole = parts.pop()[0] if parts and parts[-1][1] == "s" else 0
        return " ".join([*(f"{count} {short}" for count, short, _ in parts), f"{whole + rest / 1_000:g} s"])
    match parts:
        case []:
            return "0 seconds"
        case [(count, _, long)]:
            return f"{count} {long}" if count == 1 else f"{count} {long}s"
        case _:
            return " ".join(f"{count} {short}" for count, short, _ in parts)
