"""Draws the people of the demo: where they live, how they come, whether they stay. The same seed draws the same people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Protocol, TypeVar
from uuid import UUID

from app.demo.world import COMPANY_SIZES, COUNTRIES, DEVICES, ORIGINS, PLANS, ROLES, WEEKDAYS, Country, Device, Origin, Plan

# Chances: that who signs up does so on a phone or elsewhere, against their origin's; and that they have another device.
_ON_A_PHONE, _ELSEWHERE = 0.6, 1.2
_HAS_SECOND = 0.25
# Over the whole story three visitors come at its end for two at its beginning.
_GROWTH = 0.5


class _Shared(Protocol):
    @property
    def share(self) -> float: ...


_One = TypeVar("_One", bound=_Shared)


@dataclass(frozen=True, slots=True)
class Period:
    """The days the story is about; the last one ends with its midnight in UTC."""

    first: date
    days: int

    def day(self, number: int) -> date:
        """The day of this number, from 0."""
        return self.first + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Somebody:
    """A visitor: who they are, and on which day of the story they come first."""

    number: int
    anonymous_id: str
    country: Country
    city: str
    device: Device
    origin: Origin
    arrives: int
    # What they take when they sign up; None for who only looks.
    plan: Plan | None
    # Another device, used after signing up; None for most.
    second: Device | None
    traits: Mapping[str, str | float | bool] = field(default_factory=dict[str, str | float | bool])

    @property
    def user_id(self) -> str:
        """What they are called once they have signed up."""
        return f"user-{self.number:06}"

    @property
    def second_id(self) -> str:
        """What their other device is called before they sign in on it."""
        return f"{self.anonymous_id}-2"


def draw(number: int, seed: int, period: Period) -> Somebody:
    """The visitor of this number; each has dice of their own, so that more visitors leave the others as they are."""
    dice = Random(f"{seed}/{number}")  # noqa: S311 (not for secrets)
    country = _one_of(COUNTRIES, dice)
    arrives = dice.choices(range(period.days), _arrivals(period))[0]
    running = [origin for origin in ORIGINS if origin.days is None or arrives in origin.days]
    origin, device = _one_of(running, dice), _one_of(DEVICES, dice)
    signs_up = dice.random() < origin.signs_up * (_ON_A_PHONE if device.mobile else _ELSEWHERE)
    plan = dice.choices(PLANS, (0.78, 0.17, 0.05))[0] if signs_up else None
    return Somebody(
        number=number,
        anonymous_id=str(UUID(int=dice.getrandbits(128), version=4)),
        country=country,
        city=dice.choice(country.cities),
        device=device,
        origin=origin,
        arrives=arrives,
        plan=plan,
        second=dice.choice(DEVICES) if plan and dice.random() < _HAS_SECOND else None,
        traits={"role": dice.choice(ROLES), "company_size": dice.choices(COMPANY_SIZES, (4, 5, 3, 2, 1))[0]} if plan else {},
    )


@cache
def _arrivals(period: Period) -> Sequence[float]:
    """How many come on each day, in proportion: more every week, fewer at weekends, and more while a campaign runs."""
    weights: list[float] = []
    for number in range(period.days):
        growth = 1 + _GROWTH * number / period.days
        campaigns = sum(origin.share for origin in ORIGINS if origin.days is not None and number in origin.days)
        weights.append(growth * WEEKDAYS[period.day(number).weekday()] * (1 + campaigns))
    return weights


def _one_of(choices: Sequence[_One], dice: Random) -> _One:
    return dice.choices(choices, [choice.share for choice in choices])[0]
