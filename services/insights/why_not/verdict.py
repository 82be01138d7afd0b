"""How far somebody came, and what stopped them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.instants import MILLISECOND
from pug.insights.v1.insights_pb2 import WhyNotResponse
from services.insights.funnels.course import Order
from services.insights.why_not.choosing import explained
from services.insights.why_not.reading import Asked, Event
from services.insights.why_not.walking import Attempt, Stop

Rule = WhyNotResponse.Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a person."""

    rule: Rule
    attempt: Attempt | None
    reached: int
    stopped_at: int
    # The event the rule is about: what was excluded, or the step as they did it.
    culprit: Event | None = None


def judged(events: Sequence[Event], asked: Asked) -> Verdict:
    """The verdict from events in order; those that are later than any attempt only tell what came too late."""
    chosen = explained([event for event in events if event.ms < asked.over], asked)
    attempt = chosen.attempt
    if attempt is None:
        # What lacks a value that has to stay the same begins no attempt, and in a session that of another person may be the one counted.
        unfit = next((event for event in events if event.mine and asked.is_first(event)), None)
        return Verdict(WhyNotResponse.RULE_NEVER_ENTERED, None, 0, 1, unfit)
    if attempt.stop is Stop.DONE:
        return Verdict(WhyNotResponse.RULE_CONVERTED, attempt, attempt.reached, 0)
    rule, culprit = _fault(attempt, events, asked)
    return Verdict(rule, attempt, attempt.reached if chosen.counts else 0, attempt.targets()[0], culprit)


def _fault(attempt: Attempt, events: Sequence[Event], asked: Asked) -> tuple[Rule, Event | None]:
    if attempt.stop in {Stop.CUT, Stop.DROPPED}:
        return WhyNotResponse.RULE_EXCLUDED, attempt.line.events[attempt.stopped_by]
    target = attempt.targets()[0]
    done = [event for event in events if event.is_step(target) and _is_theirs(event, attempt)]
    afterwards = [event for event in done if _is_after(event, attempt, asked)]
    if in_time := [event for event in afterwards if event.ms <= attempt.deadline]:
        alike = in_time[0].part == attempt.part
        return (WhyNotResponse.RULE_NOT_STRICTLY_NEXT if alike else _apart(in_time[0], attempt)), in_time[0]
    if late := [event for event in afterwards if event.part == attempt.part]:
        return WhyNotResponse.RULE_WINDOW_OVER, late[0]
    if afterwards:
        return _apart(afterwards[0], attempt), afterwards[0]
    return _before(done, attempt, asked)


def _is_theirs(event: Event, attempt: Attempt) -> bool:
    """Whether it may have been a step of the attempt, and isn't one."""
    return (event.mine or event.part == attempt.part) and event.event_id not in attempt.fills


def _is_after(event: Event, attempt: Attempt, asked: Asked) -> bool:
    """Whether it could have followed on the last step; events of one millisecond count as in order either way, but in strict order."""
    ordered = asked.course.order is Order.ORDERED
    return event.ms >= attempt.latest.ms if ordered else event.order > attempt.latest.order


def _apart(event: Event, attempt: Attempt) -> Rule:
    """What keeps the event from being a step of the attempt."""
    return WhyNotResponse.RULE_OTHER_SESSION if event.session != attempt.entry.session else WhyNotResponse.RULE_VALUE_CHANGED


def _before(done: Sequence[Event], attempt: Attempt, asked: Asked) -> tuple[Rule, Event | None]:
    """The verdict when they never did it after the last step."""
    if not done:
        return WhyNotResponse.RULE_STEP_NEVER_DONE, None
    alike = [event for event in done if event.part == attempt.part]
    if not alike:
        return WhyNotResponse.RULE_TOO_EARLY, done[-1]
    # In any order it needn't come after, so that it lies too far back is all that is wrong with it.
    far = (attempt.entry.ms - alike[-1].ms) * MILLISECOND > asked.course.window
    out = asked.course.order is Order.ANY and far
    return (WhyNotResponse.RULE_WINDOW_OVER if out else WhyNotResponse.RULE_TOO_EARLY), alike[-1]
