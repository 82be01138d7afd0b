"""Decides how much a key or an address may take: so many calls at once, so many events a second. It neither acts nor waits."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.errors import RateLimited, TooManyRequests
from core.words import counted

_BURST = timedelta(seconds=5)
# A key that is forgotten starts with a full burst; that many keys must be busy at once before it happens.
_KEYS_HELD = 10_000
_SOON = timedelta(seconds=1)
NO_PAUSE = timedelta()


@dataclass(frozen=True, slots=True)
class Limits:
    """What this process lets in."""

    # Over the limit a key may be for as long as its burst lasts; then its calls are refused until what it sent is paid off.
    key_events_per_second: int = 500_000
    key_requests: int = 256
    # From one address, whatever keys it has: a write key is public, and one holder of it must not take all of its places.
    peer_requests: int = 128
    requests: int = 2_000


class Visit:
    """One call under way, which counts as one event until it is known how many it brought."""

    __slots__ = ("_key_id", "_prepaid", "_turnstile")

    def __init__(self, turnstile: "Turnstile", key_id: str) -> None:
        self._turnstile = turnstile
        self._key_id = key_id
        self._prepaid = 1

    def charge(self, events: int) -> timedelta:
        """Count what the call brought; returns for how long its key is over its rate, zero for not at all."""
        cost, self._prepaid = max(events, 1) - self._prepaid, 0
        return self._turnstile.charge(self._key_id, cost)


class Turnstile:
    """Counts calls and events by key. Whoever enters has to leave."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._limits = limits
        self._now = now
        self._inside: Counter[str] = Counter()
        self._from: Counter[str] = Counter()
        self._total = 0
        # Until when a key has paid for what it sent at its rate; it may be ahead of the clock by the burst.
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    @property
    def inside(self) -> int:
        """How many calls are under way."""
        return self._total

    @property
    def keys_held(self) -> int:
        """Of how many keys something is remembered."""
        return len(self._paid_until.keys() | self._inside.keys())

    def enter(self, key_id: str, peer: str = "") -> Visit:
        """Let a call in, or refuse it before anything of its body is read; `peer` is where it comes from, empty when that is unknown."""
        if over := self._over_rate(key_id):
            raise RateLimited(
                f"This key sent more than {counted(self._limits.key_events_per_second, 'event')} a second.",
                hint=f"Send again after {over.total_seconds():.1f} s, or ask the operator to raise PUG_KEY_EVENTS_PER_SECOND.",
                retry_after=over,
            )
        if self._inside[key_id] >= self._limits.key_requests:
            raise TooManyRequests(
                f"This key has {counted(self._limits.key_requests, 'request')} under way.",
                hint="Wait for answers before sending more, or put more events into a request.",
                retry_after=_SOON,
            )
        if peer and self._from[peer] >= self._limits.peer_requests:
            raise TooManyRequests(
                f"Your address has {counted(self._limits.peer_requests, 'request')} under way.",
                hint="Wait for answers before sending more. Behind a proxy, the operator has to name it in PUG_TRUSTED_PROXIES.",
                retry_after=_SOON,
            )
        if self._total >= self._limits.requests:
            raise TooManyRequests("This server is answering as many requests as it takes at once.", hint="Send again.", retry_after=_SOON)
        self._total += 1
        self._inside[key_id] += 1
        self._from[peer] += 1
        self.charge(key_id, 1)
        return Visit(self, key_id)

    def leave(self, key_id: str, peer: str = "") -> None:
        """A call has ended, however it did; it is the one that entered so."""
        self._total -= 1
        self._inside[key_id] -= 1
        if not self._inside[key_id]:
            del self._inside[key_id]
        self._from[peer] -= 1
        if not self._from[peer]:
            del self._from[peer]

    def charge(self, key_id: str, events: int) -> timedelta:
        """Count events of a key; returns for how long it is over its rate."""
        now = self._now()
        began = max(self._paid_until.pop(key_id, now), now)
        self._paid_until[key_id] = began + events / self._limits.key_events_per_second
        if len(self._paid_until) > _KEYS_HELD:
            self._paid_until.popitem(last=False)
        return self._over_rate(key_id)

    def _over_rate(self, key_id: str) -> timedelta:
        ahead = self._paid_until.get(key_id, 0.0) - self._now() - _BURST.total_seconds()
        return timedelta(seconds=ahead) if ahead > 0 else NO_PAUSE
