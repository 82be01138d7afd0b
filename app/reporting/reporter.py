"""Says how this process is."""

import importlib.metadata
import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from app.reporting.engine_watch import EngineWatch
from app.reporting.report import Report
from core.pulse import Pulse

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


class Reporter:
    """Knows what the process does and since when."""

    def __init__(self, roles: Collection[str], pulse: Pulse, engines: EngineWatch) -> None:
        """It begins now."""
        self._roles = tuple(sorted(roles))
        self._pulse = pulse
        self._engines = engines
        self._started_at = datetime.now(UTC)

    def report(self) -> Report:
        """The process as it is now."""
        pulse = self._pulse
        return Report(
            at=datetime.now(UTC),
            host=socket.gethostname(),
            pid=os.getpid(),
            version=importlib.metadata.version("pug"),
            roles=self._roles,
            started_at=self._started_at,
            memory_bytes=_resident_bytes(),
            accepted=pulse.accepted.per_second(),
            stored=pulse.stored.per_second(),
            queries=pulse.queries.per_second(),
            last_block=pulse.last_block,
            slow=tuple(pulse.slow.slowest()),
            store=self._engines.store,
            store_answers=self._engines.store_answers,
        )


def _resident_bytes() -> int:
    """What the process holds in memory; 0 where the system doesn't say."""
    return int(_STATM.read_text().split()[1]) * _PAGE_BYTES if _STATM.exists() else 0
