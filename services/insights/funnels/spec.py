"""What a funnel asks, read from its message, and everything checked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

from core.errors import InvalidArgument, MissingField, PropertyMissing, TooLong, TooMany
from core.instants import MILLISECOND
from core.sql import Sql
from pug.insights.v1.filter_pb2 import EventMatcher
from pug.insights.v1.funnel_pb2 import Funnel
from services.insights.filters import all_conditions, event_name
from services.insights.funnels.course import MAX_STEPS, Attribution, CountBy, Course, Exclusion, Matched, Order, Step
from services.insights.people import AsOf
from services.insights.properties import event_property

FIELD = "insight.funnel"

_MIN_STEPS = 2
_MAX_EXCLUSIONS = 10
_MAX_HELD = 3
_DEFAULT_WINDOW = timedelta(days=14)
_LONGEST_WINDOW = timedelta(days=366)

_ORDERS: Mapping[int, Order] = {
    Funnel.ORDER_UNSPECIFIED: Order.ORDERED,
    Funnel.ORDER_ORDERED: Order.ORDERED,
    Funnel.ORDER_STRICT: Order.STRICT,
    Funnel.ORDER_ANY_ORDER: Order.ANY,
}
_PER_STEP: Mapping[int, bool] = {
    Funnel.WINDOW_SCOPE_UNSPECIFIED: False,
    Funnel.WINDOW_SCOPE_WHOLE: False,
    Funnel.WINDOW_SCOPE_PER_STEP: True,
}
_DROPS: Mapping[int, bool] = {
    Funnel.Exclusion.EFFECT_UNSPECIFIED: True,
    Funnel.Exclusion.EFFECT_DROP_PERSON: True,
    Funnel.Exclusion.EFFECT_CUT_THERE: False,
}
_COUNTS: Mapping[int, CountBy] = {
    Funnel.COUNT_BY_UNSPECIFIED: CountBy.PERSONS,
    Funnel.COUNT_BY_PERSONS: CountBy.PERSONS,
    Funnel.COUNT_BY_SESSIONS: CountBy.SESSIONS,
    Funnel.COUNT_BY_TOTALS: CountBy.TOTALS,
}
_ATTRIBUTIONS: Mapping[int, Attribution] = {
    Funnel.ATTRIBUTION_UNSPECIFIED: Attribution.FIRST,
    Funnel.ATTRIBUTION_FIRST_TOUCH: Attribution.FIRST,
    Funnel.ATTRIBUTION_LAST_TOUCH: Attribution.LAST,
    Funnel.ATTRIBUTION_STEP: Attribution.STEP,
    Funnel.ATTRIBUTION_ALL_STEPS: Attribution.ALL,
}
_Kind = TypeVar("_Kind")


def course_of(spec: Funnel, as_of: AsOf) -> Course:
    """What the message asks, or what is wrong with it."""
    order = _kind(_ORDERS, spec.order, "order", "ORDER_ORDERED, ORDER_STRICT or ORDER_ANY_ORDER")
    attribution = _kind(_ATTRIBUTIONS, spec.attribution, "attribution", "one such as ATTRIBUTION_FIRST_TOUCH")
    return Course(
        steps=_steps(spec, order, as_of),
        order=order,
        window=_window(spec),
        per_step=_kind(_PER_STEP, spec.window_scope, "windowScope", "WINDOW_SCOPE_WHOLE or WINDOW_SCOPE_PER_STEP"),
        exclusions=_exclusions(spec, order, as_of),
        count_by=_kind(_COUNTS, spec.count_by, "countBy", "COUNT_BY_PERSONS, COUNT_BY_SESSIONS or COUNT_BY_TOTALS"),
        held=_held(spec),
        attribution=attribution,
        attribution_step=_attribution_step(spec, attribution),
    )


def steps_field(place: int) -> str:
    """The path of the events of a step."""
    return f"{FIELD}.steps[{place}].event"


def exclusions_field(place: int) -> str:
    """The path of the events of an exclusion."""
    return f"{FIELD}.exclusions[{place}].event"


def _kind(kinds: Mapping[int, _Kind], value: int, name: str, use: str) -> _Kind:
    if (kind := kinds.get(value)) is None:
        raise InvalidArgument(f"`{name}` cannot be {value}.", field=f"{FIELD}.{name}", hint=f"Use {use}.")
    return kind


def _steps(spec: Funnel, order: Order, as_of: AsOf) -> list[Step]:
    if len(spec.steps) < _MIN_STEPS:
        hint = 'For example [{"event": {"name": "viewed"}}, {"event": {"name": "bought"}}].'
        raise MissingField(f"A funnel needs at least {_MIN_STEPS} steps.", field=f"{FIELD}.steps", hint=hint)
    if len(spec.steps) > MAX_STEPS:
        raise TooMany(f"A funnel has at most {MAX_STEPS} steps.", field=f"{FIELD}.steps", hint="Leave some out.")
    for place, step in enumerate(spec.steps):
        if not step.optional:
            continue
        field = f"{FIELD}.steps[{place}].optional"
        if place in (0, len(spec.steps) - 1):
            raise InvalidArgument("Neither the first nor the last step may be left out.", field=field, hint="Make it required.")
        if order is Order.ANY:
            hint = "Make it required, or use another order."
            raise InvalidArgument("In any order it is counted how many steps were done: none is optional.", field=field, hint=hint)
    return [Step(_matched(step.event, steps_field(place), as_of), step.optional) for place, step in enumerate(spec.steps)]


def _matched(event: EventMatcher, field: str, as_of: AsOf) -> Matched:
    return Matched(event_name(event, field), all_conditions(event.filters, f"{field}.filters", as_of))


def _window(spec: Funnel) -> timedelta:
    if not spec.HasField("window"):
        return _DEFAULT_WINDOW
    try:
        window = spec.window.ToTimedelta()
    except (OverflowError, ValueError):
        window = timedelta()
    if not timedelta() < window <= _LONGEST_WINDOW:
        hint = (
            f"At most {_LONGEST_WINDOW.days} days, which are {_LONGEST_WINDOW.days * 86_400}s; left out it is {_DEFAULT_WINDOW.days} days."
        )
        raise InvalidArgument("This is no window a funnel may have.", field=f"{FIELD}.window", hint=hint)
    # Events have milliseconds: what is finer makes no difference.
    return window // MILLISECOND * MILLISECOND


def _exclusions(spec: Funnel, order: Order, as_of: AsOf) -> list[Exclusion]:
    if len(spec.exclusions) > _MAX_EXCLUSIONS:
        raise TooMany(f"A funnel has at most {_MAX_EXCLUSIONS} exclusions.", field=f"{FIELD}.exclusions", hint="Leave some out.")
    return [_exclusion(one, place, len(spec.steps), order, as_of) for place, one in enumerate(spec.exclusions)]


def _exclusion(one: Funnel.Exclusion, place: int, last: int, order: Order, as_of: AsOf) -> Exclusion:
    field = f"{FIELD}.exclusions[{place}]"
    after, before = one.from_step or 1, one.to_step or last
    if not 1 <= after < last:
        raise InvalidArgument(
            f"An exclusion begins after one of the steps 1 to {last - 1}.", field=f"{field}.fromStep", hint="0 means the first."
        )
    if not after < before <= last:
        hint = "0 means the last."
        raise InvalidArgument(f"An exclusion ends before one of the steps {after + 1} to {last}.", field=f"{field}.toStep", hint=hint)
    if order is Order.ANY and (after, before) != (1, last):
        part = "fromStep" if after != 1 else "toStep"
        raise InvalidArgument("In any order an exclusion spans the whole funnel.", field=f"{field}.{part}", hint="Leave it out.")
    drops = _kind(_DROPS, one.effect, f"exclusions[{place}].effect", "EFFECT_DROP_PERSON or EFFECT_CUT_THERE")
    return Exclusion(_matched(one.event, exclusions_field(place), as_of), after, before, drops)


def _held(spec: Funnel) -> list[Sql]:
    if len(spec.hold_constant) > _MAX_HELD:
        raise TooMany(f"A funnel holds at most {_MAX_HELD} properties constant.", field=f"{FIELD}.holdConstant", hint="Leave some out.")
    return [_held_text(key, f"{FIELD}.holdConstant[{place}]") for place, key in enumerate(spec.hold_constant)]


def _held_text(key: str, field: str) -> Sql:
    try:
        return event_property(key, 0, field).text()
    except (PropertyMissing, TooLong) as error:
        # It is the key itself that is named here, and not a field of a message.
        error.field = field
        raise


def _attribution_step(spec: Funnel, attribution: Attribution) -> int:
    named = attribution is Attribution.STEP
    if (1 <= spec.attribution_step <= len(spec.steps)) if named else not spec.attribution_step:
        return spec.attribution_step
    message = f"ATTRIBUTION_STEP names one of the steps 1 to {len(spec.steps)}." if named else "Only ATTRIBUTION_STEP names a step."
    raise InvalidArgument(message, field=f"{FIELD}.attributionStep", hint="Steps are counted from 1." if named else "Leave it out.")
