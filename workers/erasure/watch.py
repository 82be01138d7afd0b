"""Watches the erasures that are open, as gauges."""

import time
from datetime import datetime

from opentelemetry.metrics import Meter

from core.instruments import Gauge

# Of whoever has lost their turn nothing is known any more.
_GOOD_FOR_S = 900.0


class ErasureWatch:
    """What whoever has the turn saw last; other processes show nothing."""

    def __init__(self, meter: Meter) -> None:
        self._open: tuple[int, datetime | None] = (0, None)
        self._seen_at = -_GOOD_FOR_S
        Gauge(meter, "pug.erasures.open", "Erasures neither done nor given up.", self._count, unit="{erasure}")
        Gauge(meter, "pug.erasures.oldest", "For how long the oldest open erasure has waited.", self._age_s, unit="s")

    def seen(self, count: int, oldest: datetime | None) -> None:
        """So many are open, the oldest since then."""
        self._open, self._seen_at = (count, oldest), time.monotonic()

    def _count(self) -> float | None:
        return self._open[0] if self._is_known() else None

    def _age_s(self) -> float | None:
        if not self._is_known():
            return None
        oldest = self._open[1]
        return max(0.0, (datetime.now(oldest.tzinfo) - oldest).total_seconds()) if oldest else 0.0

    def _is_known(self) -> bool:
        return time.monotonic() - self._seen_at < _GOOD_FOR_S
