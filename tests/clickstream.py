"""Some weeks of a shop: who came, what they looked at and what they bought; the same every time.

About 20,000 events in 2,900 visits of 900 people, some of whom also come with a second device. They begin before the range that tests ask
about and end after it, and Berlin's clocks are put back within it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from story import Happening

ZONE = "Europe/Berlin"
# Midnight in Berlin on October 13 and November 10, 2025, before and after the clocks change.
START, END = datetime(2025, 10, 12, 22, tzinfo=UTC), datetime(2025, 11, 9, 23, tzinfo=UTC)
_PEOPLE, _VISITS = 900, 2_900
_OPENED, _DAYS = START - timedelta(days=10), 45
_PAGES = ["/", "/products/1", "/products/2", "/products/3", "/blog", "/pricing", "/about", "/help", "/jobs", "/press"]
_OFTEN = [30, 14, 9, 7, 8, 6, 3, 2, 1, 1]
_COUNTRIES = ["DE", "DE", "DE", "FR", "FR", "US", "AT", "CH", None]


def clickstream() -> list[Happening]:
    """The events, in the order they happened."""
    random = Random(20)
    people = [f"p{number:03}" for number in range(_PEOPLE)]
    # Some come often.
    visitors = random.choices(people, weights=[1 / (1 + place) ** 0.5 for place in range(_PEOPLE)], k=_VISITS)
    return sorted((event for who in visitors for event in _visit(random, who)), key=lambda event: event.at)


def ties() -> Mapping[str, str]:
    """Second devices, and whose they are."""
    return {f"p{number:03}-phone": f"p{number:03}" for number in range(0, _PEOPLE, 7)}


def _visit(random: Random, who: str) -> Iterator[Happening]:
    # More in the evening, some past midnight.
    hour = random.triangular(6, 27, 21)
    at = _OPENED + timedelta(days=random.randrange(_DAYS), hours=hour)
    device = f"{who}-phone" if f"{who}-phone" in ties() and random.random() < 0.4 else who
    country = _COUNTRIES[int(who[1:]) % len(_COUNTRIES)]
    for _ in range(min(1 + int(random.expovariate(1 / 6)), 40)):
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        name, told = _deed(random)
        yield Happening(name, device, at, "", {"country": country, **told}, str(UUID(int=random.getrandbits(128))))
        # Most go on at once, some at the same instant, some just before the visit would be over and some after.
        at += random.choice(
            [timedelta(seconds=random.expovariate(1 / 60))] * 12 + [timedelta(), timedelta(minutes=30), timedelta(minutes=32)]
        )


def _deed(random: Random) -> tuple[str, Mapping[str, object]]:
    match random.choices(["view", "cart", "buy"], weights=[80, 14, 6]):
        case ["view"]:
            return "view", {"page": random.choices(_PAGES, weights=_OFTEN)[0]}
        case ["cart"]:
            return "cart", {"page": f"/products/{random.randint(1, 3)}"}
        case _:
            # Quarters, so that sums are the same in every order.
            return "buy", {"page": "/checkout", "amount": random.randint(4, 2_000) / 4}
