"""Answers about some weeks of a shop (tests/clickstream.py) against PostgreSQL, another engine, asked the same in plain SQL."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

import pytest
import pytest_asyncio
from google.protobuf.json_format import ParseDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.backends import Backends
from clickstream import END, START, ZONE, clickstream, ties
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store, next_project

JSON = Mapping[str, object]
Ask = Callable[..., Awaitable[QueryResponse]]
Rows = Sequence[tuple[object, ...]]
Sql = Callable[[str], Awaitable[Rows]]

# `day` and `week` are Berlin's.
_TABLE = """
CREATE TEMPORARY TABLE stream AS
SELECT
    *,
    coalesce(root, distinct_id) AS person,
    at >= :from AND at < :to AS in_range,
    date_trunc('day', at AT TIME ZONE :zone) AS day,
    date_trunc('week', at AT TIME ZONE :zone) AS week
FROM json_to_recordset(:events) AS event(
    id uuid, name text, distinct_id text, at timestamptz, page text COLLATE "C", country text COLLATE "C", amount double precision
)
LEFT JOIN json_to_recordset(:ties) AS tie(tied text, root text) ON tied = distinct_id"""
_DAYS = "CREATE TEMPORARY TABLE days AS SELECT generate_series(min(day), max(day), interval '1 day') AS day FROM stream WHERE in_range"
# A pause of more than 30 minutes ends a session.
_SESSIONS = """
CREATE TEMPORARY TABLE visits AS
SELECT *, sum(begins::int) OVER (PARTITION BY distinct_id ORDER BY at, id) AS nth
FROM
(
    SELECT *, coalesce(at - lag(at) OVER (PARTITION BY distinct_id ORDER BY at, id) > interval '30 minutes', true) AS begins
    FROM stream
) AS event"""


@pytest_asyncio.fixture(scope="module")
async def stream(backends: Backends) -> AsyncGenerator[tuple[Store, AsyncConnection]]:
    """The clickstream in both engines."""
    events = clickstream()
    store = Store(backends.clickhouse, next_project())
    await store.tell(*events)
    await store.know(1, ties())
    rows = [{"id": e.event_id, "name": e.name, "distinct_id": e.distinct_id, "at": e.at.isoformat(), **e.properties} for e in events]
    tied = [{"tied": one, "root": root} for one, root in ties().items()]
    values = {"events": json.dumps(rows), "ties": json.dumps(tied), "from": START, "to": END, "zone": ZONE}
    async with backends.postgres.connect() as connection:
        await connection.execute(text(_TABLE), values)
        await connection.execute(text("CREATE INDEX ON stream (person, name, at)"))
        await connection.execute(text("ANALYZE stream"))
        await connection.execute(text(_DAYS))
        await connection.execute(text(_SESSIONS))
        yield store, connection
        await connection.rollback()


@pytest.fixture
def postgres(stream: tuple[Store, AsyncConnection]) -> Sql:
    async def rows(query: str) -> Rows:
        return [tuple(row) for row in (await stream[1].execute(text(query))).all()]

    return rows


@pytest.fixture
def pug(stream: tuple[Store, AsyncConnection], insights: InsightsService) -> Ask:
    """Asks about the weeks, by Berlin's days unless told otherwise."""

    async def ask(kind: str, spec: JSON, **more: object) -> QueryResponse:
        time_range = {"from": START.isoformat(), "to": END.isoformat()}
        request = {"insight": {kind: spec}, "timeRange": time_range, "timeZone": ZONE, **more}
        call = Call(Credential("key", Project(stream[0].project_id, "UTC"), frozenset({Scope.READ})), "request")
        return await insights.query(ParseDict(request, QueryRequest()), call)

    return ask


def series(name: str, kind: str, prop: str = "") -> JSON:
    return {"event": {"name": name}, "metric": {"kind": f"KIND_{kind}", "property": prop}}


def label(cell: Cell) -> str | None:
    """The value of a cell of one breakdown."""
    return "(others)" if cell.others else None if cell.values[0].absent else cell.values[0].value


async def test_persons_by_day(pug: Ask, postgres: Sql) -> None:
    expected = await postgres("""
        SELECT count(DISTINCT person) FILTER (WHERE in_range), count(id) FILTER (WHERE in_range)
        FROM days LEFT JOIN stream USING (day) GROUP BY day ORDER BY day""")

    found = (await pug("trends", {"series": [series("", "PERSONS"), series("", "TOTAL")]})).trends

    assert len(found.buckets) == 28
    assert list(zip(*(one.values for one in found.series), strict=True)) == expected


