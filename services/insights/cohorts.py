"""Makes tables of what a retention counted: every cohort with the counts that have begun for it, and the mean over those that are over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from google.protobuf.timestamp_pb2 import Timestamp

from core.instants import MILLISECOND
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.retention_pb2 import RetentionResult
from services.insights.breakdowns import cell_message
from services.insights.periods import Periods, Starts
from services.insights.scope import Scope


@dataclass(frozen=True, slots=True)
class Table:
    """What was counted of one cell: how many of each cohort are at each place, and when the first and the last of it started."""

    cell: Cell
    counts: list[list[int]]
    starts: list[Starts]


def tables_of(rows: Sequence[Sequence[object]], periods: Periods, scope: Scope) -> list[Table]:
    """The tables of the rows, largest first and the others last; a table of nobody where there is no cell to split by."""
    found: dict[int, Table] = {}
    for row in rows:
        match row:
            case [int() as rank, int() as cohort, int() as place, int() as persons, datetime() as first, datetime() as last, *cell]:
                if rank not in found:
                    found[rank] = empty_table(cell_message(rank, cell), periods, scope)
                found[rank].counts[cohort - 1][place] = persons
                if place == 0:
                    found[rank].starts[cohort - 1] = Starts(first, last)
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return [found[rank] for rank in sorted(found, key=lambda rank: (rank == 0, rank))]


def empty_table(cell: Cell, periods: Periods, scope: Scope) -> Table:
    """A table of nobody; an empty cohort's time runs as if somebody had started with it and somebody at its end."""
    return Table(
        cell=cell,
        counts=[[0] * (len(periods.spans) + 1) for _ in scope.buckets],
        starts=[Starts(max(bucket.start, scope.range.start), min(bucket.end, scope.range.end) - MILLISECOND) for bucket in scope.buckets],
    )


def series_of(table: Table, periods: Periods, scope: Scope, *, simple_mean: bool) -> RetentionResult.Series:
    """The answer for one cell."""
    cohorts = [_cohort(table, number, periods, scope) for number in range(len(scope.buckets))]
    return RetentionResult.Series(cell=table.cell, cohorts=cohorts, mean=_mean(cohorts, simple=simple_mean))


def _cohort(table: Table, number: int, periods: Periods, scope: Scope) -> RetentionResult.Cohort:
    now, bucket, starts = scope.as_of.now, scope.buckets[number], table.starts[number]
    size, *returned = table.counts[number]
    if periods.or_after:
        # Each person is at the place of their latest return.
        returned = list(accumulate(reversed(returned)))[::-1]
    start = Timestamp()
    start.FromDatetime(bucket.start)
    settled = min(bucket.end, scope.range.end) <= now
    return RetentionResult.Cohort(
        start=start,
        size=size,
        counts=[size, *returned[: periods.begun(number, starts, now)]],
        complete=1 + periods.over(number, starts, now) if settled else 0,
    )


def _mean(cohorts: Sequence[RetentionResult.Cohort], *, simple: bool) -> list[float]:
    """The mean share of each place, as far as there is a cohort of somebody whose count is complete."""
    means = [1.0]
    for place in range(1, max(cohort.complete for cohort in cohorts)):
        known = [(cohort.counts[place], cohort.size) for cohort in cohorts if cohort.size and cohort.complete > place]
        if not known:
            break
        if simple:
            means.append(sum(count / size for count, size in known) / len(known))
        else:
            means.append(sum(count for count, _ in known) / sum(size for _, size in known))
    return means
