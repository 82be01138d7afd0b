"""Sessions against a naive model, written from what a session is rather than from the code."""

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.capture.cookieless.stitching import Day, Session, from_bytes, session_at, stitch, to_bytes

MINUTE = 60_000
HALF_HOUR = 30 * MINUTE
MIDNIGHT = 1_772_323_200_000
MOMENTS = st.integers(0, 24 * 60 - 1).map(lambda minute: MIDNIGHT + minute * MINUTE) | st.integers(MIDNIGHT, MIDNIGHT + 86_399_999)
BATCHES = st.lists(st.lists(MOMENTS, min_size=1, max_size=6), min_size=1, max_size=8)


def minutes(*moments: int) -> list[int]:
    return [MIDNIGHT + minute * MINUTE for minute in moments]


def numbers(day: Day, moments: Sequence[int]) -> list[int | None]:
    found = [session_at(day, ms) for ms in moments]
    return [session.number if session else None for session in found]


def after(*batches: Sequence[int]) -> Day:
    day: Day = ()
    for batch in batches:
        day = stitch(day, batch)
    return day


@given(st.lists(MOMENTS, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_one_batch_is_cut_where_nothing_happened_for_more_than_half_an_hour(moments: list[int], shuffle: random.Random) -> None:
    day = stitch((), shuffle.sample(moments, len(moments)))

    in_order = sorted(moments)
    cut = [later - earlier > HALF_HOUR for earlier, later in pairwise(in_order)]
    assert [one != other for one, other in pairwise(numbers(day, in_order))] == cut


class Naive:
    """Keeps every event it has seen with its session, and asks each time which are near."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def take(self, batch: Sequence[int]) -> None:
        for ms in sorted(batch):
            self.seen.setdefault(ms, self.session_of(ms))

    def session_of(self, ms: int) -> int:
        before = max((other for other in self.seen if other <= ms), default=None)
        after = min((other for other in self.seen if other >= ms), default=None)
        if before is not None and after is not None and self.seen[before] == self.seen[after]:
            return self.seen[before]
        if after is not None and after - ms <= HALF_HOUR:
            return self.seen[after]
        if before is not None and ms - before <= HALF_HOUR:
            return self.seen[before]
        return ms // HALF_HOUR


@given(BATCHES)
def test_sessions_are_those_of_a_naive_model_in_whatever_order_events_come(batches: list[list[int]]) -> None:
    naive = Naive()
    day: Day = ()
    for batch in batches:
        naive.take(batch)
        day = stitch(day, batch)

        assert numbers(day, batch) == [naive.seen[ms] for ms in batch]


@given(BATCHES, st.randoms(use_true_random=False))
def test_a_retry_finds_what_it_found_and_changes_nothing(batches: list[list[int]], choose: random.Random) -> None:
    day = after(*batches)
    answered: list[tuple[list[int], list[int | None]]] = []
    growing: Day = ()
    for batch in batches:
        growing = stitch(growing, batch)
        answered.append((batch, numbers(growing, batch)))

    retried = [choose.choice(answered) for _ in range(5)]

    assert [numbers(stitch(day, batch), batch) for batch, _ in retried] == [numbers_then for _, numbers_then in retried]
    assert after(*batches, *(batch for batch, _ in retried)) == day


@given(BATCHES)
def test_sessions_never_overlap_and_no_two_have_a_number(batches: list[list[int]]) -> None:
    day = after(*batches)

    assert all(one.last_ms < other.first_ms for one, other in pairwise(day))
    assert len({session.number for session in day}) == len(day) <= 48


@given(BATCHES)
def test_a_day_that_was_kept_is_read_as_it_was(batches: list[list[int]]) -> None:
    day = after(*batches)

    assert from_bytes(to_bytes(day)) == day


def test_exactly_half_an_hour_is_the_same_session_either_way() -> None:
    first, on_time, late, early, too_early = minutes(60, 90, 90, 30, 29)
    day = after([first])

    assert numbers(stitch(day, [on_time]), [first, on_time]) == [MIDNIGHT // HALF_HOUR + 2] * 2
    assert numbers(stitch(day, [late + 1]), [late + 1]) != numbers(day, [first])
    assert numbers(stitch(day, [early]), [early]) == numbers(day, [first])
    assert numbers(stitch(day, [too_early]), [too_early]) == [MIDNIGHT // HALF_HOUR]


def test_an_event_from_long_before_leaves_the_session_that_is_going_on_alone() -> None:
    day = after(minutes(600))

    later = stitch(day, minutes(100))

    assert later == (Session((MIDNIGHT + 100 * MINUTE) // HALF_HOUR, *minutes(100, 100)), *day)


def test_an_event_between_two_sessions_belongs_to_the_later_and_joins_none() -> None:
    day = after(minutes(0), minutes(31))

    later = stitch(day, minutes(20))

    assert numbers(later, minutes(0, 20, 31)) == [MIDNIGHT // HALF_HOUR, *[MIDNIGHT // HALF_HOUR + 1] * 2]
