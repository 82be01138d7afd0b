from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from google.protobuf.json_format import ParseDict

from app.backends import Backends
from core.server_secrets import ServerSecrets
from core.stream import Watermark, state_of
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from pug.profiles.v1 import profiles_pb2 as pb
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.profiles.directory import Directory
from services.profiles.erasures import Erasures
from services.profiles.exporting.exports import Engines, Exports
from services.profiles.holdings import Holdings
from services.profiles.reader import Reader
from services.profiles.repository import ProfilesRepository
from services.profiles.service import ProfilesService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store
from workers.partition import STREAM
from workers.people import PeopleWorker

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
# The log of changes names whoever asked.
KEY = "0192f3a4-0000-7000-8000-000000000000"
MARCH: Mapping[str, str] = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}

ANY_EVENT: Mapping[str, object] = {"series": [dict[str, object]()]}
ANYTHING: Mapping[str, object] = {"insight": {"trends": ANY_EVENT}}


@dataclass(frozen=True, slots=True)
class Town:
    """A project with people: what they do is told, who they are is said, and both are asked about."""

    service: ProfilesService
    insights: InsightsService
    worker: PeopleWorker
    store: Store
    call: Call

    async def identify(self, distinct_id: str, external_id: str, **traits: object) -> pb.IdentifyResponse:
        request = ParseDict({"distinctId": distinct_id, "externalId": external_id, "traits": traits}, pb.IdentifyRequest())
        return await self.service.identify(request, self.call)

    async def set_traits(self, distinct_id: str, **change: object) -> pb.SetTraitsResponse:
        return await self.service.set_traits(ParseDict({"distinctId": distinct_id, **change}, pb.SetTraitsRequest()), self.call)

    async def merge(self, tied: str, into: str) -> str:
        """The id of the tie."""
        return (await self.service.merge(ParseDict({"from": tied, "into": into}, pb.MergeRequest()), self.call)).merge.id

    async def unmerge(self, tie: str) -> None:
        await self.service.unmerge(pb.UnmergeRequest(merge_id=tie), self.call)

    async def person(self, **by: str) -> pb.Person:
        return (await self.service.get_person(pb.GetPersonRequest(**by), self.call)).person

    async def ask(self, query: Mapping[str, object]) -> QueryResponse:
        """Once ClickHouse has been told everything."""
        while await self.worker.tell():
            pass
        return await self.insights.query(ParseDict({"timeRange": MARCH, **query}, QueryRequest()), self.call)

    async def persons(self, as_of: int = 0, **event: object) -> int:
        """How many persons had an event in the three days."""
        trends = {"series": [{"event": event, "metric": {"kind": "KIND_PERSONS"}}]}
        whole = {"granularity": "GRANULARITY_MONTH", "asOfIdentity": as_of}
        return int((await self.ask({"insight": {"trends": trends}, **whole})).trends.series[0].values[0])


async def new_town(backends: Backends) -> Town:
    project_id = await AccountsRepository(backends.postgres).create_project("Town", "Town", "UTC")
    store = Store(backends.clickhouse, project_id)

    async def watermark() -> Watermark:
        return Watermark(NOW)

    limits, secrets = QueryLimits(timedelta(seconds=30), 2 * 2**30), ServerSecrets(backends.postgres)
    return Town(
        ProfilesService(
            ProfilesRepository(backends.postgres, secrets),
            Reader(Directory(backends.postgres), backends.clickhouse, limits, lambda: NOW),
            Erasures(backends.postgres, secrets, Holdings(backends.clickhouse, backends.jetstream, limits)),
            exports_of(backends, limits),
        ),
        InsightsService(backends.clickhouse, watermark, lambda: NOW, limits),
        PeopleWorker(backends.postgres, backends.clickhouse),
        store,
        Call(Credential(KEY, Project(project_id, "UTC"), frozenset(Scope)), "request"),
    )


def exports_of(backends: Backends, limits: QueryLimits, turns: Turns | None = None) -> Exports:
    engines = Engines(backends.postgres, backends.clickhouse, backends.jetstream, lambda: state_of(backends.nats, STREAM))
    return Exports(engines, turns or Turns(AtOnce()), limits, lambda: NOW, "1.2.3")


@pytest_asyncio.fixture
async def town(backends: Backends) -> Town:
    """One of the test's own."""
    return await new_town(backends)
