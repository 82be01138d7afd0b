"""Whatever is asked of whatever happened, a rollup answers as the events do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup, Source
from pug.insights.v1.insights_pb2 import Compare, Granularity, Insight, Meta, QueryRequest, QueryResponse, TimeRange, WeekStart
from pug.insights.v1.lifecycle_pb2 import Lifecycle
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.retention_pb2 import Retention
from pug.insights.v1.segmentation_pb2 import Segmentation
from pug.insights.v1.stickiness_pb2 import Stickiness
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends
from services.insights import engine
from services.insights.hints import Hints
from services.insights.limits import QueryLimits
from services.insights.tables import ROLLUPS
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

NOW = datetime(2026, 4, 20, 12, 0, tzinfo=UTC)
# Around a change of the clocks, and before the first year that ClickHouse's shorter times know.
AROUND = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(1969, 12, 30, tzinfo=UTC))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Monrovia")
IDS = ("ann", "bob", "cid", "dan", "eve", "cookieless-x")
NAMES = ("page_view", "click", "")
# As clients send them, or as what they say of their client, or of the address.
SENT: Sequence[tuple[str, Sequence[object]]] = (
    ("$browser", ("Firefox", "Safari", "", "3", 3, 1.5, True, "true", None, ["Firefox"], {"name": "Firefox"}, "2026-03-29", "it's")),
    ("$os", ("iOS", "", 7, None)),
    ("$utm_source", ("news", "", 5, {"a": 1})),
    ("$pathname", ("/a", "", 4, {"deep": ["x"]})),
    ("$url", ("https://shop.example/a?utm_source=mail&utm_medium=email", "https://shop.example/b", "https://other.example/", "x")),
    ("$referrer", ("https://google.com/", "https://friend.example/x", "")),
    ("plan", ("pro", "free", 3)),
)
CONTEXTS: Sequence[dict[str, object]] = (
    {},
    {"$browser": "Chrome", "$os": "Windows", "$country": "DE"},
    {"$browser": "Firefox", "$country": "FR"},
)
KEYS = (
    "$browser",
    "$os",
    "$country",
    "$hostname",
    "$channel",
    "$referrer_domain",
    "$utm_source",
    "$utm_medium",
    "$pathname",
    "$device",
    "plan",
)
VALUES = ("Firefox", "Chrome", "iOS", "DE", "/a", "mail", "3", "true", "", "Direct", "2026-03-29T00:00:00Z", "fire", "[")
OF_ONE_TEXT = (Filter.OP_IS, Filter.OP_IS_NOT, Filter.OP_CONTAINS, Filter.OP_NOT_CONTAINS, Filter.OP_STARTS_WITH, Filter.OP_ENDS_WITH)
METRICS = (
    *(Metric.KIND_TOTAL, Metric.KIND_PERSONS, Metric.KIND_PER_PERSON, Metric.KIND_TOTAL, Metric.KIND_PERSONS),
    *(Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D, Metric.KIND_SESSIONS),
)
GRAINS = (
    *(Granularity.GRANULARITY_HOUR, Granularity.GRANULARITY_DAY, Granularity.GRANULARITY_DAY),
    *(Granularity.GRANULARITY_WEEK, Granularity.GRANULARITY_MONTH),
)
RETURNED = "return"

moments = st.one_of(
    st.integers(-10 * 24, 10 * 24).map(lambda hours: timedelta(hours=hours)),
    st.integers(-10 * 24, 10 * 24).map(lambda hours: timedelta(hours=hours) - timedelta(milliseconds=1)),
    st.integers(-10 * 86_400_000, 10 * 86_400_000).map(lambda at: timedelta(milliseconds=at)),
)


@st.composite
def happenings(draw: st.DrawFn, around: datetime) -> Happening:
    sent = {key: draw(st.sampled_from(values)) for key, values in SENT if draw(st.booleans())}
    properties = {key: value for key, value in sent.items() if value is not None}
    told = Happening(draw(st.sampled_from(NAMES[:2])), draw(st.sampled_from(IDS)), around + draw(moments), "", properties)
    return replace(told, context=draw(st.sampled_from(CONTEXTS)))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    if draw(st.integers(0, 9)) == 0:
        trait = Filter(property="tier", source=Source.SOURCE_PERSON, op=draw(st.sampled_from([Filter.OP_IS, Filter.OP_IS_NOT])))
        trait.values.add(string_value="gold")
        return trait
    key = draw(st.sampled_from(KEYS))
    match draw(st.sampled_from(["text", "text", "text", "set", "number", "time", "pattern"])):
        case "set":
            return Filter(property=key, op=draw(st.sampled_from([Filter.OP_IS_SET, Filter.OP_IS_NOT_SET])))
        case "number":
            one = Filter(property=key, op=draw(st.sampled_from([Filter.OP_IS, Filter.OP_GT])))
            one.values.add(number_value=draw(st.sampled_from([3, 1.5])))
            return one
        case "time":
            one = Filter(property=key, op=draw(st.sampled_from([Filter.OP_BEFORE, Filter.OP_AFTER])))
            one.values.add(string_value="2026-03-28")
            return one
        case "pattern":
            one = Filter(property=key, op=Filter.OP_MATCHES)
            one.values.add(string_value="^[A-Zm3]")
            return one
        case _:
            one = Filter(property=key, op=draw(st.sampled_from(OF_ONE_TEXT)))
            for value in draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2)):
                one.values.add(string_value=value)
            return one


few_filters = st.lists(filters(), max_size=2).filter(lambda some: len(some) < 2 or len({one.property for one in some}) >= 1)
matchers = st.builds(lambda name, some: EventMatcher(name=name, filters=some), st.sampled_from(NAMES), st.one_of(st.just([]), few_filters))
series = st.builds(lambda event, kind: Trends.Series(event=event, metric=Metric(kind=kind)), matchers, st.sampled_from(METRICS))
breakdowns = st.one_of(
    st.just([]),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True).map(lambda keys: [Breakdown(property=key) for key in keys]),
    st.just([Breakdown(property="tier", source=Source.SOURCE_PERSON)]),
)


@st.composite
def insights_asked(draw: st.DrawFn) -> Insight:
    limit = draw(st.sampled_from([0, 1, 2]))
    match draw(st.sampled_from(["trends", "trends", "segmentation", "top_k", "stickiness", "lifecycle", "retention"])):
        case "trends":
            cumulative = draw(st.booleans())
            asked = draw(st.lists(series.filter(lambda one: not cumulative or one.metric.kind in METRICS[:2]), min_size=1, max_size=3))
            transform = Trends.TRANSFORM_CUMULATIVE if cumulative else Trends.TRANSFORM_NONE
            formulas = draw(st.sampled_from([[], [Trends.Formula(expression="A * 2")]]))
            return Insight(
                trends=Trends(series=asked, formulas=formulas, breakdowns=draw(breakdowns), breakdown_limit=limit, transform=transform)
            )
        case "segmentation":
            asked = draw(st.lists(series, min_size=1, max_size=3))
            return Insight(segmentation=Segmentation(series=asked, breakdowns=draw(breakdowns), breakdown_limit=limit))
        case "top_k":
            dimension = draw(st.sampled_from([TopK.DIMENSION_EVENT_NAME, TopK.DIMENSION_PROPERTY, TopK.DIMENSION_PERSON]))
            key = draw(st.sampled_from(KEYS)) if dimension == TopK.DIMENSION_PROPERTY else ""
            metric = Metric(kind=draw(st.sampled_from(METRICS[:3])))
            return Insight(
                top_k=TopK(
                    scope=draw(matchers), dimension=dimension, property=key, metric=metric, limit=limit, omit_others=draw(st.booleans())
                )
            )
        case "stickiness":
            mode = draw(st.sampled_from([Stickiness.MODE_EXACT, Stickiness.MODE_CUMULATIVE]))
            return Insight(stickiness=Stickiness(event=draw(matchers), mode=mode))
        case "lifecycle":
            return Insight(lifecycle=Lifecycle(event=draw(matchers)))
        case _:
            retention = Retention(
                start=draw(matchers),
                entry=draw(st.sampled_from([Retention.ENTRY_FIRST_IN_RANGE, Retention.ENTRY_FIRST_EVER, Retention.ENTRY_RECURRING])),
                mode=draw(st.sampled_from([Retention.MODE_ON, Retention.MODE_ON_OR_AFTER])),
                clock=draw(st.sampled_from([Retention.CLOCK_CALENDAR, Retention.CLOCK_CALENDAR, Retention.CLOCK_ROLLING])),
                period=draw(st.sampled_from([Retention.PERIOD_HOUR, Retention.PERIOD_DAY, Retention.PERIOD_WEEK])),
                periods=draw(st.integers(1, 4)),
                minimum=draw(st.sampled_from([0, 1, 2])),
                breakdowns=draw(breakdowns) if draw(st.booleans()) else [],
            )
            if draw(st.booleans()):
                getattr(retention, RETURNED).CopyFrom(draw(matchers))
            return Insight(retention=retention)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Happening], QueryRequest]:
    around = draw(st.sampled_from(AROUND))
    insight = draw(insights_asked())
    if draw(st.integers(0, 3)) == 0:
        some = draw(st.lists(filters(), min_size=1, max_size=2))
        insight.filters.CopyFrom(FilterGroup(match=draw(st.sampled_from([FilterGroup.MATCH_ALL, FilterGroup.MATCH_ANY])), filters=some))
    insight.include_cookieless = draw(st.booleans())
    start = around - timedelta(hours=draw(st.integers(12, 8 * 24)))
    end = around + timedelta(hours=draw(st.integers(1, 5 * 24)))
    if draw(st.integers(0, 5)) == 0:
        end += timedelta(minutes=30)
    request = QueryRequest(
        insight=insight,
        time_range=TimeRange(**{"from": start}, to=end),
        granularity=draw(st.sampled_from(GRAINS)),
        time_zone=draw(st.sampled_from(ZONES)),
        week_start=draw(st.sampled_from([WeekStart.WEEK_START_MONDAY, WeekStart.WEEK_START_SUNDAY])),
        approximate=draw(st.booleans()),
    )
    if insight.WhichOneof("kind") in ("trends", "segmentation") and draw(st.booleans()):
        request.compare.CopyFrom(Compare())
    return draw(st.lists(happenings(around), min_size=4, max_size=16)), request


@given(questions(), st.dictionaries(st.sampled_from(IDS[:5]), st.sampled_from(IDS[:5]), max_size=3), st.integers(0, 2**32).map(Random))
@settings(max_examples=150, deadline=None)
async def test_a_rollup_answers_as_the_events_do(
    clickhouse: ClickHouse, asked: tuple[list[Happening], QueryRequest], ties: dict[str, str], random: Random
) -> None:
    events, request = asked
    store, stranger = Store(clickhouse, next_project()), Store(clickhouse, next_project())
    # In two blocks, so that some come late.
    random.shuffle(events)
    await store.tell(*events[::2])
    await stranger.tell(*events[:3])
    await store.tell(*events[1::2])
    if ties:
        roots = {one: root for one, root in ties.items() if root not in ties}
        await store.know(1, ties=roots, traits={root: {"tier": random.choice(["gold", "silver"])} for root in set(roots.values())})

    by_rollup, by_events = [await answered(request, store, rollups) for rollups in (ROLLUPS, ())]

    note(f"{request.insight.WhichOneof('kind')} {Meta.Table.Name(by_rollup.meta.source)}")
    assert by_events.meta.source == Meta.TABLE_RAW
    for one in (by_rollup, by_events):
        for told in ("source", "rows_read", "elapsed"):
            one.meta.ClearField(told)
    assert by_rollup == by_events


async def answered(request: QueryRequest, store: Store, rollups: Sequence[str]) -> QueryResponse:
    call = Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")
    limits = QueryLimits(timedelta(seconds=60), 2**31)
    return await engine.answer(
        request, call, clickhouse=store.clickhouse, now=NOW, limits=limits, hints=Hints(store.clickhouse), rollups=rollups
    )
