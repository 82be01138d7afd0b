from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from google.protobuf.json_format import ParseDict

from core.clickhouse import ClickHouse
from core.sql import sql, unsigned
from core.stream import Watermark
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from services.insights import kinds
from services.insights.limits import QueryLimits
from services.insights.scope import scope_of
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store

# Every story is asked about at this instant.
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
COMPLETE_UNTIL = NOW - timedelta(seconds=2)


@pytest.fixture(scope="session")
def insights(clickhouse: ClickHouse) -> InsightsService:
    async def watermark() -> Watermark:
        return Watermark(COMPLETE_UNTIL)

    return InsightsService(clickhouse, watermark, lambda: NOW, QueryLimits(timedelta(seconds=30), 2 * 2**30))


@pytest.fixture
def call(store: Store) -> Call:
    """A call with a key of the test's own project."""
    return Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")


@pytest.fixture
def ask(insights: InsightsService, call: Call) -> Callable[[Mapping[str, object]], Awaitable[QueryResponse]]:
    """Asks a query written as JSON."""

    async def ask(request: Mapping[str, object]) -> QueryResponse:
        return await insights.query(ParseDict(dict(request), QueryRequest()), call)

    return ask


@pytest.fixture
def behind(store: Store) -> Callable[..., Awaitable[list[str]]]:
    """Finds the persons behind a number: `behind(query, stickiness={"buckets": 1})` gives their ids, sorted."""

    async def behind(request: Mapping[str, object], **of: object) -> list[str]:
        return await persons_behind(store, ParseDict({"query": request, **of}, ListPersonsRequest()))

    return behind


async def persons_behind(store: Store, request: ListPersonsRequest) -> list[str]:
    """The ids of the persons behind a number, sorted; one is there twice if it was found twice."""
    versions = sql("SELECT max(version) FROM identity_versions WHERE project_id = {id}", id=unsigned(store.project_id))
    version = int(str((await store.clickhouse.query(versions)).rows[0][0]))
    scope = scope_of(request.query, Project(store.project_id, "UTC"), NOW, version)
    found = await store.clickhouse.query(kinds.persons(request, scope))
    return sorted(f"{person:016x}" for (person,) in cast("Sequence[tuple[int]]", found.rows))


async def listed(clickhouse: ClickHouse, request: ListPersonsRequest, project: int, identity_version: int = 0) -> set[str]:
    """The ids of the persons behind a number, each of whom is listed once."""
    scope = scope_of(request.query, Project(project, "UTC"), NOW, identity_version)
    found = await clickhouse.query(sql("SELECT lower(hex(person)) FROM ({persons})", persons=kinds.persons(request, scope)))
    persons = [str(row[0]) for row in found.rows]
    assert len(set(persons)) == len(persons)
    return set(persons)
