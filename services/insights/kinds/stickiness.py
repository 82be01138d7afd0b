"""Stickiness: in how many buckets of the range persons are active."""

from collections.abc import Sequence
from itertools import accumulate

from core.errors import InvalidArgument
from core.sql import Sql, sql, unsigned
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from pug.insights.v1.stickiness_pb2 import Stickiness, StickinessResult
from services.insights.buckets import bucket_of
from services.insights.filters import Placed, in_list, matches
from services.insights.scope import Scope

_FIELD = "insight.stickiness"

_COUNTS = """
SELECT buckets, count() AS persons
FROM {persons} AS person
GROUP BY buckets
ORDER BY buckets"""
# Grouping twice takes half the time of uniqExact(bucket), and less memory than a set for each person.
_PERSONS = """(
    SELECT person, count() AS buckets
    FROM (SELECT person, bucket FROM {rows} AS event GROUP BY person, bucket)
    GROUP BY person
)"""


def plan(spec: Stickiness, scope: Scope) -> Sql:
    """The rows (in exactly how many buckets, how many persons), where there is somebody."""
    _cumulative(spec)
    return sql(_COUNTS, persons=_persons(spec, scope))


def shape(rows: Sequence[Sequence[object]], spec: Stickiness, scope: Scope) -> StickinessResult:
    """The answer: a count for every number of buckets there can be."""
    counts = [0] * len(scope.buckets)
    for row in rows:
        match row:
            case [int() as buckets, int() as persons]:
                counts[buckets - 1] = persons
            case _:
                raise TypeError(f"unexpected row: {row!r}")
    # Everybody is in one count, so those of at least so many buckets are the sum.
    return StickinessResult(counts=[*accumulate(reversed(counts))][::-1] if _cumulative(spec) else counts)


def filters(spec: Stickiness) -> list[Placed]:
    """The filters of the event."""
    return in_list(spec.event.filters, f"{_FIELD}.event.filters")


def persons(spec: Stickiness, of: ListPersonsRequest.OfStickiness, scope: Scope) -> Sql:
    """The persons behind a count."""
    most = len(scope.buckets)
    if not 1 <= of.buckets <= most:
        raise InvalidArgument(
            f"The range has no {of.buckets} buckets.", field="stickiness.buckets", hint=f"Use a number of buckets from 1 to {most}."
        )
    compared = sql("buckets >= {buckets}" if _cumulative(spec) else "buckets = {buckets}", buckets=unsigned(of.buckets))
    return sql("SELECT person FROM {persons} AS person WHERE {compared}", persons=_persons(spec, scope), compared=compared)


def _cumulative(spec: Stickiness) -> bool:
    match spec.mode:
        case Stickiness.MODE_UNSPECIFIED | Stickiness.MODE_EXACT:
            return False
        case Stickiness.MODE_CUMULATIVE:
            return True
        case unknown:
            raise InvalidArgument(f"There is no mode {unknown}.", field=f"{_FIELD}.mode", hint="Use MODE_EXACT or MODE_CUMULATIVE.")


def _persons(spec: Stickiness, scope: Scope) -> Sql:
    person = sql("{person} AS person", person=scope.as_of.people.person())
    bucket = sql("{bucket} AS bucket", bucket=bucket_of(sql("occurred_at"), scope.buckets))
    return sql(_PERSONS, rows=scope.events([person, bucket], [*matches(spec.event, f"{_FIELD}.event", scope.as_of), *scope.of_persons]))
