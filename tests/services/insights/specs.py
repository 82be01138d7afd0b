"""Draws questions of every kind about a world (worlds.py), with every option there is.

The messages are walked by their fields: one that is added to a contract and not said here how to draw raises, and so does a new kind.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from hypothesis import strategies as st

from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup, Source
from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import Compare, Granularity, Insight, QueryRequest, TimeRange, WeekStart
from pug.insights.v1.lifecycle_pb2 import Lifecycle
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.retention_pb2 import Retention
from pug.insights.v1.segmentation_pb2 import Segmentation
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.stickiness_pb2 import Stickiness
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends

One = TypeVar("One", bound=Message)

KINDS = tuple(field.name for field in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields)
SPECS: Mapping[str, type[Message]] = {
    "trends": Trends,
    "segmentation": Segmentation,
    "funnel": Funnel,
    "retention": Retention,
    "stickiness": Stickiness,
    "lifecycle": Lifecycle,
    "flow": Flow,
    "top_k": TopK,
    "sessions": Sessions,
}
COMPARING = ("trends", "segmentation", "sessions")
# Without changes of the clocks, so that every day has as many hours.
STEADY = ("UTC", "Asia/Kathmandu", "America/Phoenix")
ZONES = (*STEADY, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
DAY = timedelta(days=1)
FILTERS: tuple[tuple[str, Filter.Op, str | float | None], ...] = (
    ("plan", Filter.OP_IS_NOT, "pro"),
    ("plan", Filter.OP_IS, 3),
    ("n", Filter.OP_GTE, 1),
    ("os", Filter.OP_NOT_CONTAINS, "MA"),
    ("os", Filter.OP_IS_SET, None),
)


@st.composite
def requests(draw: st.DrawFn, kind: str, start: datetime) -> QueryRequest:
    """A question of a kind, about the days after an instant."""
    request = QueryRequest(
        insight=Insight(filters=draw(groups()), include_cookieless=draw(st.booleans())),
        granularity=draw(st.sampled_from(Granularity.keys())),
        time_zone=draw(st.sampled_from(ZONES)),
        week_start=draw(st.sampled_from(WeekStart.keys())),
        approximate=draw(st.booleans()),
    )
    spec = draw(messages(SPECS[kind]))
    if kind in MEND:
        MEND[kind](spec, draw)
    getattr(request.insight, kind).CopyFrom(spec)
    if kind in COMPARING and draw(st.booleans()):
        _compare(request, start, draw)
    else:
        first = start + draw(ragged())
        by_minute = request.granularity == Granularity.GRANULARITY_MINUTE
        length = timedelta(hours=3) if by_minute else draw(st.integers(1, 6)) * DAY + draw(ragged())
        request.time_range.CopyFrom(TimeRange(**{"from": first}, to=first + length))
    return request


def ragged() -> st.SearchStrategy[timedelta]:
    return st.just(timedelta()) | st.integers(0, 20 * 60).map(lambda drawn: timedelta(minutes=drawn))


def _compare(request: QueryRequest, start: datetime, draw: st.DrawFn) -> None:
    """Whole days with whole days, so that the buckets of both ranges are cut alike."""
    by_hour = draw(st.booleans())
    request.granularity = Granularity.GRANULARITY_HOUR if by_hour else Granularity.GRANULARITY_DAY
    request.time_zone = draw(st.sampled_from(STEADY if by_hour else ZONES))
    midnight = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(request.time_zone))
    request.time_range.CopyFrom(TimeRange(**{"from": midnight}, to=midnight + draw(st.integers(1, 5)) * DAY))
    request.compare.CopyFrom(Compare(offset=draw(st.sampled_from([None, DAY, 7 * DAY]))))


@st.composite
def messages(draw: st.DrawFn, of: type[One]) -> One:
    """A message with a value for each of its fields."""
    message = of()
    for field in cast("Descriptor", of.DESCRIPTOR).fields:
        value = draw(_values(of.DESCRIPTOR.name, field))
        if value is None:
            continue
        if field.is_repeated:
            getattr(message, field.name).extend(value)
        elif field.message_type:
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def _values(message: str, field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """What a field of a message may be; None leaves it out."""
    for path in (f"{message}.{field.name}", field.name):
        if path in VALUES:
            return VALUES[path]
    if field.enum_type:
        # No property of a session can be asked for yet.
        return st.sampled_from([value.number for value in field.enum_type.values if value.name != "SOURCE_SESSION"])
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    raise NotImplementedError(f"Say in VALUES how to draw {message}.{field.name}.")


def several(of: type[Message], most: int, least: int = 0) -> st.SearchStrategy[list[Message]]:
    return st.lists(messages(of), min_size=least, max_size=most)


def minutes(*choices: int) -> st.SearchStrategy[Duration | None]:
    return st.none() | st.sampled_from(choices).map(lambda drawn: Duration(seconds=drawn * 60))


def filters() -> st.SearchStrategy[Filter]:
    of_event = st.sampled_from(FILTERS).map(lambda drawn: filter_of(*drawn))
    return of_event | st.sampled_from("xy").map(lambda team: filter_of("team", Filter.OP_IS, team, Source.SOURCE_PERSON))


def filter_of(key: str, op: Filter.Op, value: str | float | None = None, source: Source = Source.SOURCE_EVENT) -> Filter:
    values = [] if value is None else [Value(string_value=value) if isinstance(value, str) else Value(number_value=value)]
    return Filter(property=key, op=Filter.Op.Name(op), values=values, source=Source.Name(source))


def groups() -> st.SearchStrategy[FilterGroup]:
    match = st.sampled_from(FilterGroup.Match.values())
    flat = st.builds(FilterGroup, match=match, filters=st.lists(filters(), max_size=2))
    return st.just(FilterGroup()) | st.just(FilterGroup()) | st.builds(FilterGroup, match=match, groups=st.lists(flat, max_size=2))


# By the path of a field, or by its name alone.
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["a", "a", "b", "c", ""]),
    "EventMatcher.filters": st.just([]) | st.lists(filters(), max_size=1),
    "event": st.deferred(lambda: messages(EventMatcher)),
    "scope": st.none() | st.deferred(lambda: messages(EventMatcher)),
    "Breakdown.property": st.sampled_from(["plan", "os", "team"]),
    "breakdowns": st.deferred(lambda: several(Breakdown, 2)),
    "breakdown_limit": st.sampled_from([0, 1, 1, 2]),
    "Metric.property": st.just("n"),
    "metric": st.deferred(lambda: messages(Metric)),
    "property": st.just("plan"),
    "series": st.deferred(lambda: several(Trends.Series, 3, least=1)),
    "formulas": st.lists(st.sampled_from(["A * 2 - 1", "A / A"]).map(lambda text: Trends.Formula(expression=text)), max_size=1),
    "Trends.window": st.integers(2, 4),
    "steps": st.deferred(lambda: several(Funnel.Step, 3, least=2)),
    "exclusions": st.deferred(lambda: several(Funnel.Exclusion, 1)),
    "from_step": st.just(0),
    "to_step": st.just(0),
    "Funnel.window": minutes(10, 60, 24 * 60),
    "hold_constant": st.sampled_from([[], [], ["os"], ["os", "n"]]),
    "attribution_step": st.just(1),
    "Retention.start": st.deferred(lambda: messages(EventMatcher)),
    "return": st.none() | st.deferred(lambda: messages(EventMatcher)),
    "periods": st.integers(0, 6),
    # A range of days may be too long for minutes.
    "interval": st.sampled_from([value for value in Granularity.values() if value != Granularity.GRANULARITY_MINUTE]),
    "brackets": st.lists(st.integers(1, 3), min_size=1, max_size=3),
    "minimum": st.integers(0, 2),
    "Flow.groups": st.sampled_from([[], [Flow.Group(pattern="p*", label="P"), Flow.Group(pattern="?")]]),
    "Flow.start": st.sampled_from(["", "", "a", "pro"]),
    "Flow.end": st.sampled_from(["", "", "b", "free"]),
    "max_hops": st.integers(0, 4),
    "max_nodes": st.integers(0, 3),
    "max_links": st.sampled_from([0, 0, 2]),
    "gap": minutes(10, 60),
    "TopK.limit": st.integers(0, 4),
    # An enum in all others, which is a message in series and top K.
    "Sessions.metric": st.sampled_from(Sessions.Metric.values()),
}


def _mend_trends(spec: Trends, draw: st.DrawFn) -> None:
    if spec.transform == Trends.TRANSFORM_CUMULATIVE:
        for one in spec.series:
            one.metric.kind = draw(st.sampled_from([Metric.KIND_TOTAL, Metric.KIND_SUM, Metric.KIND_PERSONS, Metric.KIND_SESSIONS]))


def _mend_funnel(spec: Funnel, draw: st.DrawFn) -> None:
    last, in_any_order = len(spec.steps), spec.order == Funnel.ORDER_ANY_ORDER
    for place, step in enumerate(spec.steps):
        step.optional = step.optional and not in_any_order and 0 < place < last - 1
    for one in spec.exclusions:
        if not in_any_order:
            one.from_step = draw(st.integers(1, last - 1))
            one.to_step = draw(st.integers(one.from_step + 1, last))
    spec.attribution_step = draw(st.integers(1, last)) if spec.attribution == Funnel.ATTRIBUTION_STEP else 0


def _mend_retention(spec: Retention, _draw: st.DrawFn) -> None:
    if spec.mode == Retention.MODE_BRACKETS:
        spec.periods = 0
    else:
        del spec.brackets[:]


def _mend_flow(spec: Flow, _draw: st.DrawFn) -> None:
    if spec.unit != Flow.UNIT_PERSON:
        spec.ClearField("gap")


def _mend_top_k(spec: TopK, draw: st.DrawFn) -> None:
    if spec.dimension != TopK.DIMENSION_PROPERTY:
        spec.property = ""
    if spec.metric.kind in (Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D):
        spec.metric.kind = draw(st.sampled_from([Metric.KIND_TOTAL, Metric.KIND_PERSONS]))


def _mend_sessions(spec: Sessions, _draw: st.DrawFn) -> None:
    if spec.metric in (Sessions.METRIC_ENTRY, Sessions.METRIC_EXIT):
        del spec.breakdowns[:]


# What one field means for another.
MEND: Mapping[str, Callable[..., None]] = {
    "trends": _mend_trends,
    "funnel": _mend_funnel,
    "retention": _mend_retention,
    "flow": _mend_flow,
    "top_k": _mend_top_k,
    "sessions": _mend_sessions,
}
