"""A verdict in a sentence for whoever asked, with the times in the query's time zone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from core.instants import MILLISECOND, at_milliseconds, milliseconds
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import WhyNotResponse
from services.insights.funnels.course import Order
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

    def step(self, number: int, done: Event | None = None) -> str:
        """What a step is called, or the event by which it was done; with its number where that doesn't say which it is."""
        names = [one.event.name for one in self.spec.steps]
        name = names[number - 1] or (done.name if done else "")
        called = _quoted(name) if name else "any event"
        return called if names.count(name) == 1 else f"{called} (step {number})"

    def at(self, ms: int) -> str:
        """An instant in the query's time zone."""
        local = at_milliseconds(ms).astimezone(self.zone)
        return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def explanation(verdict: Verdict, told: Told) -> str:
    """The verdict in words."""
    if verdict.attempt is None:
        return _never_entered(verdict.culprit, told)
    if verdict.rule == WhyNotResponse.RULE_CONVERTED:
        return _converted(verdict.attempt, told)
    if verdict.culprit is None:
        latest, target = _done(verdict.attempt.latest, verdict.attempt, told), told.step(verdict.stopped_at)
        afterwards = "" if told.asked.course.order is Order.ANY else " after it"
        return f"They did {latest} and never {target}{afterwards}; events were read until {told.at(told.read_until)}."
    return _stopped(verdict, verdict.attempt, verdict.culprit, told)


def _stopped(verdict: Verdict, attempt: Attempt, culprit: Event, told: Told) -> str:
    since = _apart(culprit, attempt.latest, attempt, told)
    target = told.step(verdict.stopped_at, culprit)
    match verdict.rule:
        case WhyNotResponse.RULE_WINDOW_OVER:
            return _window_over(attempt, culprit, target, told)
        case WhyNotResponse.RULE_NOT_STRICTLY_NEXT:
            between = _quoted(attempt.line.events[attempt.stopped_by].name)
            return f"They did {target} {since}, but {between} came in between; in strict order nothing may."
        case WhyNotResponse.RULE_EXCLUDED:
            then = "so they are not counted at all" if attempt.stop is Stop.DROPPED else "where the attempt ends"
            return f"They did {_quoted(culprit.name)} {since}, before {told.step(verdict.stopped_at)}; it is excluded there, {then}."
        case WhyNotResponse.RULE_VALUE_CHANGED:
            return f"They did {target} {since}, but {_changes(attempt.entry, culprit, told)}; that has to stay the same."
        case WhyNotResponse.RULE_OTHER_SESSION:
            return f"They did {target} {since}, but in another session; all steps have to be in one."
        case _:
            return f"They did {target} {since} and not again afterwards; it has to come after it, within the window."


def _converted(attempt: Attempt, told: Told) -> str:
    latest = _done(attempt.latest, attempt, told)
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
    # In any order what was done before the attempt may be too far from its beginning.
    since = attempt.latest if course.per_step and culprit.ms >= attempt.latest.ms else attempt.entry
    window, needed = span(course.window // MILLISECOND), span(abs(culprit.ms - since.ms))
    return f"They did {target} {_apart(culprit, since, attempt, told)}; the window is {window} and would have to be at least {needed}."


def _apart(event: Event, since: Event, attempt: Attempt, told: Told) -> str:
    """How long after or before a step of the attempt an event was."""
    where = "after" if event.ms >= since.ms else "before"
    return f"{span(abs(event.ms - since.ms))} {where} {_done(since, attempt, told)}"


def _done(event: Event, attempt: Attempt, told: Told) -> str:
    """A step of an attempt and when it was done."""
    return f"{told.step(attempt.fills[event.event_id], event)} ({told.at(event.ms)})"


def _changes(entry: Event, culprit: Event, told: Told) -> str:
    """Which values are other ones than those of the attempt."""
    values = zip((key for key, _ in told.asked.common), entry.common, culprit.common, strict=True)
    changed = {key: (before, now) for key, before, now in values if before != now}
    return " and ".join(_change(key, before, now) for key, (before, now) in changed.items())


def _change(key: str, before: str | None, now: str | None) -> str:
    if now is None:
        return f"without {_quoted(key)}"
    return f"with {_quoted(key)} {_quoted(now)} instead of {'none' if before is None else _quoted(before)}"


def _listed(keys: Sequence[str]) -> str:
    return " and ".join(_quoted(key) for key in keys)


def _quoted(name: str) -> str:
    return f'"{name}"'


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
