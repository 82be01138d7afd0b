"""What the demo's people do: on the site, when they sign up, and in the product afterwards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from app.demo.people import Period, Somebody
from app.demo.world import HOURS, LANDINGS, PAGES, PLANS, SITE, TEMPLATES, TITLES, WEEKDAYS, Device, Plan

Properties = dict[str, str | float | bool]

_WEEK = 7
# Chances. At each visit: to pay from now on, and to pay no longer.
_UPGRADES = 0.018
_CANCELS = 0.006
# To look at one page more, for who will sign up and for others; to come back without signing up; to sign up at the first visit.
_STAYING_LOOKS, _LOOKS = 0.66, 0.48
_LOOKS_AGAIN = 0.3
_AT_ONCE = 0.75
_FINISHES_ONBOARDING = 0.82
_PAYS_YEARLY = 0.3
_ON_SECOND_DEVICE = 0.35
_BY_LINK = 0.4


@dataclass(frozen=True, slots=True)
class Done:
    """One event of the demo."""

    event_id: str
    name: str
    distinct_id: str
    session_id: str
    at: datetime
    device: Device
    properties: Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class SignedUp:
    """That an anonymous id is somebody's, from now on called by `user_id`."""

    anonymous_id: str
    user_id: str
    traits: Mapping[str, str | float | bool]


@dataclass(slots=True)
class _Visit:
    """A session under way."""

    somebody: Somebody
    device: Device
    distinct_id: str
    session_id: str
    at: datetime
    dice: Random
    done: list[Done] = field(default_factory=list[Done])

    def do(self, name: str, **properties: str | float | bool) -> None:
        self.done.append(Done(_uuid(self.dice), name, self.distinct_id, self.session_id, self.at, self.device, properties))
        self.wait(4, 60)

    def look(self, path: str, **more: str) -> None:
        self.done.append(
            Done(
                _uuid(self.dice), "page_view", self.distinct_id, self.session_id, self.at, self.device,
                {"$url": f"{SITE}{path}", "$page_title": TITLES.get(path, "A paper"), **more},
            )
        )  # fmt: skip
        self.wait(5, 90)

    def wait(self, least_s: float, mean_s: float) -> None:
        # No pause is as long as the one that would end a session.
        self.at += timedelta(seconds=min(least_s + self.dice.expovariate(1 / mean_s), 1_200))


def life_of(somebody: Somebody, seed: int, period: Period) -> Iterator[Done | SignedUp]:
    """All that somebody does within the period, in order."""
    dice = Random(f"{seed}/{somebody.number}/life")  # noqa: S311 (not for secrets)
    first = _begin(somebody, somebody.device, somebody.anonymous_id, somebody.arrives, period=period, dice=dice)
    plan = somebody.plan
    _look_around(first, landing=True)
    if plan is None:
        yield from first.done
        if dice.random() < _LOOKS_AGAIN:
            yield from _look_again(somebody, period, dice)
        return
    if dice.random() >= _AT_ONCE:
        # They come back for it another day.
        yield from first.done
        day = somebody.arrives + dice.randint(1, 5)
        if day >= period.days:
            return
        first = _begin(somebody, somebody.device, somebody.anonymous_id, day, period=period, dice=dice)
        first.look("/pricing")
    _sign_up(first, plan)
    yield from first.done
    yield SignedUp(somebody.anonymous_id, somebody.user_id, {**somebody.traits, "plan": plan.name, "city": somebody.city})
    yield from _use(somebody, plan, period, dice)


def _use(somebody: Somebody, plan: Plan, period: Period, dice: Random) -> Iterator[Done | SignedUp]:
    """Visits to the product: fewer every week, by weekday, until the period ends."""
    signed_in = False
    for day in range(somebody.arrives + 1, period.days):
        weeks = (day - somebody.arrives) / _WEEK
        chance = plan.visits_a_week / _WEEK * plan.stays**weeks * WEEKDAYS[period.day(day).weekday()]
        if dice.random() >= chance:
            continue
        elsewhere = somebody.second is not None and dice.random() < _ON_SECOND_DEVICE
        device = somebody.second if elsewhere and somebody.second else somebody.device
        visit = _begin(somebody, device, somebody.user_id, day, period=period, dice=dice)
        if elsewhere and not signed_in:
            signed_in = True
            visit.distinct_id = somebody.second_id
            visit.look("/")
            visit.distinct_id = somebody.user_id
            yield SignedUp(somebody.second_id, somebody.user_id, {})
        paying = _work(visit, plan)
        if paying is not plan:
            yield SignedUp(somebody.anonymous_id, somebody.user_id, {"plan": paying.name})
            plan = paying
        yield from visit.done


