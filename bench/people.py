"""How long it takes to find and show people, of a million who did ten million events, 50,000 of them merged."""

import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import text

from app.backends import Backends, open_backends
from app.migrate import migrate
from app.wiring import build_profiles
from core.server_secrets import ServerSecrets
from core.settings import Settings
from core.sql import Sql, sql
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import QueryRequest
from pug.profiles.v1 import profiles_pb2 as pb
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.profiles.repository import ProfilesRepository
from services.rpc.call import Call, Credential, Project, Scope

PEOPLE = 1_000_000
MERGED = 50_000
WITH_TRAITS = 200_000
EVENTS = 10_000_000
RUNS = 7
START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 90
_CHUNK = 500_000

Ask = Callable[[], Awaitable[object]]


async def main(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as folder:
        settings = Settings.model_validate({"data_dir": Path(folder) / "data", "query_memory_bytes": 8 * 2**30})
        async with open_backends(settings) as backends:
            await migrate(backends, settings)
            project = await AccountsRepository(backends.postgres).create_project("Bench", "Bench", "UTC")
            await _fill(backends, project, console)
            console.print(await _table(backends, project))


async def _table(backends: Backends, project: int) -> Table:
    limits = QueryLimits(timedelta(seconds=60), 8 * 2**30)
    secrets = ServerSecrets(backends.postgres)
    profiles = build_profiles(backends, ProfilesRepository(backends.postgres, secrets), secrets, Turns(AtOnce()), limits)
    insights = InsightsService(backends.clickhouse, _watermark, _now, limits)
    call = Call(Credential("bench", Project(project, "UTC"), frozenset(Scope)), "bench")

    def persons(**request: object) -> Ask:
        asked = ParseDict(dict(request), pb.ListPersonsRequest())
        return lambda: profiles.list_persons(asked, call)

    async def page_of_a_person() -> None:
        await profiles.get_person(pb.GetPersonRequest(distinct_id="user-70007"), call)
        await profiles.list_person_events(pb.ListPersonEventsRequest(distinct_id="user-70007"), call)

    def hand(query: Sql) -> Ask:
        return lambda: backends.clickhouse.query(query)

    def trend(metric: str) -> Ask:
        spec: Mapping[str, object] = {"series": [{"event": {"name": "purchase"}, "metric": {"kind": metric}}]}
        span = {"from": START.isoformat(), "to": (START + timedelta(days=DAYS)).isoformat()}
        return lambda: insights.query(ParseDict({"insight": {"trends": spec}, "timeRange": span}, QueryRequest()), call)

    trait = {"property": "tier", "source": "SOURCE_PERSON", "values": ["2"]}
    rows: list[tuple[str, Ask, Ask]] = [
        ("first page of everybody", persons(), hand(_LAST_SEEN)),
        ("first page with a trait", persons(filters={"filters": [trait]}), hand(_LAST_SEEN)),
        (
            "first page with 15 events or more, last by Safari",
            persons(
                activity=[
                    {"field": "FIELD_EVENTS", "op": "OP_GTE", "values": [15]},
                    {"field": "FIELD_BROWSER", "op": "OP_IS", "values": ["Safari"]},
                ]
            ),
            hand(_BUSY),
        ),
        ("first page of a search", persons(search="er-70007"), hand(_SEARCH)),
        ("a person with their last 100 events", page_of_a_person, hand(_ONE)),
        ("the newest 100 events", lambda: profiles.list_events(pb.ListEventsRequest(), call), hand(_NEWEST)),
        ("persons by day, resolved; by hand: raw ids", trend("KIND_PERSONS"), hand(_BY_DAY)),
    ]
    table = Table(
        title=f"{PEOPLE:,} ids, {MERGED:,} of them merged, {EVENTS:,} events: ms, median of {RUNS} in turn with hand-written SQL on events"
    )
    for column in ("asked", "Pug", "by hand", "Pug ÷ by hand"):
        table.add_column(column, justify="left" if column == "asked" else "right")
    for name, ours, by_hand in rows:
        pairs = [(await _timed(ours), await _timed(by_hand)) for _ in range(RUNS + 1)][1:]
        mine, theirs = (median(column) for column in zip(*pairs, strict=True))
        table.add_row(name, f"{mine:.0f}", f"{theirs:.0f}", f"{median(one / other for one, other in pairs):.2f}")
    return table


_LAST_SEEN = sql("SELECT distinct_id, max(occurred_at) AS last FROM events GROUP BY distinct_id ORDER BY last DESC LIMIT 100")
_BUSY = sql(
    "SELECT distinct_id, max(occurred_at) AS last FROM events GROUP BY distinct_id"
    " HAVING count() >= 15 AND argMax(properties.`$browser`.:String, occurred_at) = 'Safari' ORDER BY last DESC LIMIT 100"
)
_SEARCH = sql(
    "SELECT distinct_id, max(occurred_at) AS last FROM events WHERE distinct_id ILIKE '%er-70007%'"
    " GROUP BY distinct_id ORDER BY last DESC LIMIT 100"
)
_ONE = sql(
    "SELECT event_id, name, occurred_at, properties FROM events WHERE distinct_id = 'user-70007' ORDER BY occurred_at DESC LIMIT 100"
)
_NEWEST = sql("SELECT event_id, name, occurred_at, properties FROM events ORDER BY occurred_at DESC LIMIT 100")
_BY_DAY = sql(
    "SELECT toStartOfDay(occurred_at, 'UTC') AS day, uniqExact(distinct_id) FROM events WHERE name = 'purchase' GROUP BY day ORDER BY day"
)


async def _fill(backends: Backends, project: int, console: Console) -> None:
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"Storing {EVENTS:,} events of {PEOPLE:,} people", total=EVENTS)
        for first in range(0, EVENTS, _CHUNK):
            filled = {"first": first, "rows": _CHUNK, "project": project, "people": PEOPLE, "span": DAYS * 86_400_000}
            await backends.clickhouse.command(_ROWS.format(start=int(START.timestamp() * 1000), **filled))
            progress.advance(task, _CHUNK)
    # As merges in the background leave them.
    for statement in (
        "OPTIMIZE TABLE events FINAL",
        "OPTIMIZE TABLE person_activity FINAL",
        _TIES,
        _TRAITS,
        "INSERT INTO identity_versions VALUES ({project}, 2)",
    ):
        await backends.clickhouse.command(statement.format(project=project, merged=MERGED, traits=WITH_TRAITS))
    async with backends.postgres.begin() as connection:
        # The ids and what is known of them, as Identify and SetTraits leave them.
        await connection.execute(text(_IDS), {"project": project, "merged": MERGED, "traits": WITH_TRAITS})
        await connection.execute(text("UPDATE identity_versions SET version = 2 WHERE project_id = :project"), {"project": project})


