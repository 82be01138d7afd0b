from datetime import timedelta

import pytest

from core.errors import RateLimited, TooManyRequests
from services.rpc import turnstile
from services.rpc.turnstile import NO_PAUSE, Limits, Turnstile


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def narrow(clock: Clock) -> Turnstile:
    """100 events a second, so bursts of 500; two calls a key and three in all."""
    return Turnstile(Limits(key_events_per_second=100, key_requests=2, requests=3), clock)


def visit(narrow: Turnstile, key: str, events: int) -> timedelta:
    pause = narrow.enter(key).charge(events)
    narrow.leave(key)
    return pause


def test_a_burst_of_five_seconds_is_free(narrow: Turnstile) -> None:
    assert visit(narrow, "a", 500) == NO_PAUSE
    assert narrow.enter("a")


def test_a_key_in_debt_is_refused_until_what_it_sent_is_paid_off(narrow: Turnstile, clock: Clock) -> None:
    assert visit(narrow, "a", 800) == timedelta(seconds=3)

    with pytest.raises(RateLimited) as refused:
        narrow.enter("a")
    clock.now += 3
    narrow.enter("a")

    assert refused.value.retry_after == timedelta(seconds=3)
    assert "3.0 s" in refused.value.hint


def test_the_debt_of_one_key_is_no_other_keys(narrow: Turnstile) -> None:
    visit(narrow, "a", 10_000)

    assert visit(narrow, "b", 1) == NO_PAUSE


def test_unused_time_is_saved_up_to_one_burst(narrow: Turnstile, clock: Clock) -> None:
    clock.now += 3_600

    assert visit(narrow, "a", 501) == timedelta(seconds=0.01)


def test_a_call_that_brought_nothing_counts_as_one_event(narrow: Turnstile) -> None:
    for _ in range(501):
        narrow.enter("a")
        narrow.leave("a")

    with pytest.raises(RateLimited):
        narrow.enter("a")


def test_a_call_pays_for_its_events_and_not_for_itself_as_well(narrow: Turnstile) -> None:
    pauses = [visit(narrow, "a", 1) for _ in range(500)]

    assert max(pauses) == NO_PAUSE


def test_each_batch_of_a_stream_is_charged(narrow: Turnstile) -> None:
    stream = narrow.enter("a")

    assert stream.charge(500) == NO_PAUSE
    assert stream.charge(100) == timedelta(seconds=1)
    assert stream.charge(0) == timedelta(seconds=1.01)


def test_a_key_with_enough_calls_under_way_is_refused_and_another_is_not(narrow: Turnstile) -> None:
    narrow.enter("a")
    narrow.enter("a")

    with pytest.raises(TooManyRequests, match="2 requests under way") as refused:
        narrow.enter("a")
    narrow.enter("b")

    assert refused.value.retry_after == timedelta(seconds=1)


def test_a_refused_call_takes_no_place(narrow: Turnstile) -> None:
    narrow.enter("a")
    narrow.enter("a")
    with pytest.raises(TooManyRequests):
        narrow.enter("a")

    narrow.leave("a")

    assert narrow.enter("a")


def test_all_calls_together_have_a_limit(narrow: Turnstile) -> None:
    for key in ("a", "b", "c"):
        narrow.enter(key)

    with pytest.raises(TooManyRequests):
        narrow.enter("d")
    narrow.leave("a")
    narrow.enter("d")

    assert narrow.inside == 3


def test_what_is_remembered_of_keys_has_a_limit(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(turnstile, "_KEYS_HELD", 10)
    busy = Turnstile(Limits(), clock)

    for key in range(100):
        visit(busy, str(key), 1)

    assert busy.keys_held == 10
    assert busy.inside == 0


def test_one_address_takes_only_so_many_places_of_a_key_and_leaves_the_others(clock: Clock) -> None:
    turnstile = Turnstile(Limits(key_requests=4, peer_requests=2, requests=10), clock)
    for _ in range(2):
        turnstile.enter("pk_public", "10.0.0.1")

    with pytest.raises(TooManyRequests) as refused:
        turnstile.enter("sk_other", "10.0.0.1")
    turnstile.enter("pk_public", "10.0.0.2")
    turnstile.leave("pk_public", "10.0.0.1")
    turnstile.enter("sk_other", "10.0.0.1")

    assert "PUG_TRUSTED_PROXIES" in refused.value.hint
    assert refused.value.retry_after == timedelta(seconds=1)


def test_calls_from_nowhere_known_have_no_limit_of_an_address(clock: Clock) -> None:
    turnstile = Turnstile(Limits(peer_requests=1), clock)

    assert [turnstile.enter("a") for _ in range(3)]
