"""Whatever is asked of whatever happened, a rollup answers as the events do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.instruments import Instruments
from core.sql import Sql
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup, Source
from pug.insights.v1.insights_pb2 import Compare, Granularity, Insight, Meta, QueryRequest, QueryResponse, TimeRange, WeekStart
from pug.insights.v1.lifecycle_pb2 import Lifecycle
from pug.insights.v1.metric_pb2 import Metric
from pug.insights.v1.retention_pb2 import Retention
from pug.insights.v1.segmentation_pb2 import Segmentation
from pug.insights.v1.sessions_pb2 import Sessions
from pug.insights.v1.stickiness_pb2 import Stickiness
from pug.insights.v1.top_k_pb2 import TopK
from pug.insights.v1.trends_pb2 import Trends
from services.insights import engine
from services.insights.hints import Hints
from services.insights.limits import QueryLimits, limited
from services.insights.patterns import KnownPatterns
from services.insights.result_cache import Result
from services.insights.tables import ROLLUPS
from services.insights.turns import AtOnce, Turns
from services.insights.watch import QueryWatch
from services.rpc.call import Call, Credential, Project, Scope
from story import Happening, Store, next_project

NOW = datetime(2026, 4, 20, 12, 0, tzinfo=UTC)
# Around a change of the clocks, and before the first year that ClickHouse's shorter times know.
AROUND = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(1969, 12, 30, tzinfo=UTC))
# All of them whole hours from UTC, then and now.
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
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
# What the activity is kept by; the totals have `$pathname` too.
KEPT = (
    *("$browser", "$os", "$device", "$country", "$hostname", "$channel", "$referrer_domain"),
    *("$utm_source", "$utm_medium", "$utm_campaign"),
)
DERIVED = ("$country", "$channel", "$referrer_domain")
VALUES = ("Firefox", "Chrome", "iOS", "DE", "mail", "3", "true", "", "Direct", "2026-03-29T00:00:00Z", "fire", "[")
OF_ONE_TEXT = (Filter.OP_IS, Filter.OP_IS_NOT, Filter.OP_CONTAINS, Filter.OP_NOT_CONTAINS, Filter.OP_STARTS_WITH, Filter.OP_ENDS_WITH)
ADDING_UP = (Metric.KIND_TOTAL, Metric.KIND_PERSONS)
METRICS = (*ADDING_UP, Metric.KIND_PER_PERSON, Metric.KIND_ACTIVE_7D, Metric.KIND_ACTIVE_30D)
# Persons of one name by day are counted in a way of their own.
KINDS = ("persons of days", "persons of days", "trends", "segmentation", "top_k", "stickiness", "lifecycle", "retention", "sessions")
OF_SESSIONS = (
    *(Sessions.METRIC_SESSIONS, Sessions.METRIC_AVG_DURATION, Sessions.METRIC_MEDIAN_DURATION),
    *(Sessions.METRIC_BOUNCE_RATE, Sessions.METRIC_EVENTS_PER_SESSION),
)
GRAINS: tuple[Granularity, ...] = (
    *(Granularity.GRANULARITY_HOUR, Granularity.GRANULARITY_DAY, Granularity.GRANULARITY_DAY),
    *(Granularity.GRANULARITY_WEEK, Granularity.GRANULARITY_MONTH),
)
RETURNED = "return"

# An hour's first moment, its last, and any.
moments = st.one_of(
    st.integers(-4 * 24, 3 * 24).map(lambda hours: timedelta(hours=hours)),
    st.integers(-4 * 24, 3 * 24).map(lambda hours: timedelta(hours=hours) - timedelta(milliseconds=1)),
    st.integers(-4 * 86_400_000, 3 * 86_400_000).map(lambda at: timedelta(milliseconds=at)),
    # Days on which several did something.
    st.integers(-2, 1).map(lambda days: timedelta(days=days)),
)


@st.composite
def happenings(draw: st.DrawFn, around: datetime) -> Happening:
    sent = {key: draw(st.sampled_from(values)) for key, values in SENT if draw(st.booleans())}
    properties = {key: value for key, value in sent.items() if value is not None}
    told = Happening(
        draw(st.sampled_from(NAMES[:2])),
        draw(st.sampled_from(IDS)),
        around + draw(moments),
        draw(st.sampled_from(["", "s1", "s2"])),
        properties,
    )
    return replace(told, context=draw(st.sampled_from(CONTEXTS)))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    match draw(st.sampled_from(["text", "text", "text", "text", "set", "time", "pattern", "trait"])):
        case "set":
            return Filter(property=draw(st.sampled_from(DERIVED)), op=draw(st.sampled_from([Filter.OP_IS_SET, Filter.OP_IS_NOT_SET])))
        case "time":
            return comparing(draw(st.sampled_from(KEPT)), draw(st.sampled_from([Filter.OP_BEFORE, Filter.OP_AFTER])), "2026-03-28")
        case "pattern":
            return comparing(draw(st.sampled_from(KEPT)), draw(st.sampled_from([Filter.OP_MATCHES, Filter.OP_NOT_MATCHES])), "^[A-Zm3]")
        case "trait":
            trait = comparing("tier", draw(st.sampled_from([Filter.OP_IS, Filter.OP_IS_NOT])), "gold")
            trait.source = Source.SOURCE_PERSON
            return trait
        case _:
            values = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2))
            return comparing(draw(st.sampled_from(KEPT)), draw(st.sampled_from(OF_ONE_TEXT)), *values)


def comparing(key: str, op: Filter.Op, *values: str) -> Filter:
    asked = Filter(property=key, op=op)
    for value in values:
        asked.values.add(string_value=value)
    return asked


@st.composite
def matchers(draw: st.DrawFn) -> EventMatcher:
    return EventMatcher(name=draw(st.sampled_from(NAMES)), filters=draw(st.lists(filters(), max_size=2)) if draw(st.booleans()) else [])


@st.composite
def series(draw: st.DrawFn, metrics: Sequence[Metric.Kind]) -> list[Trends.Series]:
    kinds = draw(st.lists(st.sampled_from(metrics), min_size=1, max_size=3))
    return [Trends.Series(event=draw(matchers()), metric=Metric(kind=kind)) for kind in kinds]


@st.composite
def breakdowns(draw: st.DrawFn) -> list[Breakdown]:
    if draw(st.integers(0, 6)) == 0:
        return [Breakdown(property="tier", source=Source.SOURCE_PERSON)]
    return [Breakdown(property=key) for key in draw(st.lists(st.sampled_from(KEPT), max_size=2, unique=True))]


@st.composite
def insights_asked(draw: st.DrawFn) -> Insight:  # noqa: PLR0911 (one for each kind)
    """What a rollup can answer."""
    limit = draw(st.sampled_from([0, 1, 2]))
    match draw(st.sampled_from(KINDS)):
        case "persons of days":
            names = draw(st.lists(st.sampled_from(NAMES[:2]), min_size=1, max_size=2))
            persons = [Trends.Series(event=EventMatcher(name=name), metric=Metric(kind=Metric.KIND_PERSONS)) for name in names]
            return Insight(trends=Trends(series=persons))
        case "trends":
            cumulative = draw(st.booleans())
            return Insight(
                trends=Trends(
                    series=draw(series(ADDING_UP if cumulative else METRICS)),
                    formulas=[Trends.Formula(expression="A * 2")] if draw(st.booleans()) else [],
                    breakdowns=draw(breakdowns()),
                    breakdown_limit=limit,
                    transform=Trends.TRANSFORM_CUMULATIVE if cumulative else Trends.TRANSFORM_NONE,
                )
            )
        case "segmentation":
            return Insight(segmentation=Segmentation(series=draw(series(METRICS)), breakdowns=draw(breakdowns()), breakdown_limit=limit))
        case "top_k":
            return Insight(top_k=draw(top_ks(limit)))
        case "stickiness":
            mode = draw(st.sampled_from([Stickiness.MODE_EXACT, Stickiness.MODE_CUMULATIVE]))
            return Insight(stickiness=Stickiness(event=draw(matchers()), mode=mode))
        case "lifecycle":
            return Insight(lifecycle=Lifecycle(event=draw(matchers())))
        case "retention":
            return Insight(retention=draw(retentions()))
        case _:
            sessions = Sessions(metric=draw(st.sampled_from(OF_SESSIONS)), scope=EventMatcher(name=draw(st.sampled_from(["", NAMES[0]]))))
            # A keyword can only be set by name.
            setattr(sessions, "as", draw(st.sampled_from([Sessions.AS_TRENDS, Sessions.AS_SEGMENTATION])))
            return Insight(sessions=sessions)


@st.composite
def top_ks(draw: st.DrawFn, limit: int) -> TopK:
    if draw(st.integers(0, 4)) == 0:
        # Kept by totals alone.
        return TopK(scope=EventMatcher(name=NAMES[0]), dimension=TopK.DIMENSION_PROPERTY, property="$pathname", limit=limit)
    dimension = draw(st.sampled_from([TopK.DIMENSION_EVENT_NAME, TopK.DIMENSION_PROPERTY, TopK.DIMENSION_PERSON]))
    return TopK(
        scope=draw(matchers()),
        dimension=dimension,
        property=draw(st.sampled_from(KEPT)) if dimension == TopK.DIMENSION_PROPERTY else "",
        metric=Metric(kind=draw(st.sampled_from(METRICS[:3]))),
        limit=limit,
        omit_others=draw(st.booleans()),
    )


@st.composite
def retentions(draw: st.DrawFn) -> Retention:
    asked = Retention(
        start=draw(matchers()),
        entry=draw(st.sampled_from([Retention.ENTRY_FIRST_IN_RANGE, Retention.ENTRY_FIRST_EVER, Retention.ENTRY_RECURRING])),
        mode=draw(st.sampled_from([Retention.MODE_ON, Retention.MODE_ON_OR_AFTER])),
        period=draw(st.sampled_from([Retention.PERIOD_HOUR, Retention.PERIOD_DAY, Retention.PERIOD_WEEK])),
        periods=draw(st.integers(1, 4)),
        minimum=draw(st.integers(0, 1)),
    )
    if draw(st.booleans()):
        getattr(asked, RETURNED).CopyFrom(draw(matchers()))
    return asked


@st.composite
def requests(draw: st.DrawFn, around: datetime) -> QueryRequest:
    """What a rollup can answer, of a range of whole hours."""
    insight = draw(insights_asked())
    if draw(st.integers(0, 3)) == 0:
        some = draw(st.lists(filters(), min_size=1, max_size=2))
        insight.filters.CopyFrom(FilterGroup(match=draw(st.sampled_from([FilterGroup.MATCH_ALL, FilterGroup.MATCH_ANY])), filters=some))
        # Of pages, and of sessions, nothing else is kept.
        if insight.top_k.property == "$pathname" or insight.HasField("sessions"):
            insight.ClearField("filters")
    insight.include_cookieless = draw(st.booleans())
    # Days of UTC have rollups of their own.
    hours = draw(st.sampled_from([1, 24, 24]))
    start = around - timedelta(hours=hours * draw(st.integers(1, 8)))
    request = QueryRequest(
        insight=insight,
        time_range=TimeRange(**{"from": start}, to=around + timedelta(hours=hours * draw(st.integers(1, 5)))),
        granularity=draw(st.sampled_from(GRAINS)),
        time_zone="UTC" if hours > 1 else draw(st.sampled_from(ZONES)),
        week_start=draw(st.sampled_from([WeekStart.WEEK_START_MONDAY, WeekStart.WEEK_START_SUNDAY])),
        approximate=draw(st.booleans()),
    )
    if insight.WhichOneof("kind") in ("trends", "segmentation") and draw(st.booleans()):
        request.compare.CopyFrom(Compare())
    return request


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Happening], dict[str, str], list[QueryRequest]]:
    """What happened, who is tied to whom, and what is asked."""
    around = draw(st.sampled_from(AROUND))
    ties = draw(st.dictionaries(st.sampled_from(IDS[:5]), st.sampled_from(IDS[:5]), max_size=3))
    return (
        draw(st.lists(happenings(around), min_size=6, max_size=24)),
        {one: root for one, root in ties.items() if root not in ties},
        draw(st.lists(requests(around), min_size=4, max_size=8)),
    )


@given(stories(), st.integers(0, 2**32).map(Random))
@settings(max_examples=20, deadline=None)
async def test_a_rollup_answers_as_the_events_do(
    clickhouse: ClickHouse, story: tuple[list[Happening], dict[str, str], list[QueryRequest]], random: Random
) -> None:
    events, ties, asked = story
    store, stranger = Store(clickhouse, next_project()), Store(clickhouse, next_project())
    # In two blocks, so that some come late.
    random.shuffle(events)
    await store.tell(*events[::2])
    await stranger.tell(*events[:3])
    await store.tell(*events[1::2])
    if ties:
        # Many ties are looked up in another way than few.
        await store.know(
            random.choice([1, 60_000]), ties=ties, traits={root: {"tier": random.choice(["gold", "silver"])} for root in set(ties.values())}
        )

    for request in asked:
        by_rollup, by_events = [await answered(request, store, rollups) for rollups in (ROLLUPS, ())]

        assert (by_rollup.meta.source, by_events.meta.source) == (Meta.TABLE_ROLLUP, Meta.TABLE_RAW), request
        for one in (by_rollup, by_events):
            for told in ("source", "rows_read", "elapsed"):
                one.meta.ClearField(told)
        assert by_rollup == by_events, request


@given(
    st.sets(st.tuples(st.sampled_from(IDS), st.integers(-3, 1)), min_size=8),
    st.dictionaries(st.sampled_from(IDS[:3]), st.sampled_from(IDS[3:5]), min_size=1),
    st.sampled_from(GRAINS[1:]),
)
@settings(max_examples=20, deadline=None)
async def test_persons_of_days_are_counted_as_one_however_many_of_their_ids_came(
    clickhouse: ClickHouse, visits: set[tuple[str, int]], ties: dict[str, str], grain: Granularity
) -> None:
    store, midnight = Store(clickhouse, next_project()), AROUND[0]
    await store.tell(*(Happening(NAMES[0], who, midnight + timedelta(days=day, hours=5)) for who, day in visits))
    await store.know(len(visits) % 2 * 60_000 + 1, ties=ties)
    persons = Trends.Series(event=EventMatcher(name=NAMES[0]), metric=Metric(kind=Metric.KIND_PERSONS))
    request = QueryRequest(
        insight=Insight(trends=Trends(series=[persons])),
        time_range=TimeRange(**{"from": midnight - timedelta(days=3)}, to=midnight + timedelta(days=2)),
        granularity=grain,
    )

    by_rollup, by_events = [await answered(request, store, rollups) for rollups in (ROLLUPS, ())]

    assert by_rollup.trends == by_events.trends
    assert by_rollup.meta.source == Meta.TABLE_ROLLUP


async def answered(request: QueryRequest, store: Store, rollups: Sequence[str]) -> QueryResponse:
    call = Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")
    limits = QueryLimits(timedelta(seconds=60), 2**31)

    async def ask(query: Sql) -> Result:
        return Result(await store.clickhouse.query(limited(query, limits, None)), NOW)

    hints = Hints(store.clickhouse, Turns(AtOnce()))
    with QueryWatch(Instruments.none()).question("trends", call, request) as question:
        return await engine.answer(
            request,
            call,
            clickhouse=store.clickhouse,
            now=NOW,
            hints=hints,
            question=question,
            ask=ask,
            check_patterns=partial(KnownPatterns().check, ask=ask),
            rollups=rollups,
        )