async def test_persons_of_the_last_seven_days(pug: Ask, postgres: Sql) -> None:
    # The day of 25 hours is longer than a day.
    expected = await postgres(f"""
        SELECT count(DISTINCT person)
        FROM (SELECT (day + interval '1 day') AT TIME ZONE '{ZONE}' AS ends FROM days) AS bucket
        LEFT JOIN stream ON at < ends AND at >= ends - interval '168 hours'
        GROUP BY ends ORDER BY ends""")

    (found,) = (await pug("trends", {"series": [series("", "ACTIVE_7D")]})).trends.series

    assert [(value,) for value in found.values] == expected


async def test_persons_by_day_and_page_with_the_others(pug: Ask, postgres: Sql) -> None:
    expected = await postgres("""
        WITH ranked AS (
            SELECT page, row_number() OVER (ORDER BY count(DISTINCT person) DESC, page) AS rank
            FROM stream WHERE in_range AND name = 'view' GROUP BY page
        )
        SELECT least(rank, 6), extract(day FROM day - (SELECT min(day) FROM days))::int, count(DISTINCT person), min(page)
        FROM stream JOIN ranked USING (page)
        WHERE in_range AND name = 'view'
        GROUP BY 1, 2 ORDER BY 1, 2""")

    found = (await pug("trends", {"series": [series("view", "PERSONS")], "breakdowns": [{"property": "page"}], "breakdownLimit": 5})).trends

    assert [(rank, day, value) for rank, one in enumerate(found.series, 1) for day, value in enumerate(one.values) if value] == [
        row[:3] for row in expected
    ]
    assert [label(one.cell) for one in found.series][:5] == list(dict.fromkeys(page for rank, _, _, page in expected if rank != 6))
    assert found.series[5].cell.others


async def test_percentiles_of_what_was_paid(pug: Ask, postgres: Sql) -> None:
    (expected,) = await postgres("""
        SELECT
            sum(amount), avg(amount), min(amount), max(amount),
            percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), percentile_cont(0.9) WITHIN GROUP (ORDER BY amount),
            percentile_cont(0.95) WITHIN GROUP (ORDER BY amount), percentile_cont(0.99) WITHIN GROUP (ORDER BY amount),
            count(*)::float / count(DISTINCT person)
        FROM stream WHERE in_range AND name = 'buy'""")

    kinds = ("SUM", "AVG", "MIN", "MAX", "MEDIAN", "P90", "P95", "P99", "PER_PERSON")
    found = (await pug("segmentation", {"series": [series("buy", kind, "amount") for kind in kinds]})).segmentation.rows

    assert [row.value for row in found] == pytest.approx(list(expected), rel=1e-12)


# Of each entry the earliest cart from then on, then the earliest purchase from then on, within an hour of the entry; of each person the
# entry that gets furthest, of these the first.
_ATTEMPTS = """
    SELECT DISTINCT ON (entry.person)
        entry.person, entry.country, entry.day, entry.at AS viewed, cart.at AS in_cart, buy.at AS bought
    FROM stream AS entry
    LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM stream AS later
        WHERE later.person = entry.person AND name = 'cart' AND at BETWEEN entry.at AND entry.at + interval '1 hour'
    ) AS cart ON true
    LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM stream AS later
        WHERE later.person = entry.person AND name = 'buy' AND at BETWEEN cart.at AND entry.at + interval '1 hour'
    ) AS buy ON true
    WHERE in_range AND entry.name = 'view'
    ORDER BY entry.person, (cart.at IS NOT NULL)::int + (buy.at IS NOT NULL)::int DESC, entry.at, entry.id"""
_FUNNEL: JSON = {"steps": [{"event": {"name": name}} for name in ("view", "cart", "buy")], "window": "3600s"}


async def test_funnel_of_an_hour_with_its_times(pug: Ask, postgres: Sql) -> None:
    (expected,) = await postgres(f"""
        SELECT
            count(*), count(in_cart), count(bought),
            avg(extract(epoch FROM in_cart - viewed))::float, avg(extract(epoch FROM bought - in_cart))::float,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM in_cart - viewed)),
            percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM bought - in_cart))
        FROM ({_ATTEMPTS}) AS attempt""")

    (found,) = (await pug("funnel", {**_FUNNEL, "timing": True})).funnel.series

    first, second, third = found.steps
    times = (second.average, third.average, second.median, third.p95)
    assert [first.count, second.count, third.count] == list(expected[:3])
    assert [time.ToNanoseconds() / 1e9 for time in times] == pytest.approx(list(expected[3:]), abs=1e-6)


