"""Lifecycle: who of the active is new, who has stayed, who has come back and who has gone.

All of somebody's matching events are read, back to the first ever, but of each only the slot of time it falls in: the buckets of the range
are the slots 1 to n, the whole bucket before them is slot 0, and what makes nobody active is a slot below: the rest of the past, and what a
range that cuts its first bucket leaves out of it.
"""

from collections.abc import Sequence
from typing import LiteralString

from core.errors import InvalidArgument, MissingField
from core.instants import MILLISECOND, milliseconds, timestamp
from core.sql import Sql, integer, integers, sql
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.lifecycle_pb2 import Lifecycle, LifecycleResult
from pug.insights.v1.trends_pb2 import TrendsResult
from services.insights.filters import Placed, in_list, matches
from services.insights.scope import Scope

_Of = ListPersonsRequest.OfLifecycle

_FIELD = "insight.lifecycle"
_PAST, _LEFT_OUT, _BEFORE = -2, -1, 0

# Of each slot of a person, which of theirs come right before it and after it; no slot is -9.
_COUNTS = """
SELECT
    slot,
    countIf(slot = first) AS new,
    countIf(slot_before = slot - 1) AS returning,
    countIf(slot != first AND slot_before != slot - 1) AS resurrecting,
    countIf(slot_after != slot + 1) AS dormant_next
FROM
(
    SELECT slots[1] AS first, slot, slot_before, slot_after
    FROM {persons} AS person
    ARRAY JOIN
        slots AS slot,
        arrayPushFront(arrayPopBack(slots), -9) AS slot_before,
        arrayPushBack(arrayPopFront(slots), -9) AS slot_after
)
WHERE slot >= 0
GROUP BY slot
ORDER BY slot"""
# Grouping twice takes less time, and less memory, than a set of slots for each person.
_PERSONS = """(
    SELECT person, arraySort(groupArray(slot)) AS slots
    FROM (SELECT person, slot FROM {rows} AS event GROUP BY person, slot)
    GROUP BY person
    HAVING max(slot) >= 0
)"""
_STATES: dict[int, LiteralString] = {
    _Of.STATE_NEW: "slots[1] = {slot}",
    _Of.STATE_RETURNING: "has(slots, {slot}) AND has(slots, {slot} - 1)",
    _Of.STATE_RESURRECTING: "has(slots, {slot}) AND NOT has(slots, {slot} - 1) AND slots[1] != {slot}",
    _Of.STATE_DORMANT: "has(slots, {slot} - 1) AND NOT has(slots, {slot})",
}


def plan(spec: Lifecycle, scope: Scope) -> Sql:
    """The rows (slot, new, returning, resurrecting, dormant in the slot after it), where somebody is active."""
    return sql(_COUNTS, persons=_persons(spec, scope))


def shape(rows: Sequence[Sequence[object]], scope: Scope) -> LifecycleResult:
    """The answer: every bucket, 0 where nobody is in a state."""
    # From slot 0 to one after the last bucket, which has not been asked about.
    counts = [[0, 0, 0, 0] for _ in range(len(scope.buckets) + 2)]
    for row in rows:
        match row:
            case [int() as slot, int() as new, int() as returning, int() as resurrecting, int() as dormant]:
                counts[slot][:3] = new, returning, resurrecting
                counts[slot + 1][3] = -dormant
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    in_range = counts[1:-1]
    return LifecycleResult(
        buckets=[TrendsResult.Bucket(start=bucket.start, partial=bucket.partial) for bucket in scope.buckets],
        new=[new for new, _, _, _ in in_range],
        returning=[returning for _, returning, _, _ in in_range],
        resurrecting=[resurrecting for _, _, resurrecting, _ in in_range],
        dormant=[dormant for _, _, _, dormant in in_range],
    )


def filters(spec: Lifecycle) -> list[Placed]:
    """The filters of the event."""
    return in_list(spec.event.filters, f"{_FIELD}.event.filters")


def persons(spec: Lifecycle, of: ListPersonsRequest.OfLifecycle, scope: Scope) -> Sql:
    """The persons in a state in a bucket."""
    if (state := _STATES.get(of.state)) is None:
        raise MissingField("Say in which state.", field="lifecycle.state", hint="Use one such as STATE_NEW or STATE_DORMANT.")
    slot = integer(_place(of, scope) + 1)
    return sql("SELECT person FROM {persons} AS person WHERE {state}", persons=_persons(spec, scope), state=sql(state, slot=slot))


def _place(of: ListPersonsRequest.OfLifecycle, scope: Scope) -> int:
    if not of.HasField("bucket"):
        raise MissingField("Say in which bucket.", field="lifecycle.bucket", hint="Take its start from the answer's `buckets`.")
    starts = [timestamp(bucket.start) for bucket in scope.buckets]
    if of.bucket not in starts:
        raise InvalidArgument(
            "No bucket of the answer starts there.", field="lifecycle.bucket", hint="Take it from the answer's `buckets`."
        )
    return starts.index(of.bucket)


def _persons(spec: Lifecycle, scope: Scope) -> Sql:
    """One row for each person active in the range or in the bucket before it, with the slots they have events in, in order."""
    person = sql("{person} AS person", person=scope.as_of.people.person())
    slot = sql("{slot} AS slot", slot=_slot(scope))
    where = [*matches(spec.event, f"{_FIELD}.event", scope.as_of), *scope.of_persons]
    return sql(_PERSONS, rows=scope.events([person, slot], where, within=scope.history))


def _slot(scope: Scope) -> Sql:
    first, *later = scope.buckets
    slots = [(scope.bucket_before.start - MILLISECOND, _PAST), (scope.bucket_before.start, _BEFORE)]
    if first.start < scope.range.start:
        slots.append((first.start, _LEFT_OUT))
    slots.append((max(first.start, scope.range.start), 1))
    slots.extend((bucket.start, number) for number, bucket in enumerate(later, start=2))
    return sql(
        # What is before the first of the starts is rounded up to it.
        "transform(roundDown(toUnixTimestamp64Milli(occurred_at), {starts}), {starts}, {slots})",
        starts=integers([milliseconds(start) for start, _ in slots]),
        slots=integers([slot for _, slot in slots]),
    )