def _work(visit: _Visit, plan: Plan) -> Plan:
    """A visit to the product; returns the plan that is paid for after it."""
    dice = visit.dice
    visit.look("/app")
    for _ in range(1 + min(int(dice.expovariate(0.45)), 12)):
        match dice.choices(("write", "share", "search", "comment", "export"), (5, 2, 3, 3, 1))[0]:
            case "write":
                visit.do("document_created", template=dice.choice(TEMPLATES), words=int(dice.lognormvariate(5.5, 0.9)))
            case "share":
                visit.do("document_shared", people=1 + int(dice.expovariate(0.8)), link=dice.random() < _BY_LINK)
            case "search":
                visit.do("search", results=int(dice.expovariate(0.2)))
            case "comment":
                visit.do("comment_added", length=int(dice.lognormvariate(3.6, 0.7)))
            case _:
                visit.do("export_finished", format=dice.choices(("pdf", "docx", "markdown"), (6, 3, 2))[0])
    if plan.price == 0 and dice.random() < _UPGRADES:
        visit.look("/pricing")
        return _subscribe(visit, dice.choices(PLANS[1:], (5, 1))[0])
    if plan.price and dice.random() < _CANCELS:
        visit.do("subscription_cancelled", plan=plan.name, reason=dice.choice(("price", "missing feature", "no longer needed")))
        return PLANS[0]
    return plan


def _look_around(visit: _Visit, *, landing: bool) -> None:
    dice, origin = visit.dice, visit.somebody.origin
    path = dice.choices(list(LANDINGS), list(LANDINGS.values()))[0]
    came = {f"$utm_{key}": value for key, value in origin.utm.items()} if landing else {}
    if landing and origin.referrer:
        came["$referrer"] = origin.referrer
    visit.look(path, **came)
    while dice.random() < (_STAYING_LOOKS if visit.somebody.plan else _LOOKS):
        visit.look(dice.choices(list(PAGES), list(PAGES.values()))[0])


def _look_again(somebody: Somebody, period: Period, dice: Random) -> Iterator[Done]:
    day = somebody.arrives + dice.randint(1, 20)
    if day < period.days:
        visit = _begin(somebody, somebody.device, somebody.anonymous_id, day, period=period, dice=dice)
        _look_around(visit, landing=False)
        yield from visit.done


def _sign_up(visit: _Visit, plan: Plan) -> None:
    visit.look("/sign-up")
    visit.do("signed_up", method=visit.dice.choices(("email", "google", "github"), (5, 4, 2))[0])
    visit.distinct_id = visit.somebody.user_id
    if visit.dice.random() < _FINISHES_ONBOARDING:
        visit.do("onboarding_finished", seconds=round(visit.dice.lognormvariate(4.4, 0.5), 1))
        visit.do("document_created", template=visit.dice.choice(TEMPLATES), words=int(visit.dice.lognormvariate(5, 0.8)))
    if plan.price:
        _subscribe(visit, plan)


def _subscribe(visit: _Visit, plan: Plan) -> Plan:
    yearly = visit.dice.random() < _PAYS_YEARLY
    price = round(plan.price * (10 if yearly else 1), 2)
    visit.do("subscription_started", plan=plan.name, price=price, interval="year" if yearly else "month", currency="USD")
    return plan


def _begin(somebody: Somebody, device: Device, distinct_id: str, day: int, *, period: Period, dice: Random) -> _Visit:
    hour = dice.choices(range(24), HOURS)[0]
    local = datetime.combine(period.day(day), time(hour, dice.randrange(60), dice.randrange(60)), ZoneInfo(somebody.country.zone))
    return _Visit(somebody, device, distinct_id, _uuid(dice), local + timedelta(milliseconds=dice.randrange(1_000)), dice)


def _uuid(dice: Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))