_ROWS = """
INSERT INTO events_in (event_id, project_id, name, distinct_id, session_id, occurred_at, received_at, properties, context)
SELECT
    generateUUIDv4() AS event_id,
    {project} AS project_id,
    ['page_view', 'page_view', 'page_view', 'search', 'add_to_cart', 'purchase', 'purchase', 'signed_up']
        [1 + cityHash64(number, 1) % 8] AS name,
    'user-' || toString(cityHash64(number, 2) % {people}) AS distinct_id,
    if(number % 4 = 0, '', 'session-' || toString(cityHash64(number, 3) % 4000000)) AS session_id,
    {start} + toInt64(cityHash64(number, 4) % {span}) AS occurred_at,
    occurred_at AS received_at,
    format(
        '{{{{"plan":"free","$browser":"{{}}"}}}}', ['Google Chrome', 'Safari', 'Firefox'][1 + cityHash64(number, 8) % 3]
    )::JSON AS properties,
    '{{"$country":"DE"}}' AS context
FROM numbers({first}, {rows})
SETTINGS log_comment = '{first}'
"""
_TIES = (
    "INSERT INTO person_ties (project_id, distinct_id, root, version)"
    " SELECT {project}, 'user-' || toString(number), 'user-' || toString(number + 500000), 1 FROM numbers({merged})"
)
_TRAITS = (
    "INSERT INTO person_traits (project_id, root, version, traits)"
    " SELECT {project}, 'user-' || toString(number + 500000), 2,"
    ' format(\'{{{{"tier":"{{}}"}}}}\', toString(number % 4))::JSON FROM numbers({traits})'
)
_IDS = """
INSERT INTO distinct_ids (project_id, distinct_id, person_id, root, identified, traits)
SELECT
    :project, 'user-' || n, lpad(to_hex(n), 16, '0'), 'user-' || CASE WHEN n < :merged THEN n + 500000 ELSE n END,
    n >= 500000, '{"tier":"1"}'
FROM (SELECT generate_series(0, :merged - 1) AS n UNION ALL SELECT generate_series(500000, 500000 + :traits - 1)) AS ids
"""


async def _timed(ask: Ask) -> float:
    started = time.perf_counter()
    await ask()
    return (time.perf_counter() - started) * 1000


def _now() -> datetime:
    return datetime.now(UTC)


async def _watermark() -> Watermark:
    return Watermark(_now())
