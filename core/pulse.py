"""What a process did lately, for whoever asks how it is: in its memory, bounded, and gone with it. Only the event loop's thread uses it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_WINDOW_S = 60
_REMEMBERED_FOR = timedelta(hours=1)
_MOST_SLOW = 100


class Rate:
    """How many a second, over the last minute or since the process began."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._now = now
        self._since = now()
        # Of each second in which something happened: which, and how many.
        self._seconds: deque[tuple[int, int]] = deque()

    def add(self, amount: int) -> None:
        """So many more, just now."""
        second = int(self._now())
        before = self._seconds.pop()[1] if self._seconds and self._seconds[-1][0] == second else 0
        self._seconds.append((second, before + amount))
        self._forget(second)

    def per_second(self) -> float:
        """The mean of the last minute."""
        now = self._now()
        self._forget(int(now))
        return sum(amount for _, amount in self._seconds) / min(max(now - self._since, 1.0), _WINDOW_S)

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - _WINDOW_S:
            self._seconds.popleft()


@dataclass(frozen=True, slots=True)
class Block:
    """The last block that a worker stored, and how long ClickHouse took for it."""

    stored_at: datetime
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """A query that took long, without anybody's data: `outline` has no names of events and no values."""

    at: datetime
    project: int
    rpc: str
    kind: str
    outline: str
    # The same for questions of the same outline, and for the same SQL.
    fingerprint: str
    statement: str
    # The table that was read.
    source: str
    seconds: float
    waited_seconds: float
    rows_read: int
    # What the query held at most; None where ClickHouse doesn't say, as the embedded one.
    memory_bytes: int | None
    # Why there was no answer; empty when there was one.
    error: str
    trace_id: str


class SlowQueries:
    """The slowest queries of the last hour."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), most: int = _MOST_SLOW) -> None:
        """When there are more than `most`, the fastest of them are forgotten."""
        self._now = now
        self._most = most
        self._queries: list[SlowQuery] = []

    def add(self, query: SlowQuery) -> None:
        """Remember one."""
        self._queries = sorted([*self._recent(), query], key=lambda each: -each.seconds)[: self._most]

    def slowest(self) -> list[SlowQuery]:
        """Those that are remembered, the slowest first."""
        self._queries = self._recent()
        return list(self._queries)

    def _recent(self) -> list[SlowQuery]:
        since = self._now() - _REMEMBERED_FOR
        return [each for each in self._queries if each.at > since]


@dataclass(slots=True)
class Pulse:
    """Rates of what was accepted, stored and asked, the last block and the slow queries."""

    accepted: Rate = field(default_factory=Rate)
    stored: Rate = field(default_factory=Rate)
    queries: Rate = field(default_factory=Rate)
    slow: SlowQueries = field(default_factory=SlowQueries)
    last_block: Block | None = None
