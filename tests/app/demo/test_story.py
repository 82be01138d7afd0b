"""The demo's people and what they do: the same for the same seed, within its days."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from app.demo.telling import Demo
from app.demo.visits import Done, SignedUp

UNTIL = date(2026, 11, 28)
SMALL = Demo(5_000, UNTIL)


def events(demo: Demo) -> list[Done]:
    return [happening for _, happening in demo.happenings() if isinstance(happening, Done)]


def test_the_same_seed_tells_the_same_story_and_another_another_one() -> None:
    assert list(SMALL.happenings()) == list(SMALL.happenings())
    assert events(SMALL) != events(Demo(5_000, UNTIL, seed=2))


def test_a_longer_story_begins_like_a_shorter_one() -> None:
    assert events(Demo(2_000, UNTIL)) == events(SMALL)[:2_000]


def test_events_are_as_many_as_asked_for_and_lie_in_the_days_told_of() -> None:
    told = events(SMALL)
    end = datetime(2026, 11, 28, tzinfo=UTC)

    assert len(told) == len({done.event_id for done in told}) == 5_000
    # Somebody's day may begin, where they live, before that of UTC.
    assert all(end - timedelta(days=SMALL.days, hours=15) <= done.at < end for done in told)


def test_no_pause_within_a_session_ends_it() -> None:
    sessions: dict[str, list[datetime]] = {}
    for done in events(SMALL):
        sessions.setdefault(done.session_id, []).append(done.at)

    pauses = [later - earlier for times in sessions.values() for earlier, later in pairwise(times)]
    assert timedelta() < max(pauses) <= timedelta(minutes=30)
    assert min(pauses) > timedelta()


def test_who_signs_up_is_known_by_both_ids_and_has_traits() -> None:
    signed_up = [happening for _, happening in SMALL.happenings() if isinstance(happening, SignedUp)]
    named = {done.distinct_id for done in events(SMALL)}

    assert len(signed_up) > 20
    assert all(one.traits["plan"] in {"free", "pro", "team"} for one in signed_up if "role" in one.traits)
    assert {one.user_id for one in signed_up} & named


def test_there_is_something_to_see() -> None:
    told = events(Demo(20_000, UNTIL))
    names = Counter(done.name for done in told)
    weekdays = Counter(done.at.weekday() for done in told)
    months = Counter(done.at.month for done in told)

    assert names["page_view"] > names["signed_up"] > names["subscription_started"] > names["subscription_cancelled"] > 0
    assert max(weekdays[5], weekdays[6]) < min(weekdays[day] for day in range(5))
    assert months[8] < months[9] < months[10]
    assert {done.properties.get("$utm_campaign") for done in told} >= {"back_to_work", "writing_well", "brand"}
