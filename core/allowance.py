"""Decides how often somebody may do something: so many times at once, and then one after each pause. It waits for nothing."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta

# Whoever is forgotten starts anew; that many must be busy at once before it happens.
_HELD = 100_000
_NO_PAUSE = timedelta()


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and one more after each pause."""

    at_once: int
    pause: timedelta


class Allowances:
    """Counts by whatever tells those apart who have an allowance each."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._pause = rate.pause.total_seconds()
        self._ahead = rate.at_once * self._pause
        self._now = now
        # Until when what they did is paid for, by one pause for each.
        self._paid_until: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable) -> timedelta:
        """Zero when it may be done, which is then counted; otherwise for how long not."""
        now = self._now()
        paid_until = max(self._paid_until.pop(key, now), now) + self._pause
        over = paid_until - now - self._ahead
        # A sum of pauses is off by a rounding error.
        allowed = over <= self._pause * 1e-6
        self._paid_until[key] = paid_until if allowed else paid_until - self._pause
        if len(self._paid_until) > _HELD:
            self._paid_until.popitem(last=False)
        return _NO_PAUSE if allowed else timedelta(seconds=over)

    def give_back(self, key: Hashable) -> None:
        """What was taken last doesn't count after all."""
        if key in self._paid_until:
            self._paid_until[key] -= self._pause
