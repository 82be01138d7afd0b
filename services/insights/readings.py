"""Which events are read at once: those of the range, and with them those of the range it is compared with, if that lies before it."""

from dataclasses import dataclass, replace

from core.instants import milliseconds
from core.sql import Sql, any_of, instant, integer, sql
from services.insights.ranges import Range
from services.insights.scope import Scope


@dataclass(frozen=True, slots=True)
class Reading:
    """A scope to read, what has to hold besides, and what its buckets are, on a row with a `bucket`."""

    scope: Scope
    where: list[Sql]
    # Whether it is of the range compared with.
    compared: Sql
    # Whether the largest cells are those of it; None where all are such.
    is_ranked: Sql | None = None
    # Whether any is.
    ranks: bool = True


def readings(scope: Scope, *, of_sessions: bool) -> list[Reading]:
    """What is read one after the other; both ranges at once, unless an event or a bucket may be in both.

    `of_sessions` says that something is asked of sessions as a whole: how far they are followed depends on the range that is read.
    """
    earlier, first = scope.compared, scope.buckets[0].start
    if earlier is None:
        return [Reading(scope, [], sql("false"))]
    if of_sessions or earlier.range.end > first:
        return [Reading(scope, [], sql("false")), Reading(earlier, [], sql("true"), ranks=False)]
    both = replace(scope, range=Range(earlier.range.start, scope.range.end), buckets=(*earlier.buckets, *scope.buckets), compared=None)
    start = integer(milliseconds(first))
    return [
        Reading(
            both,
            _not_between(earlier.range, scope.range),
            compared=sql("(bucket < {start})::Bool", start=start),
            is_ranked=sql("bucket >= {start}", start=start),
        )
    ]


def _not_between(earlier: Range, later: Range) -> list[Sql]:
    if earlier.end == later.start:
        return []
    return [any_of([sql("occurred_at < {end}", end=instant(earlier.end)), sql("occurred_at >= {start}", start=instant(later.start))])]
