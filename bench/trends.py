"""How long a trend takes over 1 and 10 million events, next to hand-written SQL for the same answer in the same run."""

import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.backends import open_clickhouse
from app.migrate import migrate_clickhouse
from core.clickhouse import ClickHouse
from core.sql import Sql, sql
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import QueryRequest
from services.insights.engine import QueryLimits
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope

SIZES = (1_000_000, 10_000_000)
RUNS = 9
PROJECT = 1
DAYS = 90
START = datetime(2026, 6, 1, tzinfo=UTC)
_CHUNK = 500_000


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    trends: dict[str, object]
    by_hand: Sql


_DAY = sql(
    "FROM events WHERE project_id = 1 AND name = 'purchase'"
    " AND occurred_at >= toDateTime64('2026-06-01 00:00:00', 3, 'UTC') AND occurred_at < toDateTime64('2026-08-30 00:00:00', 3, 'UTC')"
)
_BY_DAY = sql("{day} GROUP BY day ORDER BY day", day=_DAY)
_PURCHASE = {"name": "purchase"}


def cases() -> list[Case]:
    dollars = {"kind": "KIND_SUM", "property": "dollars"}
    pro = {"property": "plan", "values": ["pro"]}
    return [
        Case(
            "total", {"series": [{"event": _PURCHASE}]}, sql("SELECT toStartOfDay(occurred_at, 'UTC') AS day, count() {rest}", rest=_BY_DAY)
        ),
        Case(
            "persons",
            {"series": [{"event": _PURCHASE, "metric": {"kind": "KIND_PERSONS"}}]},
            sql("SELECT toStartOfDay(occurred_at, 'UTC') AS day, uniqExact(distinct_hash) {rest}", rest=_BY_DAY),
        ),
        Case(
            "sum of a property",
            {"series": [{"event": _PURCHASE, "metric": dollars}]},
            sql("SELECT toStartOfDay(occurred_at, 'UTC') AS day, sum(properties.dollars::Float64) {rest}", rest=_BY_DAY),
        ),
        Case(
            "filtered by a property",
            {"series": [{"event": {**_PURCHASE, "filters": [pro]}}]},
            sql(
                "SELECT toStartOfDay(occurred_at, 'UTC') AS day, count() {where}"
                " AND properties.plan.:String = 'pro' GROUP BY day ORDER BY day",
                where=_DAY,
            ),
        ),
        Case(
            "persons by a property",
            {"series": [{"event": _PURCHASE, "metric": {"kind": "KIND_PERSONS"}}], "breakdowns": [{"property": "plan"}]},
            _top_ten_by_hand(sql("properties.plan.:String"), sql("uniqExact(distinct_hash)")),
        ),
        Case(
            "total by one of 500 values",
            {"series": [{"event": _PURCHASE}], "breakdowns": [{"property": "$url"}]},
            _top_ten_by_hand(sql("properties.`$url`.:String"), sql("count()")),
        ),
        Case(
            "any event",
            {"series": [{}]},
            sql(
                "SELECT toStartOfDay(occurred_at, 'UTC') AS day, count() FROM events WHERE project_id = 1"
                " AND occurred_at >= toDateTime64('2026-06-01 00:00:00', 3, 'UTC')"
                " AND occurred_at < toDateTime64('2026-08-30 00:00:00', 3, 'UTC')"
                " GROUP BY day ORDER BY day"
            ),
        ),
    ]


def cases_of_people() -> list[Case]:
    persons = {"kind": "KIND_PERSONS"}
    series = [{"event": _PURCHASE, "metric": persons}]
    tier = {"property": "tier", "source": "SOURCE_PERSON"}
    by_text = sql("SELECT toStartOfDay(occurred_at, 'UTC') AS day, uniqExact(distinct_id) {rest}", rest=_BY_DAY)
    return [
        Case("persons", {"series": series}, by_text),
        Case(
            "persons with a trait",
            {"series": [{"event": {**_PURCHASE, "filters": [{**tier, "values": ["1"]}]}, "metric": persons}]},
            by_text,
        ),
        Case("persons by a trait", {"series": series, "breakdowns": [tier]}, by_text),
    ]


def _top_ten_by_hand(value: Sql, metric: Sql) -> Sql:
    """As a person would ask for the ten largest values and the rest."""
    return sql(
        "WITH (SELECT groupArray(value) FROM"
        " (SELECT {value} AS value {day} GROUP BY value ORDER BY {metric} DESC, value LIMIT 10)) AS largest"
        " SELECT toStartOfDay(occurred_at, 'UTC') AS day, if(has(largest, {value}), {value}, 'others') AS cell, {metric}"
        " {day} GROUP BY day, cell ORDER BY day",
        value=value,
        metric=metric,
        day=_DAY,
    )


