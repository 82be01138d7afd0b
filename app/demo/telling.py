"""Tells the demo to a project: its events through the stream, as if they had been captured, and its people to the profiles."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec

from app.demo.people import Period, Somebody, draw
from app.demo.visits import Done, SignedUp, life_of
from services.profiles.acts import Identify
from services.profiles.repository import ProfilesRepository
from services.profiles.traits import TraitChange

DAYS = 122
# Rows of one message, and what their people did meanwhile.
_PORTION = 1_000
_ON_ITS_WAY_MS = 350
_encode = msgspec.json.Encoder().encode

Publish = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Demo:
    """What to tell: so many events of the days before `until`, the same for the same seed."""

    events: int
    until: date
    seed: int = 1
    days: int = DAYS

    def happenings(self) -> Iterator[tuple[Somebody, Done | SignedUp]]:
        """Visitor by visitor, until there are enough events."""
        period = Period(self.until - timedelta(days=self.days), self.days)
        end = datetime(self.until.year, self.until.month, self.until.day, tzinfo=UTC)
        left, number = self.events, 0
        while left:
            somebody = draw(number, self.seed, period)
            for happening in life_of(somebody, self.seed, period):
                if isinstance(happening, SignedUp):
                    yield somebody, happening
                elif left and happening.at < end:
                    left -= 1
                    yield somebody, happening
            number += 1


async def tell(demo: Demo, project_id: int, publish: Publish, profiles: ProfilesRepository, told: Callable[[int], None]) -> None:
    """Tell a project the demo; `told` hears of every portion how many events it had."""
    rows: list[bytes] = []
    acts: list[Identify] = []
    for somebody, happening in demo.happenings():
        if isinstance(happening, SignedUp):
            acts.append(Identify(happening.anonymous_id, happening.user_id, TraitChange(set=happening.traits)))
            continue
        rows.append(_row(project_id, somebody, happening))
        if len(rows) == _PORTION:
            await _tell(rows, acts, project_id, publish, profiles)
            told(len(rows))
            rows, acts = [], []
    await _tell(rows, acts, project_id, publish, profiles)
    told(len(rows))


async def _tell(rows: list[bytes], acts: list[Identify], project_id: int, publish: Publish, profiles: ProfilesRepository) -> None:
    if rows:
        await publish(b"\n".join(rows))
    # They are done in this order: what waits of a project is.
    await asyncio.gather(*(profiles.do(project_id, act) for act in acts))


def _row(project_id: int, somebody: Somebody, done: Done) -> bytes:
    """An accepted event (core/rows.py), with the context its request would have had."""
    device, country = done.device, somebody.country
    context = {
        "$browser": device.browser,
        "$browser_version": device.version,
        "$os": device.os,
        "$device": device.device,
        "$mobile": device.mobile,
        "$country": country.code,
        "$city": somebody.city,
        "$timezone": country.zone,
    }
    properties = {**done.properties, "$locale": country.locale, "$screen_width": device.screen[0], "$screen_height": device.screen[1]}
    at_ms = int(done.at.timestamp() * 1000)
    row = (done.event_id, project_id, done.name, done.distinct_id, done.session_id, at_ms, at_ms + _ON_ITS_WAY_MS, properties)
    return _encode((*row, _encode(context).decode()))
