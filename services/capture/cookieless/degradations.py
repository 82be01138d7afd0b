"""What cannot be done as it should be: counted each time, and said when it begins and when it ends."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Degradation(StrEnum):
    """The names that are counted; they never change."""

    # The salt is used from memory, because JetStream doesn't answer.
    SALT_FROM_MEMORY = "cookieless_salt_from_memory"
    # Another salt stands in the bucket than the one in memory, and is used from now on: visitors of the day count anew.
    SALT_REPLACED = "cookieless_salt_replaced"
    # Events were refused for want of a salt.
    SALT_UNAVAILABLE = "cookieless_salt_unavailable"
    SALT_CORRUPT = "cookieless_salt_corrupt"
    # Events were refused because the request has no address or no user agent.
    IDENTITY_UNAVAILABLE = "cookieless_identity_unavailable"
    # A visitor's whole day became one session.
    SESSIONS_UNAVAILABLE = "cookieless_sessions_unavailable"


class Degradations:
    """Counts by name, one for each visitor of a request."""

    def __init__(self, count: Callable[[str], None] = lambda _: None) -> None:
        """`count` hears each name as it is counted."""
        self._count = count
        self._ongoing: set[Degradation] = set()
        self.counts: Counter[str] = Counter()

    def happened(self, what: Degradation, reason: str) -> None:
        """It could not be done as it should be; said the first time, until it is over."""
        self.counts[what] += 1
        self._count(what)
        if what not in self._ongoing:
            self._ongoing.add(what)
            log.warning(what.value, reason=reason)

    def over(self, *which: Degradation) -> None:
        """It can be again."""
        for what in which:
            if what in self._ongoing:
                self._ongoing.discard(what)
                log.info("cookieless_recovered", what=what.value, times=self.counts[what])
