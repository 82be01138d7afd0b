"""What each person did for a retention, in SQL: the cohorts they entered, and in which periods after that they returned."""

from typing import cast

from core.errors import InvalidArgument, MissingField
from core.instants import MILLISECOND, milliseconds
from core.sql import Sql, all_of, any_of, instant, integer, integers, join, sql, text, unsigned
from pug.insights.v1.filter_pb2 import EventMatcher
from pug.insights.v1.retention_pb2 import Retention
from services.insights.breakdowns import Cells
from services.insights.buckets import bucket_number
from services.insights.filters import Placed, all_conditions, event_name, in_list
from services.insights.periods import Periods
from services.insights.ranges import BEGINNING, Range
from services.insights.scope import Scope

# arrayEnumerateUniq numbers the elements of each kind, so those numbered n stand for the kinds there are n of.
_PERSON_COHORTS = """(
    SELECT
        person,
        entry.1 AS started,
        {cohort} AS cohort,{values}
        arrayFilter(period -> period BETWEEN 1 AND {last}, arrayMap(moment -> {period}, moments)) AS in_periods,
        arrayFilter((period, nth) -> nth = {minimum}, in_periods, arrayEnumerateUniq(in_periods)) AS returned_in,
        arrayPushFront({places}, 0) AS places
    FROM
    (
        SELECT person, {entries} AS entries, {moments} AS moments
        FROM {events} AS event
        GROUP BY person
        HAVING {entered}
    )
    ARRAY JOIN entries AS entry{with_order}
)"""
# Each bucket is a cohort, of its first start. Grouping by bucket first takes a third of the time of sorting all starts of each person.
_BY_BUCKET = """(
        SELECT person, max(event.starts) AS starts, minIf(event.at, event.starts) AS at{values}, {moments} AS moments
        FROM {events} AS event
        GROUP BY person, {bucket}
    )"""


def person_cohorts(spec: Retention, field: str, periods: Periods, cells: Cells | None, scope: Scope) -> Sql:
    """A subquery with a row for each person in each of their cohorts.

    Its columns are person, started (milliseconds), cohort (the number of the bucket), places, and with cells also their values, and whether
    this is the person's first cohort in the cell.
    """
    rows, entries, moments = _read(spec, field, periods, cells, scope)
    return sql(
        _PERSON_COHORTS,
        cohort=bucket_number(sql("entry.1"), scope.buckets),
        values=_values(cells),
        last=unsigned(periods.last),
        period=_period(periods),
        minimum=unsigned(periods.minimum),
        places=_places(periods),
        entries=entries,
        moments=moments,
        events=rows,
        entered=_entered(spec, scope),
        with_order=sql(",\n        arrayEnumerateUniq(arrayMap(entry -> entry.2, entries)) AS nth_in_cell" if cells else ""),
    )


def matcher_filters(spec: Retention, field: str) -> list[Placed]:
    """The filters of the start and the return event."""
    start = in_list(spec.start.filters, f"{field}.start.filters")
    return [*start, *in_list(_return_of(spec).filters, f"{field}.return.filters")] if spec.HasField("return") else start


def _values(cells: Cells | None) -> Sql:
    if not cells:
        return sql("")
    values = [
        sql(
            "nullIf(tupleElement(entry.2, {place}), '\\0') AS {name}",
            place=unsigned(place),
            name=name,
        )
        for place, name in enumerate(cells.names, 1)
    ]
    return sql("\n        {values}, nth_in_cell = 1 AS new_to_cell,", values=join(", ", values))


