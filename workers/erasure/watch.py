"""Watches the erasures that are open, as gauges."""

import time
from collections.abc import Iterable
from datetime import datetime

from opentelemetry.metrics import CallbackOptions, Meter, Observation

# Of whoever has lost their turn nothing is known any more.
_GOOD_FOR_S = 900.0


class ErasureWatch:
    """What whoever has the turn saw last; other processes show nothing."""

    def __init__(self, meter: Meter) -> None:
        self._open: tuple[int, datetime | None] = (0, None)
        self._seen_at = -_GOOD_FOR_S
        meter.create_observable_gauge("pug.erasures.open", [self._observe_open], "{erasure}", "Erasures neither done nor given up.")
        meter.create_observable_gauge(
            "pug.erasures.oldest", [self._observe_oldest], "s", "For how long the oldest open erasure has waited."
        )

    def seen(self, count: int, oldest: datetime | None) -> None:
        """So many are open, the oldest since then."""
        self._open, self._seen_at = (count, oldest), time.monotonic()

    def _observe_open(self, _options: CallbackOptions) -> Iterable[Observation]:
        if time.monotonic() - self._seen_at < _GOOD_FOR_S:
            yield Observation(self._open[0])

    def _observe_oldest(self, _options: CallbackOptions) -> Iterable[Observation]:
        if time.monotonic() - self._seen_at < _GOOD_FOR_S:
            oldest = self._open[1]
            yield Observation(max(0.0, (datetime.now(oldest.tzinfo) - oldest).total_seconds()) if oldest else 0.0)
