from datetime import UTC, datetime, timedelta

from core.pulse import Rate, SlowQueries, SlowQuery

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def slow(seconds: float, at: datetime = NOON) -> SlowQuery:
    return SlowQuery(at, 1, "InsightsService/Query", "trends", "trends", "f", "s", "events", seconds, 0, 1, None, "", "")


def test_a_rate_is_that_of_the_last_minute() -> None:
    clock = Clock()
    rate = Rate(clock)
    rate.add(600)
    clock.seconds += 30
    rate.add(300)
    rate.add(300)

    clock.seconds += 30
    of_half_a_minute_ago = rate.per_second()
    clock.seconds += 60

    assert (of_half_a_minute_ago, rate.per_second()) == (10, 0)


def test_a_rate_of_a_process_that_just_began_is_that_of_its_life() -> None:
    clock = Clock()
    rate = Rate(clock)

    clock.seconds += 10
    rate.add(50)

    assert rate.per_second() == 5


def test_the_slowest_queries_are_remembered_and_the_fastest_of_too_many_forgotten() -> None:
    queries = SlowQueries(lambda: NOON, most=3)

    for seconds in (7, 5, 9, 6, 8):
        queries.add(slow(seconds))

    assert [each.seconds for each in queries.slowest()] == [9, 8, 7]


def test_a_slow_query_is_forgotten_after_an_hour() -> None:
    now = [NOON]
    queries = SlowQueries(lambda: now[0])
    queries.add(slow(9))
    queries.add(slow(5, NOON + timedelta(minutes=30)))

    now[0] = NOON + timedelta(minutes=61)

    assert [each.seconds for each in queries.slowest()] == [5]
