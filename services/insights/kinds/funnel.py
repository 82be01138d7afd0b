"""Funnels: how many go through a sequence of steps, and where the others stay.

Every attempt that counts becomes a row (funnels/attempts.py), and counts, times, cells, trend and drill-down all come from these rows. They
are read once: counted by cell first, of which the largest are found by a window; the rest is folded from the same states, so it is as exact
as any.

Counts don't grow from one required step to the next. An optional step may be reached by fewer than the one after it; shares are of the last
required step before, times are since the last step reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import cast

from google.protobuf.duration_pb2 import Duration

from core.errors import InvalidArgument
from core.instants import MILLISECOND, milliseconds, timestamp
from core.sql import Sql, all_of, integer, join, sql, unsigned
from core.words import counted
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.funnel_pb2 import Funnel, FunnelResult
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from services.insights.breakdowns import Cells, cell_message, cells_of
from services.insights.buckets import Bucket, bucket_of
from services.insights.filters import Placed, in_list
from services.insights.funnels.attempts import attempts
from services.insights.funnels.course import Course
from services.insights.funnels.keys import EPOCH_MS
from services.insights.funnels.spec import FIELD, course_of, exclusions_field, steps_field
from services.insights.scope import Scope

# Up to which time each bar of a histogram goes, itself included; the last one is open.
BARS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 300, 900, 3_600, 6 * 3_600, 86_400, 7 * 86_400))

# One row for each attempt and step it reaches.
_STEPS = """(
    SELECT {cell}{bucket} AS bucket, arrayJoin(arrayZip(steps, arrayDifference(times))) AS reached,
        tupleElement(reached, 1) AS step, toInt64(tupleElement(reached, 2)) AS took
    FROM {attempts}
)"""

_COUNTED = """
SELECT 1 AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend{timing}
FROM (
    SELECT step, bucket, count() AS many{states}
    FROM {steps}
    GROUP BY step, bucket
)
GROUP BY step
ORDER BY step"""

# Ties go by value ascending, NULL last.
_COUNTED_BY_CELL = """
WITH counted AS (
    SELECT {cell}, step, bucket, count() AS many{states}
    FROM {steps}
    GROUP BY {cell}, step, bucket
),
measured AS (
    SELECT *, sum(if(step = 1, many, 0)) OVER (PARTITION BY {cell}) AS entrants
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY entrants DESC, {cell}) AS place
    FROM measured
)
SELECT if(place > {limit}, 0, place) AS rank, step, sum(many) AS units, sumMap([bucket], [many]) AS trend{timing}, {label}
FROM placed
GROUP BY rank, step
ORDER BY rank, step"""

_PERSONS = """
SELECT DISTINCT person
FROM {attempts}
WHERE {behind}"""

_PERSONS_OF_OTHERS = """
WITH measured AS (
    SELECT *, count() OVER (PARTITION BY {cell}) AS entrants
    FROM {attempts}
),
placed AS (
    SELECT *, dense_rank() OVER (ORDER BY entrants DESC, {cell}) AS place
    FROM measured
)
SELECT DISTINCT person
FROM placed
WHERE place > {limit} AND {behind}"""


def plan(spec: Funnel, scope: Scope) -> Sql:
    """The rows (rank of the cell, step, how many reached it, the same by the bucket of entry, timing if asked for, then the cell)."""
    course, cells = _read(spec, scope)
    names = cells.names if cells else []
    steps = sql(
        _STEPS,
        cell=join("", (sql("{name}, ", name=name) for name in names)),
        bucket=_bucket(scope) if spec.trend else sql("toInt64(0)"),
        attempts=attempts(course, cells, scope),
    )
    states, timing = _timing() if spec.timing else (sql(""), sql(""))
    if not cells:
        return sql(_COUNTED, steps=steps, states=states, timing=timing)
    return sql(
        _COUNTED_BY_CELL,
        cell=join(", ", names),
        steps=steps,
        states=states,
        timing=timing,
        limit=unsigned(cells.limit),
        label=join(", ", cells.labels("placed")),
    )


def shape(rows: Sequence[Sequence[object]], spec: Funnel, scope: Scope) -> FunnelResult:
    """The answer: every step of every line, 0 where nobody came."""
    course = course_of(spec, scope.as_of)
    lines: dict[int, _Line] = {} if spec.breakdowns else {1: _Line(Cell())}
    for row in rows:
        match row:
            case [int() as rank, int() as step, int() as units, trend, *rest]:
                timing, cell = (rest[:3], rest[3:]) if spec.timing else ([], rest)
                line = lines.setdefault(rank, _Line(cell_message(rank, cell)))
                line.counts[step] = units
                line.trend[step] = dict(zip(*cast("tuple[list[int], list[int]]", trend), strict=True))
                line.timing[step] = timing
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    return FunnelResult(series=[_series(lines[rank], spec, course, scope) for rank in sorted(lines, key=lambda rank: (rank == 0, rank))])


def filters(spec: Funnel) -> list[Placed]:
    """The filters of every step and exclusion."""
    of_steps = [found for place, one in enumerate(spec.steps) for found in in_list(one.event.filters, f"{steps_field(place)}.filters")]
    return of_steps + [
        found for place, one in enumerate(spec.exclusions) for found in in_list(one.event.filters, f"{exclusions_field(place)}.filters")
    ]


def persons(spec: Funnel, of: ListPersonsRequest.OfFunnel, scope: Scope) -> Sql:
    """The persons of the attempts behind a number."""
    course, cells = _read(spec, scope)
    found = attempts(course, cells, scope, persons=True)
    behind = [*_behind_step(of, course), *_behind_bucket(of, scope)]
    if of.cell.others and cells:
        return sql(_PERSONS_OF_OTHERS, cell=join(", ", cells.names), attempts=found, limit=unsigned(cells.limit), behind=all_of(behind))
    return sql(_PERSONS, attempts=found, behind=all_of([*behind, *_behind_cell(of.cell, cells)]))


def _read(spec: Funnel, scope: Scope) -> tuple[Course, Cells | None]:
    return course_of(spec, scope.as_of), cells_of(spec.breakdowns, spec.breakdown_limit, FIELD, scope.as_of)


def _bucket(scope: Scope) -> Sql:
    return bucket_of(sql("fromUnixTimestamp64Milli(times[1] - {epoch}, 'UTC')", epoch=integer(EPOCH_MS)), scope.buckets)


def _timing() -> tuple[Sql, Sql]:
    """States of the times from the step before, and what is made of them."""
    edges = [timedelta(milliseconds=-1), *BARS]
    bars = [
        sql("took > {above} AND took <= {upto}", above=integer(above // MILLISECOND), upto=integer(upto // MILLISECOND))
        for above, upto in pairwise(edges)
    ]
    bars.append(sql("took > {above}", above=integer(BARS[-1] // MILLISECOND)))
    states = sql(
        ", sum(took) AS took_by_all, quantilesExactInclusiveState(0.5, 0.95)(took) AS levels_of, sumForEach([{bars}]) AS bars_of",
        bars=join(", ", bars),
    )
    merged = sql(
        ", sum(took_by_all) / sum(many) AS average, quantilesExactInclusiveMerge(0.5, 0.95)(levels_of) AS levels,"
        " sumForEach(bars_of) AS bars"
    )
    return states, merged


@dataclass(slots=True)
class _Line:
    """One line of the answer by step; a step nobody reached is in none of these."""

    cell: Cell
    counts: dict[int, int] = field(default_factory=dict[int, int])
    trend: dict[int, dict[int, int]] = field(default_factory=dict[int, dict[int, int]])
    timing: dict[int, Sequence[object]] = field(default_factory=dict[int, Sequence[object]])


def _series(line: _Line, spec: Funnel, course: Course, scope: Scope) -> FunnelResult.Series:
    return FunnelResult.Series(
        cell=line.cell,
        steps=[_step(line, step, course, timed=spec.timing) for step in range(1, course.last + 1)],
        trend=[_entry(bucket, line, course, scope) for bucket in scope.buckets] if spec.trend else [],
    )


def _step(line: _Line, step: int, course: Course, *, timed: bool) -> FunnelResult.Step:
    count, first = line.counts.get(step, 0), line.counts.get(1, 0)
    # An optional step may have been left out by many who went on, so it is no step to compare with.
    before = line.counts.get(course.required_before(step), 0) if step > 1 else first
    found = FunnelResult.Step(count=count, from_first=count / (first or 1), from_previous=count / (before or 1))
    match line.timing.get(step):
        case [float() as average, [float() as median, float() as p95], bars] if timed and step > 1:
            found.average.CopyFrom(_duration(average))
            found.median.CopyFrom(_duration(median))
            found.p95.CopyFrom(_duration(p95))
            counts = cast("list[int]", bars)
            found.histogram.extend(FunnelResult.Bin(upper=upto, count=many) for upto, many in zip(BARS, counts, strict=False))
            found.histogram.add(count=counts[-1])
        case _:
            pass
    return found


def _entry(bucket: Bucket, line: _Line, course: Course, scope: Scope) -> FunnelResult.Entry:
    start = milliseconds(bucket.start)
    # Whoever entered last in it may still go on.
    running = min(bucket.end, scope.range.end) - scope.as_of.now + course.span > timedelta()
    return FunnelResult.Entry(
        start=timestamp(bucket.start),
        partial=bucket.partial or running,
        entered=line.trend.get(1, {}).get(start, 0),
        converted=line.trend.get(course.last, {}).get(start, 0),
    )


def _behind_step(of: ListPersonsRequest.OfFunnel, course: Course) -> list[Sql]:
    first = 2 if of.dropped else 1
    if not first <= of.step <= course.last:
        raise InvalidArgument(
            f"The answer has no such number of step {of.step}.",
            field="funnel.step",
            hint=f"Give one of the steps {first} to {course.last}.",
        )
    reached = sql("has(steps, {step})", step=unsigned(of.step))
    if not of.dropped:
        return [reached]
    return [sql("has(steps, {step})", step=unsigned(course.required_before(of.step))), sql("NOT {reached}", reached=reached)]


def _behind_bucket(of: ListPersonsRequest.OfFunnel, scope: Scope) -> list[Sql]:
    if not of.HasField("entered"):
        return []
    for bucket in scope.buckets:
        if timestamp(bucket.start) == of.entered:
            start, end = (integer(milliseconds(bound) + EPOCH_MS) for bound in (bucket.start, bucket.end))
            return [sql("times[1] >= {start}", start=start), sql("times[1] < {end}", end=end)]
    raise InvalidArgument("The answer has no such bucket.", field="funnel.entered", hint="Give the start of one of its buckets.")


def _behind_cell(cell: Cell, cells: Cells | None) -> list[Sql]:
    names = cells.names if cells else []
    if cell.others or len(cell.values) != len(names):
        raise InvalidArgument(
            f"The answer's cells have {counted(len(names), 'value')}.",
            field="funnel.cell",
            hint="Give a cell as the answer to the query has it.",
        )
    return cells.are(cell) if cells else []


def _duration(milliseconds: float) -> Duration:
    message = Duration()
    message.FromNanoseconds(round(milliseconds * 1_000_000))
    return message
