from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.allowance import Allowances, Rate

SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_so_many_at_once_and_then_one_after_each_pause() -> None:
    clock = Clock()
    allowances = Allowances(Rate(3, 10 * SECOND), clock)

    at_once = [allowances.take("a") for _ in range(4)]
    clock.at += 10
    afterwards = [allowances.take("a") for _ in range(2)]

    assert at_once == [timedelta()] * 3 + [10 * SECOND]
    assert afterwards == [timedelta(), 10 * SECOND]


def test_what_is_refused_costs_nothing_and_nobody_pays_for_another() -> None:
    clock = Clock()
    allowances = Allowances(Rate(1, 10 * SECOND), clock)
    allowances.take("a")

    for _ in range(100):
        assert allowances.take("a")

    assert not allowances.take("b")
    clock.at += 10
    assert not allowances.take("a")


def test_what_was_given_back_may_be_taken_again() -> None:
    allowances = Allowances(Rate(1, SECOND), Clock())
    allowances.take("a")

    allowances.give_back("a")
    allowances.give_back("unknown")

    assert not allowances.take("a")
    assert allowances.take("a")


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.sampled_from([0.1, 0.3, 1.0, 2.5]))
def test_never_more_are_taken_than_the_rate_allows_and_who_waits_as_told_is_let_in(pauses: list[float], at_once: int, pause: float) -> None:
    clock = Clock()
    allowances = Allowances(Rate(at_once, timedelta(seconds=pause)), clock)
    taken: list[float] = []

    for wait in pauses:
        clock.at += wait
        over = allowances.take("a")
        if over:
            clock.at += over.total_seconds() + 1e-6
            assert not allowances.take("a")
        taken.append(clock.at)

    for index, start in enumerate(taken):
        for count, end in enumerate(taken[index:], 1):
            assert count <= at_once + (end - start) / pause + 1e-3