async def test_funnel_by_country_and_by_day_of_entry(pug: Ask, postgres: Sql) -> None:
    expected = await postgres(f"""
        WITH attempts AS ({_ATTEMPTS}),
        ranked AS (SELECT country, row_number() OVER (ORDER BY count(*) DESC, country NULLS LAST) AS rank FROM attempts GROUP BY country)
        SELECT least(rank, 4), day AT TIME ZONE '{ZONE}', count(*), count(bought)
        FROM attempts JOIN ranked ON ranked.country IS NOT DISTINCT FROM attempts.country
        GROUP BY 1, 2 ORDER BY 1, 2""")

    spec = {**_FUNNEL, "breakdowns": [{"property": "country"}], "breakdownLimit": 3, "trend": True}
    found = (await pug("funnel", spec)).funnel.series

    assert [
        (rank, entry.start.ToDatetime(START.tzinfo), entry.entered, entry.converted)
        for rank, one in enumerate(found, 1)
        for entry in one.trend
        if entry.entered
    ] == expected


async def test_weekly_retention(pug: Ask, postgres: Sql) -> None:
    expected = await postgres("""
        WITH starts AS (SELECT person, min(week) AS cohort FROM stream WHERE in_range GROUP BY person),
        returns AS (
            SELECT DISTINCT person, cohort, extract(day FROM week - cohort)::int / 7 AS period
            FROM starts JOIN stream USING (person) WHERE week >= cohort
        )
        SELECT cohort, array_agg(persons ORDER BY period)
        FROM (
            SELECT cohort, period, count(person) AS persons
            FROM (SELECT DISTINCT cohort FROM starts) AS cohorts
            CROSS JOIN generate_series(0, 5) AS period
            LEFT JOIN returns USING (cohort, period)
            GROUP BY cohort, period
        ) AS cells
        GROUP BY cohort ORDER BY cohort""")

    (found,) = (await pug("retention", {"start": {}, "period": "PERIOD_WEEK", "periods": 5})).retention.series

    assert [list(cohort.counts) for cohort in found.cohorts] == [counts for _, counts in expected]
    shares = [[cohort.counts[period] for cohort in found.cohorts] for period in range(6)]
    everybody = sum(cohort.size for cohort in found.cohorts)
    assert list(found.mean) == pytest.approx([sum(share) / everybody for share in shares])


async def test_lifecycle(pug: Ask, postgres: Sql) -> None:
    expected = await postgres("""
        WITH active AS (
            SELECT
                person, day, lag(day) OVER persons AS day_before, lead(day) OVER persons AS day_after
            FROM (SELECT DISTINCT person, day FROM stream WHERE at < (SELECT max(at) FROM stream WHERE in_range) + interval '1 ms') AS once
            WINDOW persons AS (PARTITION BY person ORDER BY day)
        )
        SELECT
            count(*) FILTER (WHERE active.day = days.day AND day_before IS NULL),
            count(*) FILTER (WHERE active.day = days.day AND day_before = days.day - interval '1 day'),
            count(*) FILTER (WHERE active.day = days.day AND day_before < days.day - interval '1 day'),
            -count(*) FILTER (WHERE active.day = days.day - interval '1 day' AND day_after IS DISTINCT FROM days.day)
        FROM days LEFT JOIN active ON active.day IN (days.day, days.day - interval '1 day')
        GROUP BY days.day ORDER BY days.day""")

    found = (await pug("lifecycle", {"event": {}})).lifecycle

    assert list(zip(found.new, found.returning, found.resurrecting, found.dormant, strict=True)) == expected


async def test_stickiness(pug: Ask, postgres: Sql) -> None:
    expected = await postgres("""
        SELECT count(person)
        FROM generate_series(1, 28) AS number
        LEFT JOIN (SELECT person, count(DISTINCT day) AS number FROM stream WHERE in_range GROUP BY person) AS active USING (number)
        GROUP BY number ORDER BY number""")

    assert [(count,) for count in (await pug("stickiness", {"event": {}})).stickiness.counts] == expected


