"""Draws questions of every kind about a world (worlds.py), with every option there is.

The messages are walked by their fields: one that is added to a contract and not said here how to draw raises, and so does a new kind.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Value
from hypothesis import strategies as st

from pug.insights.v1.filter_pb2 import Filter, FilterGroup
from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.funnel_pb2 import Funnel
from pug.insights.v1.insights_pb2 import Compare, Granularity, Insight, QueryRequest, TimeRange, WeekStart
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.retention_pb2 import Retention
from pug.insights.v1.segmentation_pb2 import Segmentation
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends

One = TypeVar("One", bound=Message)

KINDS: tuple[str, ...] = tuple(field.name for field in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields)
COMPARING = ("trends", "segmentation", "sessions")
# Without changes of the clocks, so that every day has as many hours.
STEADY = ("UTC", "Asia/Kathmandu", "America/Phoenix")
ZONES = (*STEADY, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
DAY = timedelta(days=1)
PROPERTY = "property"


def number(most: int, least: int = 0) -> st.SearchStrategy[int]:
    return st.integers(least, most)


def minutes(*choices: int) -> st.SearchStrategy[Duration | None]:
    return st.sampled_from([None, *choices]).map(lambda drawn: None if drawn is None else Duration(seconds=drawn * 60))


# By the path of a field, or by its name alone.
VALUES: Mapping[str, st.SearchStrategy[object]] = {
    "breakdown_limit": number(3),
    "name": st.sampled_from(["a", "a", "b", "c", ""]),
    "EventMatcher.filters": st.lists(st.deferred(lambda: filters()), max_size=1),
    "Breakdown.property": st.sampled_from(["plan", "os", "team"]),
    "Metric.property": st.just("n"),
    PROPERTY: st.just("plan"),
    "series": st.lists(st.deferred(lambda: messages(Trends.Series)), min_size=1, max_size=3),
    "formulas": st.lists(st.sampled_from(["A * 2 - 1", "A / A"]).map(lambda text: Trends.Formula(expression=text)), max_size=1),
    "breakdowns": st.lists(st.deferred(lambda: of_type("Breakdown")), max_size=2),
    "Trends.window": number(4, 2),
    "steps": st.lists(st.deferred(lambda: messages(Funnel.Step)), min_size=2, max_size=4),
    "exclusions": st.lists(st.deferred(lambda: messages(Funnel.Exclusion)), max_size=2),
    "Exclusion.from_step": st.just(0),
    "Exclusion.to_step": st.just(0),
    "Funnel.window": minutes(10, 60, 24 * 60),
    "hold_constant": st.sampled_from([[], [], ["os"], ["os", "n"]]),
    "attribution_step": st.just(1),
    "Retention.return": st.none() | st.deferred(lambda: of_type("EventMatcher")),
    "periods": number(6),
    "brackets": st.lists(number(3, 1), min_size=1, max_size=3),
    "minimum": number(2),
    "Flow.groups": st.sampled_from([[], [Flow.Group(pattern="p*", label="P"), Flow.Group(pattern="?")]]),
    "start": st.sampled_from(["", "", "a", "pro"]),
    "end": st.sampled_from(["", "", "b", "free"]),
    "max_hops": number(4),
    "max_nodes": number(3),
    "max_links": st.sampled_from([0, 0, 2]),
    "gap": minutes(10, 60),
    "limit": number(4),
}


@st.composite
def requests(draw: st.DrawFn, kind: str, start: datetime) -> QueryRequest:
    """A question of a kind, about the days after an instant."""
    insight = Insight(filters=draw(groups()), include_cookieless=draw(st.booleans()))
    (field,) = [field for field in Insight.DESCRIPTOR.fields if field.name == kind]
    spec = draw(messages(GetMessageClass(field.message_type)))
    if kind in MEND:
        MEND[kind](spec, draw)
    getattr(insight, kind).CopyFrom(spec)
    request = QueryRequest(
        insight=insight,
        granularity=draw(st.sampled_from(Granularity.values())),
        time_zone=draw(st.sampled_from(ZONES)),
        week_start=draw(st.sampled_from(WeekStart.values())),
        approximate=draw(st.booleans()),
    )
    ragged = number(20 * 60).map(lambda drawn: timedelta(minutes=drawn))
    first = start + draw(st.just(timedelta()) | ragged)
    by_minute = request.granularity == Granularity.GRANULARITY_MINUTE
    length = timedelta(hours=3) if by_minute else draw(number(6, 1)) * DAY + draw(st.just(timedelta()) | ragged)
    request.time_range.CopyFrom(time_range(first, first + length))
    if kind in COMPARING and draw(st.booleans()):
        comparing(request, start, draw)
    return request


def comparing(request: QueryRequest, start: datetime, draw: st.DrawFn) -> None:
    """Whole days compared with whole days, so that the buckets of both ranges are cut alike."""
    by_hour = draw(st.booleans())
    request.granularity = Granularity.GRANULARITY_HOUR if by_hour else Granularity.GRANULARITY_DAY
    request.time_zone = draw(st.sampled_from(STEADY if by_hour else ZONES))
    midnight = datetime(*start.timetuple()[:3], tzinfo=ZoneInfo(request.time_zone))
    request.time_range.CopyFrom(time_range(midnight, midnight + draw(number(5, 1)) * DAY))
    offset = draw(st.sampled_from([None, 1, 7]))
    request.compare.CopyFrom(Compare(offset=None if offset is None else offset * DAY))


def time_range(start: datetime, end: datetime) -> TimeRange:
    return TimeRange(**{"from": start}, to=end)


@st.composite
def messages(draw: st.DrawFn, of: type[One]) -> One:
    """A message with a value for each of its fields."""
    message = of()
    for field in of.DESCRIPTOR.fields:
        value = draw(values(field))
        if value is None:
            continue
        if field.is_repeated:
            getattr(message, field.name).extend(value)
        elif field.message_type:
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def values(field: FieldDescriptor) -> st.SearchStrategy[object]:
    """What a field of a message may be; None leaves it out."""
    owner: Descriptor = field.containing_type
    for path in (f"{owner.name}.{field.name}", field.name):
        if path in VALUES and not (field.message_type and path in ("start", "name")):
            return VALUES[path]
    if field.enum_type:
        known = [value.number for value in field.enum_type.values if value.name != "SOURCE_SESSION"]
        return st.sampled_from(known)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.message_type and not field.is_repeated:
        return of_type(field.message_type.name)
    raise NotImplementedError(f"Say in VALUES how to draw {field.full_name}.")


def of_type(name: str) -> st.SearchStrategy[Message]:
    file = next(one for one in _messages() if one.name == name)
    return messages(GetMessageClass(file))


def _messages() -> list[Descriptor]:
    files = [Filter.DESCRIPTOR.file, Metric.DESCRIPTOR.file, Insight.DESCRIPTOR.fields_by_name["trends"].message_type.file]
    breakdowns = Segmentation.DESCRIPTOR.fields_by_name["breakdowns"].message_type
    return [breakdowns, *(message for file in files for message in file.message_types_by_name.values())]


def filters() -> st.SearchStrategy[Filter]:
    return st.builds(
        filter_of,
        st.sampled_from(
            [
                ("plan", Filter.OP_IS_NOT, "pro"),
                ("plan", Filter.OP_IS, 3),
                ("n", Filter.OP_GTE, 1),
                ("os", Filter.OP_NOT_CONTAINS, "MA"),
                ("os", Filter.OP_IS_SET),
            ]
        ),
    ) | st.builds(person_filter, st.sampled_from(["x", "y"]))


def filter_of(said: tuple[object, ...]) -> Filter:
    key, op, *values = said
    found = Filter(property=str(key), op=Filter.Op.Name(int(str(op))))
    found.values.extend(Value(string_value=one) if isinstance(one, str) else Value(number_value=float(str(one))) for one in values)
    return found


def person_filter(team: str) -> Filter:
    found = filter_of(("team", Filter.OP_IS, team))
    found.source = 2
    return found


def groups() -> st.SearchStrategy[FilterGroup]:
    flat = st.builds(FilterGroup, match=st.sampled_from(FilterGroup.Match.values()), filters=st.lists(filters(), max_size=2))
    return st.just(FilterGroup()) | st.builds(
        FilterGroup, match=st.sampled_from(FilterGroup.Match.values()), groups=st.lists(flat, max_size=2)
    )


def _mend_trends(spec: Trends, draw: st.DrawFn) -> None:
    adding_up = (Metric.KIND_TOTAL, Metric.KIND_SUM, Metric.KIND_PERSONS, Metric.KIND_SESSIONS)
    if spec.transform == Trends.TRANSFORM_CUMULATIVE:
        for one in spec.series:
            one.metric.kind = draw(st.sampled_from(adding_up))


def _mend_funnel(spec: Funnel, draw: st.DrawFn) -> None:
    last = len(spec.steps)
    in_any_order = spec.order == Funnel.ORDER_ANY_ORDER
    for place, step in enumerate(spec.steps):
        step.optional = step.optional and not in_any_order and 0 < place < last - 1
    for one in spec.exclusions:
        if not in_any_order:
            one.from_step = draw(number(last - 1, 1))
            one.to_step = draw(number(last, one.from_step + 1))
    spec.attribution_step = draw(number(last, 1)) if spec.attribution == Funnel.ATTRIBUTION_STEP else 0


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