def _period(periods: Periods) -> Sql:
    """How many periods after the start a moment is."""
    if periods.rolling:
        return sql("intDiv(moment - started, {length})", length=integer(periods.rolling // MILLISECOND))
    return sql("moment - cohort")


def _places(periods: Periods) -> Sql:
    """Which counts the periods in which the person returned belong to."""
    if periods.or_after:
        # The latest alone: the counts before it are summed up when they are shaped.
        return sql("if(empty(returned_in), [], [arrayMax(returned_in)])")
    if len(periods.spans) == periods.last:
        return sql("returned_in")
    spans = [place for place, span in enumerate(periods.spans, 1) for _ in range(span.first, span.last + 1)]
    return sql("arrayDistinct(arrayMap(period -> {spans}[period], returned_in))", spans=integers(spans))


def _read(spec: Retention, field: str, periods: Periods, cells: Cells | None, scope: Scope) -> tuple[Sql, Sql, Sql]:
    """What is grouped by person, and of each person when they started, with cells also the values of those events, and their moments."""
    events, moments = _events(spec, field, periods, cells, scope), _moments(periods)
    match spec.entry:
        case Retention.ENTRY_UNSPECIFIED | Retention.ENTRY_FIRST_IN_RANGE | Retention.ENTRY_FIRST_EVER:
            return events, sql("[{entry}]", entry=_entry(sql("minIf(at, starts)"), _first_values(cells))), moments
        case Retention.ENTRY_RECURRING:
            values = [
                sql(", {value} AS {name}", value=value, name=name) for value, name in zip(_first_values(cells), _names(cells), strict=True)
            ]
            rows = sql(
                _BY_BUCKET, values=join("", values), moments=_moments_of_bucket(periods), events=events, bucket=_bucket(periods, scope)
            )
            entries = sql("arraySort(groupArrayIf({entry}, starts))", entry=_entry(sql("at"), _names(cells)))
            return rows, entries, sql("groupArrayArray(moments)")
        case unknown:
            raise InvalidArgument(
                f"There is no entry {unknown}.",
                field=f"{field}.entry",
                hint="Use ENTRY_FIRST_IN_RANGE, ENTRY_FIRST_EVER or ENTRY_RECURRING.",
            )


def _entry(started: Sql, values: list[Sql]) -> Sql:
    if not values:
        return sql("tuple({started})", started=started)
    return sql("({started}, tuple({values}))", started=started, values=join(", ", values))


# Aggregates of tuples take twice as long as those of numbers and texts, so an order is one number, and a value that may be absent a text.
def _first_values(cells: Cells | None) -> list[Sql]:
    return [sql("argMinIf(event.{name}, event.start_order, event.starts)", name=name) for name in _names(cells)]


def _names(cells: Cells | None) -> list[Sql]:
    return cells.names if cells else []


def _entered(spec: Retention, scope: Scope) -> Sql:
    """Whether the person is in any cohort."""
    if spec.entry == Retention.ENTRY_FIRST_EVER:
        return sql("max(starts) AND minIf(at, starts) >= {from}", **{"from": integer(milliseconds(scope.range.start))})
    return sql("max(starts)")


def _moments(periods: Periods) -> Sql:
    """When the person did the return event, as much of it as the periods need."""
    if periods.rolling:
        return sql("groupArrayIf(event.at, event.returns)")
    # Keeping each bucket once would take longer, and two bytes an event are little.
    return sql("groupArrayIf(event.bucket, event.returns)")


def _bucket(periods: Periods, scope: Scope) -> Sql:
    """The cohort of an event that starts, and any bucket for the others."""
    return bucket_number(sql("event.at"), scope.buckets) if periods.rolling else sql("event.bucket")


def _moments_of_bucket(periods: Periods) -> Sql:
    """The moments of one bucket; where one return is enough, its number says it all."""
    return _moments(periods) if periods.rolling or periods.minimum > 1 else sql("if(max(event.returns), [event.bucket], [])")


def _events(spec: Retention, field: str, periods: Periods, cells: Cells | None, scope: Scope) -> Sql:
    """A row for each start or return event."""
    within = periods.returns(scope.range)
    before = sql("occurred_at < {to}", to=instant(scope.range.end))
    since: list[Sql] = []
    if spec.entry == Retention.ENTRY_FIRST_EVER:
        since = [sql("occurred_at >= {from}", **{"from": instant(scope.range.start)})]
        within = Range(BEGINNING, within.end)
    start, returned, where = _matches(spec, field, scope, before, since)
    columns = [
        sql("{person} AS person", person=scope.as_of.people.person()),
        sql("toUnixTimestamp64Milli(occurred_at) AS at"),
        sql("ifNull({start}, false) AS starts", start=start),
        sql("ifNull({returned}, false) AS returns", returned=returned),
        *([] if periods.rolling else [sql("toUInt16({bucket}) AS bucket", bucket=bucket_number(sql("at"), periods.buckets))]),
        # A UUID compares by its second half, but its number as it is written.
        *([sql("bitShiftLeft(toInt256(at), 128) + toUInt128(event_id) AS start_order"), *cells.marked] if cells else []),
    ]
    return scope.events(columns, [*scope.of_persons, where], within)


def _matches(spec: Retention, field: str, scope: Scope, before: Sql, since: list[Sql]) -> tuple[Sql, Sql, Sql]:
    """When an event is a start, when a return, and when one of them."""
    if not spec.HasField("start"):
        raise MissingField("A retention needs an event that begins it.", field=f"{field}.start", hint='For example {"name": "signed_up"}.')
    start = _matcher(spec.start, f"{field}.start", scope)
    returned = _matcher(_return_of(spec), f"{field}.return", scope)
    if start == returned:
        # What both have in common is decided once, ahead of reading more.
        return before, all_of(since), all_of(start)
    starts, returns = all_of([*start, before]), all_of([*returned, *since])
    return starts, returns, any_of([starts, returns])


def _matcher(matcher: EventMatcher, field: str, scope: Scope) -> list[Sql]:
    name = event_name(matcher, field)
    named = [sql("name = {name}", name=text(name))] if name else []
    return [*named, *all_conditions(matcher.filters, f"{field}.filters", scope.as_of)]


def _return_of(spec: Retention) -> EventMatcher:
    # `return` is a keyword, so the message has no attribute of that name.
    return cast("EventMatcher", getattr(spec, "return")) if spec.HasField("return") else spec.start