async def main(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        clickhouse = open_clickhouse(f"chdb://{folder}/clickhouse", connections=4, memory_bytes=8 * 2**30)
        await migrate_clickhouse(clickhouse)
        stored = 0
        for size in SIZES:
            await _fill(clickhouse, console, stored, size)
            stored = size
            console.print(await _table(clickhouse, size, "Trends", cases()))
            await _tie(clickhouse)
            console.print(
                await _table(
                    clickhouse, size, "Persons, 5 % of whose ids are tied to another, next to counting ids as text,", cases_of_people()
                )
            )
            await _untie(clickhouse)
        await clickhouse.close()


async def _tie(clickhouse: ClickHouse) -> None:
    """Tie 5,000 of the 100,000 ids to another, and give every person a trait."""
    await clickhouse.command(
        "INSERT INTO person_ties (project_id, distinct_id, root, version)"
        " SELECT 1, 'user-' || toString(number), 'user-' || toString(number + 50000), number + 1 FROM numbers(5000)"
    )
    await clickhouse.command(
        "INSERT INTO person_traits (project_id, root, version, traits)"
        " SELECT 1, 'user-' || toString(number), 5000, format('{{\"tier\":\"{}\"}}', toString(number % 4))::JSON FROM numbers(100000)"
    )
    await clickhouse.command("INSERT INTO identity_versions VALUES (1, 5000)")


async def _untie(clickhouse: ClickHouse) -> None:
    for table in ("person_ties", "person_traits", "identity_versions"):
        await clickhouse.command(f"TRUNCATE TABLE {table}")


async def _table(clickhouse: ClickHouse, size: int, title: str, asked: list[Case]) -> Table:
    service = InsightsService(clickhouse, _watermark, lambda: datetime.now(UTC), QueryLimits(timedelta(seconds=60), 4 * 2**30))
    table = Table(title=f"{title} over {size:,} events, {DAYS} days, by day: ms, median of {RUNS} in turn with hand-written SQL")
    for column in ("trend", "Pug", "by hand", "Pug ÷ by hand", "rows read"):
        table.add_column(column, justify="left" if column == "trend" else "right")
    for case in asked:
        request = ParseDict(
            {"insight": {"trends": case.trends}, "timeRange": {"from": _text(START), "to": _text(START + timedelta(days=DAYS))}},
            QueryRequest(),
        )
        ours: list[float] = []
        by_hand: list[float] = []
        for _ in range(RUNS + 1):
            ours.append(await _timed(service.query(request, _call())))
            by_hand.append(await _timed(clickhouse.query(case.by_hand)))
        rows = (await service.query(request, _call())).meta.rows_read
        # The first pair warms the caches of both.
        ratios = [mine / theirs for mine, theirs in zip(ours[1:], by_hand[1:], strict=True)]
        table.add_row(case.name, f"{median(ours[1:]):.1f}", f"{median(by_hand[1:]):.1f}", f"{median(ratios):.2f}", f"{rows:,}")
    return table


async def _fill(clickhouse: ClickHouse, console: Console, stored: int, size: int) -> None:
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"Storing {size:,} events", total=size - stored)
        for first in range(stored, size, _CHUNK):
            rows = min(_CHUNK, size - first)
            await clickhouse.command(_ROWS.format(first=first, rows=rows, span=DAYS * 86_400_000, start=int(START.timestamp() * 1000)))
            progress.advance(task, rows)
    await clickhouse.command("OPTIMIZE TABLE events FINAL")


_ROWS = """
INSERT INTO events_in (event_id, project_id, name, distinct_id, session_id, occurred_at, received_at, properties, context)
SELECT
    generateUUIDv4() AS event_id,
    1 AS project_id,
    ['page_view', 'page_view', 'page_view', 'search', 'add_to_cart', 'purchase', 'purchase', 'signed_up']
        [1 + cityHash64(number, 1) % 8] AS name,
    'user-' || toString(cityHash64(number, 2) % 100000) AS distinct_id,
    'session-' || toString(cityHash64(number, 3) % 400000) AS session_id,
    {start} + toInt64(cityHash64(number, 4) % {span}) AS occurred_at,
    occurred_at AS received_at,
    format(
        '{{{{"plan":"{{}}","dollars":{{}},"quantity":{{}},"$browser":"{{}}","$url":"https://example.com/p/{{}}"}}}}',
        ['free', 'pro', 'team'][1 + cityHash64(number, 5) % 3],
        toString(cityHash64(number, 6) % 10000 / 100 + 0.001),
        toString(cityHash64(number, 7) % 10),
        ['Google Chrome', 'Safari', 'Firefox'][1 + cityHash64(number, 8) % 3],
        toString(cityHash64(number, 10) % 500)
    )::JSON AS properties,
    format('{{{{"$country":"{{}}"}}}}', ['DE', 'US', 'FR', 'GB', 'JP'][1 + cityHash64(number, 9) % 5]) AS context
FROM numbers({first}, {rows})
SETTINGS log_comment = '{first}'
"""


async def _timed(act: Awaitable[object]) -> float:
    started = time.perf_counter()
    await act
    return (time.perf_counter() - started) * 1000


async def _watermark() -> Watermark:
    return Watermark(datetime.now(UTC))


def _call() -> Call:
    return Call(Credential("bench", Project(PROJECT, "UTC"), frozenset({Scope.READ})), "bench")


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
