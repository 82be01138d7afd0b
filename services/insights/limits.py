"""What one query may use of ClickHouse."""

from dataclasses import dataclass
from datetime import timedelta

from core.sql import Sql, number, sql, unsigned

_SHORTEST_TIMEOUT_S = 0.001
# Of one answer. Each takes some 4 µs to become a message and then text, in which nobody else is served.
MOST_NUMBERS = 300_000
# Of the values of its cells: a hundred cells of five values as long as a property may be.
MOST_CHARACTERS = 5_000_000


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may use."""

    timeout: timedelta
    memory_bytes: int


def limited(query: Sql, limits: QueryLimits, timeout_s: float | None) -> Sql:
    """The query under its limits; `timeout_s` is how long the caller still waits, if that is known."""
    allowed_s = limits.timeout.total_seconds()
    seconds = allowed_s if timeout_s is None else max(min(allowed_s, timeout_s), _SHORTEST_TIMEOUT_S)
    return sql(
        "{query}\nSETTINGS max_execution_time = {seconds}, max_memory_usage = {bytes}",
        query=query,
        seconds=number(seconds),
        bytes=unsigned(limits.memory_bytes),
    )
