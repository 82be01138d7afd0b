"""The lettered series of an insight: which events are in each, and what is calculated of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from string import ascii_uppercase

from core.errors import MissingField, TooMany
from core.sql import Sql, all_of, integers, join, numbered, sql, text, texts, unsigned
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.trends_pb2 import Trends
from services.insights.filters import Placed, all_conditions, event_name, in_list
from services.insights.metrics import TRAILING, Aggregate, Measure, measure_of
from services.insights.scope import Scope


@dataclass(frozen=True, slots=True)
class Series:
    """A series, numbered from 1; `trailing` is how long a rolling one looks back from the end of each bucket."""

    number: int
    name: str
    filters: list[Sql]
    counted: list[Sql]
    measure: Measure
    trailing: timedelta | None

    def matches(self) -> list[Sql]:
        """What holds for the events it counts."""
        named = [sql("name = {name}", name=text(self.name))] if self.name else []
        return [*named, *self.filters, *self.counted]


def series_of(asked: Sequence[Trends.Series], field: str, scope: Scope) -> list[Series]:
    """The series of the list `series` of a message; `field` is the path of the message."""
    if not asked:
        raise MissingField(
            "There has to be at least one series.", field=f"{field}.series", hint='For example [{"event": {"name": "signed_up"}}].'
        )
    if len(asked) > len(ascii_uppercase):
        raise TooMany(f"There are at most {len(ascii_uppercase)} series.", field=f"{field}.series", hint="Ask in two queries.")
    return [_one(one, place + 1, f"{field}.series[{place}]", scope) for place, one in enumerate(asked)]


def filters_of(asked: Sequence[Trends.Series], field: str) -> list[Placed]:
    """The filters of every series; `field` is the path of the message with the list `series`."""
    return [found for place, one in enumerate(asked) for found in in_list(one.event.filters, f"{field}.series[{place}].event.filters")]


def rows_of(series: list[Series], scope: Scope, columns: list[Sql], where: Sequence[Sql] = ()) -> Sql:
    """One row for each event and series it belongs to."""
    columns = list(dict.fromkeys([*columns, *(column for one in series for column in one.measure.columns)]))
    if len(series) == 1:
        return scope.events(columns, [*series[0].matches(), *where])
    memberships = [sql("ifNull({matches}, false) * {bit}", matches=all_of(one.matches()), bit=unsigned(2**one.number)) for one in series]
    each = sql("arrayJoin(bitPositionsToArray({memberships})) AS series", memberships=join(" + ", memberships))
    names = sorted({one.name for one in series})
    # All together they let ClickHouse skip the events of no series by the primary key.
    named = [sql("name IN {names}", names=texts(names))] if all(names) else []
    return scope.events([each, *columns], [*named, *where])


def series_column(series: list[Series]) -> Sql:
    """The number of the series of a row of those rows, called `event`."""
    return sql("{series}", series=unsigned(series[0].number)) if len(series) == 1 else sql("event.series")


def value_of(series: list[Series], rows: Sql | None = None) -> Sql:
    """The value of a group of those rows of one series, or of those of them for which `rows` holds."""
    if len(series) == 1:
        return series[0].measure.value(rows)
    restricted = [rows] if rows else []
    values = [
        one.measure.value(join(" AND ", [sql("event.series = {series}", series=unsigned(one.number)), *restricted])) for one in series
    ]
    return _of_its_series(values, series, sql("event.series"))


def _of_its_series(values: list[Sql], series: list[Series], number: Sql) -> Sql:
    """The value for the series of a row."""
    numbers = integers([one.number for one in series])
    return sql("[{values}][indexOf({all_series}, {number})]", values=join(", ", values), all_series=numbers, number=number)


def states_of(series: list[Series]) -> list[Sql]:
    """Columns for a group of those rows from which the values can be had of several groups together."""
    return [
        sql("{state} AS {name}", state=aggregate.state(_rows_of_one(one, series)), name=name)
        for one in series
        for aggregate, name in zip(one.measure.aggregates, _states(one), strict=True)
    ]


def merged(series: list[Series], rows: Sql | None = None, window: Sql | None = None) -> Sql:
    """The value over rows with those columns and a number `series`, or over those of them for which `rows` holds; maybe in a window."""
    over = sql(" OVER {window}", window=window) if window else sql("")
    return _of_states(series, lambda aggregate, state: sql("{value}{over}", value=aggregate.merged(state, rows), over=over))


def finished(series: list[Series]) -> Sql:
    """The value of one row with those columns and a number `series`."""
    return _of_states(series, Aggregate.finished)


def _of_states(series: list[Series], read: Callable[[Aggregate, Sql], Sql]) -> Sql:
    values = [
        one.measure.result([read(aggregate, name) for aggregate, name in zip(one.measure.aggregates, _states(one), strict=True)])
        for one in series
    ]
    return values[0] if len(values) == 1 else _of_its_series(values, series, sql("series"))


def _states(one: Series) -> list[Sql]:
    # Of a metric there are two at most.
    return [numbered("state", 2 * one.number + place) for place, _ in enumerate(one.measure.aggregates)]


def _rows_of_one(one: Series, series: list[Series]) -> Sql | None:
    return sql("event.series = {series}", series=unsigned(one.number)) if len(series) > 1 else None


def _one(asked: Trends.Series, number: int, field: str, scope: Scope) -> Series:
    trailing = TRAILING.get(asked.metric.kind)
    metric = Metric(kind=Metric.KIND_PERSONS) if trailing else asked.metric
    measure = measure_of(metric, number, f"{field}.metric", scope.as_of, approximate=scope.approximate and not trailing)
    return Series(
        number=number,
        name=event_name(asked.event, f"{field}.event"),
        filters=all_conditions(asked.event.filters, f"{field}.event.filters", scope.as_of),
        counted=scope.of_persons if measure.of_persons else [],
        measure=measure,
        trailing=trailing,
    )