_WHOLE = f"""
    SELECT
        min(at) AS began, date_trunc('day', min(at) AT TIME ZONE '{ZONE}') AS day,
        extract(epoch FROM max(at) - min(at)) AS lasted, count(*) AS events,
        (array_agg(page ORDER BY at, id))[1] AS entry, (array_agg(page ORDER BY at DESC, id DESC))[1] AS exit
    FROM visits GROUP BY distinct_id, nth
    HAVING min(at) >= '{START.isoformat()}' AND min(at) < '{END.isoformat()}'"""


async def test_sessions(pug: Ask, postgres: Sql) -> None:
    expected = await postgres(f"""
        SELECT
            count(*), avg(lasted)::float, percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted),
            avg((events = 1)::int)::float, avg(events)::float
        FROM ({_WHOLE}) AS session GROUP BY day ORDER BY day""")

    lines: list[Sequence[float]] = []
    for metric in ("SESSIONS", "AVG_DURATION", "MEDIAN_DURATION", "BOUNCE_RATE", "EVENTS_PER_SESSION"):
        (line,) = (await pug("sessions", {"metric": f"METRIC_{metric}"})).trends.series
        lines.append(line.values)

    assert len(expected) == 28
    for found, wanted in zip(zip(*lines, strict=True), expected, strict=True):
        assert found == pytest.approx([float(str(one)) for one in wanted], abs=1e-6)


@pytest.mark.parametrize("end", ["ENTRY", "EXIT"])
async def test_where_sessions_begin_and_end(pug: Ask, postgres: Sql, end: str) -> None:
    expected = await postgres(f"""
        WITH ranked AS (
            SELECT {end} AS page, count(*) AS many, row_number() OVER (ORDER BY count(*) DESC, {end}) AS rank
            FROM ({_WHOLE}) AS session GROUP BY {end}
        )
        SELECT CASE WHEN rank <= 4 THEN page ELSE '(others)' END, sum(many)::int FROM ranked GROUP BY 1 ORDER BY min(rank)""")

    spec = {"metric": f"METRIC_{end}", "property": "page", "as": "AS_SEGMENTATION", "breakdownLimit": 4}
    found = (await pug("sessions", spec)).segmentation.rows

    assert [(label(row.cell), row.value) for row in found] == expected


@pytest.mark.parametrize(
    ("kind", "metric"), [("TOTAL", "count(*)"), ("PERSONS", "count(DISTINCT person)"), ("SUM", "coalesce(sum(amount), 0)")]
)
async def test_top_countries_with_the_others(pug: Ask, postgres: Sql, kind: str, metric: str) -> None:
    expected = await postgres(f"""
        WITH ranked AS (
            SELECT country, row_number() OVER (ORDER BY {metric} DESC, country NULLS LAST) AS rank
            FROM stream WHERE in_range GROUP BY country
        )
        SELECT CASE WHEN rank <= 3 THEN stream.country ELSE '(others)' END, {metric}::float
        FROM stream JOIN ranked ON ranked.country IS NOT DISTINCT FROM stream.country
        WHERE in_range GROUP BY 1 ORDER BY min(rank)""")

    spec = {"dimension": "DIMENSION_PROPERTY", "property": "country", "metric": {"kind": f"KIND_{kind}", "property": "amount"}, "limit": 3}
    found = (await pug("topK", spec)).top_k.rows

    assert [("(others)" if row.others else None if row.absent else row.value, row.metric) for row in found] == expected


async def test_flow_through_pages(pug: Ask, postgres: Sql) -> None:
    expected = await postgres(f"""
        WITH hops AS (
            SELECT distinct_id, nth, page, row_number() OVER session AS hop, lead(page) OVER session AS following
            FROM (
                SELECT *, page IS DISTINCT FROM lag(page) OVER (PARTITION BY distinct_id, nth ORDER BY at, id) AS moves,
                    min(at) OVER (PARTITION BY distinct_id, nth) AS began
                FROM visits
            ) AS event
            WHERE moves AND began >= '{START.isoformat()}' AND began < '{END.isoformat()}'
            WINDOW session AS (PARTITION BY distinct_id, nth ORDER BY at, id)
        )
        SELECT hop::int, page, following, count(*)::int
        FROM hops WHERE hop < 4 AND following IS NOT NULL GROUP BY 1, 2, 3""")

    found = (await pug("flow", {"node": "NODE_PROPERTY", "property": "page", "maxHops": 4, "maxLinks": 1_000})).flow

    nodes = {node.id: node for node in found.nodes}
    links = {(nodes[one.source].hop, nodes[one.source].label, nodes[one.target].label, one.value) for one in found.links}
    assert links == set(expected)
    assert len(links) > 100
