"""A query ends in ClickHouse when its client goes away or its deadline passes, and gives its turn back."""

import asyncio
import contextlib
import json
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clickhouse import ClickHouse
from core.sql import Sql, sql
from core.stream import Watermark
from pug.insights.v1.insights_connect import InsightsServiceASGIApplication
from pug.insights.v1.insights_pb2 import DESCRIPTOR
from services.insights import kinds
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.rpc.asgi import AsgiApp
from services.rpc.call import Credential, Project, Scope
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.service import Service
from services.rpc.turnstile import Limits, Turnstile

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FOR_EVER = sql("SELECT sum(sipHash64(number)) FROM numbers(2000000000000)")
BODY = json.dumps({"insight": {"trends": {"series": [{}]}}, "preset": "PRESET_TODAY"}).encode()


class Client:
    """Sends a question, and goes away when told to."""

    def __init__(self, application: AsgiApp, *headers: tuple[bytes, bytes]) -> None:
        self.gone = asyncio.Event()
        self.answers: list[MutableMapping[str, Any]] = []
        self._body = [BODY]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/pug.insights.v1.InsightsService/Query",
            "raw_path": b"",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-type", b"application/json"), (b"authorization", b"Bearer sk_1"), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self.asking = asyncio.ensure_future(application(scope, self._receive, self._send))

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.answers.append(message)


@pytest.fixture
def application(clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> AsgiApp:
    """Insights whose every answer takes for ever, one at a time."""

    async def now() -> Watermark:
        return Watermark(NOW)

    async def find(token: str) -> Credential | None:
        return Credential(token, Project(7, "UTC"), frozenset(Scope))

    def plan(_insight: object, _scope: object) -> Sql:
        return FOR_EVER

    monkeypatch.setattr(kinds, "plan", plan)
    limits = QueryLimits(timedelta(seconds=60), 2**30)
    insights = InsightsService(clickhouse, now, lambda: NOW, limits, Turns(AtOnce(queries=1, project_queries=1)))
    descriptor = DESCRIPTOR.services_by_name["InsightsService"]
    service = Service(descriptor, InsightsServiceASGIApplication, insights)
    return connect_application([service], Gate(find, [descriptor], Turnstile(Limits(), time.monotonic)), {})


async def running(clickhouse: ClickHouse) -> int:
    query = sql("SELECT count() FROM system.processes WHERE query LIKE '%numbers(2000000000000)%' AND query NOT LIKE '%LIKE%'")
    return int(str((await clickhouse.query(query)).rows[0][0]))


async def until_running(clickhouse: ClickHouse, queries: int) -> None:
    async with asyncio.timeout(60):
        # ClickHouse tells nobody what it runs.
        while await running(clickhouse) != queries:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_query_of_a_client_that_went_away_disappears_from_clickhouse(clickhouse: ClickHouse, application: AsgiApp) -> None:
    client = Client(application)
    await until_running(clickhouse, 1)

    client.gone.set()

    await until_running(clickhouse, 0)
    with contextlib.suppress(asyncio.CancelledError):
        await client.asking


async def test_query_whose_deadline_has_passed_disappears_and_the_next_one_has_its_turn(
    clickhouse: ClickHouse, application: AsgiApp
) -> None:
    hurried = Client(application, (b"connect-timeout-ms", b"300"))
    await asyncio.wait_for(hurried.asking, 60)

    assert hurried.answers[0]["status"] in {429, 504}
    await until_running(clickhouse, 0)
    following = Client(application)
    await until_running(clickhouse, 1)
    following.gone.set()
    await until_running(clickhouse, 0)
