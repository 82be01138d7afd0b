"""Worlds: what some people did, who they turned out to be, and that taken back; each told to the engine in several ways.

Many worlds are told in few inserts, each in projects of its own, so that a test may ask about any of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from core.clickhouse import ClickHouse
from naive_lines import PLANS
from story import Happening, Known, know_together, next_project, tell_together

# Before the instant at which all is asked; about changes of the clocks in Berlin and New York, and the end of a month.
STARTS = [datetime(*day, tzinfo=UTC) for day in ((2026, 3, 3), (2025, 10, 24), (2026, 3, 6), (2026, 2, 26))]
IDS: Sequence[str] = ("ann", "bob", "cid", "dan", "eve", "fay", "gus", "phone", "laptop", "cookieless-a", "cookieless-b")
MERGED = 2
# Of so many versions there may be many ties, which are looked up in another way than few.
TAKEN_BACK = 60_001
# Halves and quarters add up to the same in every order.
NUMBERS: tuple[object, ...] = (1, 2, -3, 0.25, 10.5, "4", "1e2", "x", "", True, None)
PAUSES = [timedelta(), timedelta(milliseconds=1), *(timedelta(minutes=step) for step in (1, 10, 10, 30, 31)), timedelta(hours=20)]

Traits = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class World:
    """The same events in three projects: in one some people are merged and parted again, in one they are never, in one they stay merged."""

    start: datetime
    # Too many to be shown with a failure.
    events: Sequence[Happening] = field(repr=False)
    told: int
    never_merged: int
    still_merged: int


async def tell_worlds(clickhouse: ClickHouse, seeds: Sequence[int]) -> list[World]:
    """One world for each seed."""
    worlds = [_world(Random(seed)) for seed in seeds]
    await tell_together(clickhouse, {world.told: world.events for world in worlds})
    await tell_together(clickhouse, {world.still_merged: world.events[::-1] for world in worlds})
    for part in range(3):
        await tell_together(clickhouse, {world.never_merged: shuffled(world)[part::3] for world in worlds})
    await know_together(
        clickhouse, [known for world, seed in zip(worlds, seeds, strict=True) for known in _identities(world, Random(seed))]
    )
    return worlds


async def tell_neighbours(clickhouse: ClickHouse, world: World) -> None:
    """Another project, whose events, ids, sessions and people are called the same and are others."""
    neighbour = next_project()
    moved = [
        Happening("abc"[place % 3], one.distinct_id, one.at + timedelta(minutes=1), one.session_id, {"plan": "else"}, one.event_id)
        for place, one in enumerate(world.events)
    ]
    await tell_together(clickhouse, {neighbour: moved})
    ties = dict.fromkeys(IDS, "bob")
    await know_together(clickhouse, [Known(neighbour, version, ties, {"bob": {"plan": "else"}}) for version in (1, MERGED, TAKEN_BACK)])


def shuffled(world: World) -> list[Happening]:
    """The events in another order."""
    return sorted(world.events, key=lambda one: one.event_id)


def _world(random: Random) -> World:
    start = random.choice(STARTS)
    events = [one for _ in range(random.randint(15, 40)) for one in _visit(random, start)]
    return World(start, events, next_project(), next_project(), next_project())


def _visit(random: Random, start: datetime) -> list[Happening]:
    """Some events in a row, with pauses about those that end a session; some at the same instant, some at midnight."""
    hours = random.choice([0, 24, 48, random.uniform(0, 6 * 24), random.uniform(0, 6 * 24), random.uniform(-20 * 24, 0)])
    at = start + timedelta(minutes=int(hours * 60)) - random.choice([0, 0, 1]) * timedelta(milliseconds=1)
    who, session, visit = random.choice(IDS), random.choice(["", "", "s1", "s2", "s3"]), list[Happening]()
    for _ in range(random.randint(1, 7)):
        visit.append(_happening(random, who, at, session))
        at += random.choice(PAUSES)
    return visit


def _happening(random: Random, who: str, at: datetime, session: str) -> Happening:
    properties = {"here": True, "plan": random.choice(PLANS), "n": random.choice(NUMBERS), "os": random.choice(["mac", "mac", "win", None])}
    return Happening(random.choice("aabbc"), who, at, session, properties, str(UUID(int=random.getrandbits(128))))


def _identities(world: World, random: Random) -> list[Known]:
    apart, apart_traits = {"phone": "ann"}, _traits(random)
    into = random.choice(["ann", "cid"])
    merged = {"phone": into, "laptop": into, "bob": into, "ann": into} if into == "cid" else {"bob": "ann", "laptop": "ann", "cid": "ann"}
    merged_traits = _traits(random)
    # An id that is tied to itself is tied to nobody.
    taken_back = {one: apart.get(one, one) for one in merged}
    return [
        *(Known(project, 1, apart, apart_traits) for project in (world.told, world.never_merged, world.still_merged)),
        *(Known(project, MERGED, merged, merged_traits) for project in (world.told, world.still_merged)),
        Known(world.told, TAKEN_BACK, taken_back, apart_traits),
    ]


def _traits(random: Random) -> Traits:
    return {root: {"plan": random.choice(["pro", "free", 3]), "team": random.choice(["x", "y"])} for root in ("ann", "bob", "cid")}
