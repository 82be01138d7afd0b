from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.cli.doctor.checks import bad, good, skipped
from app.cli.status.facts import (
    EventStream,
    Pace,
    Rates,
    Severity,
    Status,
    Turn,
    fullness_severity,
    lag_severity,
    pace,
    problems,
    rates,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(second: float, *, waiting: int = 0, last_seq: int = 0, lag_s: float | None = None, fullness: float = 0) -> Status:
    now = NOON + timedelta(seconds=second)
    oldest = None if lag_s is None else now - timedelta(seconds=lag_s)
    return Status(now, (), EventStream(waiting, int(1000 * fullness), 1000, last_seq, oldest, {}))


def test_rates_are_what_came_and_went_between_the_first_and_the_last() -> None:
    history = [at(0, waiting=10, last_seq=100), at(1, waiting=50, last_seq=150), at(4, waiting=20, last_seq=300)]

    assert rates(history) == Rates(arriving=50, leaving=47.5)


def test_without_two_answers_there_are_no_rates() -> None:
    assert rates([at(0, last_seq=5)]) is None
    assert rates([Status(NOON, ()), at(1, last_seq=5)]) is None
    assert rates([]) is None


def test_a_stream_made_anew_has_no_negative_rates() -> None:
    assert rates([at(0, last_seq=500), at(1, last_seq=3)]) == Rates(0, 0)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([at(0)], Pace.KEEPING_UP),
        ([at(0, waiting=9, lag_s=0.4)], Pace.KEEPING_UP),
        ([at(0, waiting=9, lag_s=40)], Pace.BEHIND),
        ([at(0, waiting=9, lag_s=40), at(1, waiting=20, lag_s=41)], Pace.FALLING_BEHIND),
        ([at(0, waiting=9, lag_s=40), at(1, waiting=9, lag_s=41)], Pace.FALLING_BEHIND),
        ([at(0, waiting=9, lag_s=40), at(1, waiting=5, lag_s=41)], Pace.CATCHING_UP),
        ([at(0, waiting=9, lag_s=40), at(1, waiting=12, lag_s=30)], Pace.CATCHING_UP),
        ([at(0, waiting=9, lag_s=40), at(1, waiting=1, lag_s=1)], Pace.KEEPING_UP),
        ([at(0, waiting=9, lag_s=40), Status(NOON, ())], None),
        ([Status(NOON, ()), at(1, waiting=9, lag_s=40)], Pace.BEHIND),
    ],
)
def test_the_pace_is_how_the_lag_and_the_backlog_change(history: Sequence[Status], expected: Pace | None) -> None:
    assert pace(history) is expected


def test_a_lag_and_a_filling_stream_turn_yellow_and_red() -> None:
    assert [lag_severity(at(0, lag_s=lag)) for lag in (1, 30, 90)] == [Severity.FINE, Severity.WORRYING, Severity.BAD]
    streams = [at(0, fullness=part).events for part in (0.1, 0.7, 0.99)]
    assert [fullness_severity(each) for each in streams if each] == [Severity.FINE, Severity.WORRYING, Severity.BAD]


def test_a_stream_without_a_limit_is_never_full() -> None:
    assert fullness_severity(EventStream(1, 10**15, -1, 1, NOON, {})) is Severity.FINE


def test_a_clock_behind_the_servers_is_no_negative_lag() -> None:
    assert at(0, lag_s=-3).lag == timedelta()


def test_problems_are_engines_that_are_down_workers_that_are_missing_and_a_full_stream() -> None:
    stream = at(0, fullness=0.99).events
    status = Status(
        NOON, (good("NATS", ""), bad("PostgreSQL", "", ""), skipped("x", "")), stream, turns=(Turn("a", None), Turn("b", "here"))
    )

    assert problems(status) == ["PostgreSQL is down", "no worker runs (a)", "the event stream is nearly full"]
    assert problems(Status(NOON, (good("NATS", ""),), turns=None)) == []
