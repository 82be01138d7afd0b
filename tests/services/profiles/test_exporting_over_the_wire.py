"""An export behind the edge, read by clients of three kinds over real ports."""

import asyncio
import base64
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import grpc
import pytest
import pytest_asyncio
from connectrpc.errors import ConnectError

from app.serving import Ports, Servers
from app.wiring import Edge
from core.clickhouse import ClickHouse
from core.instruments import Instruments
from core.settings import Settings
from core.sql import Sql, sql
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectRequest, ExportDataSubjectResponse
from pug.profiles.v1.profiles_connect import ProfilesServiceASGIApplication, ProfilesServiceClient
from pug.profiles.v1.profiles_pb2 import DESCRIPTOR
from services.profiles.exporting import events
from services.rpc.call import Credential, Scope
from services.rpc.gate import Gate
from services.rpc.observing import Calls
from services.rpc.service import Service
from services.rpc.turnstile import Limits, Turnstile
from story import event

from .conftest import KEY, Town
from .test_exporting import PARTS, until_running

ROOT = Path(__file__).parents[3]
BUF = Path(sys.executable).with_name("buf")
SERVICE = DESCRIPTOR.services_by_name["ProfilesService"]
HEADERS = {"authorization": "Bearer sk_1"}
ANN = ExportDataSubjectRequest(distinct_id="ann")


@dataclass(frozen=True)
class Site:
    """The town, and the ports it answers on."""

    ports: Ports
    turnstile: Turnstile

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"


@pytest_asyncio.fixture
async def site(town: Town, engine_settings: Settings) -> AsyncGenerator[Site]:
    async def find(_token: str) -> Credential:
        return Credential(KEY, town.call.project, frozenset(Scope))

    await town.store.tell(*(event("seen", "ann", n=n) for n in range(30)))
    turnstile = Turnstile(Limits(), time.monotonic)
    services = (Service(SERVICE, ProfilesServiceASGIApplication, town.service),)
    edge = cast("Edge", SimpleNamespace(services=services, gate=Gate(find, [SERVICE], turnstile), calls=Calls(Instruments.none())))
    servers = Servers(engine_settings.model_copy(update={"http_port": 0, "grpc_port": 0, "shutdown_timeout_s": 5}), edge)
    yield Site(await servers.start(), turnstile)
    await servers.stop()


async def test_a_connect_client_gets_every_part(site: Site) -> None:
    client = ProfilesServiceClient(site.url, timeout_ms=60_000)

    steps = [step async for step in client.export_data_subject(ANN, headers=HEADERS)]

    assert steps[0].outlook.events == 30
    assert list(dict.fromkeys(step.piece.name for step in steps[1:])) == PARTS


@pytest.mark.parametrize("protocol", ["connect", "grpcweb", "grpc"])
async def test_buf_curl_gets_every_event_over_three_protocols(site: Site, protocol: str) -> None:
    base = f"http://127.0.0.1:{site.ports.grpc}" if protocol == "grpc" else site.url
    schema = [] if protocol == "grpc" else ["--schema", str(ROOT / "proto")]
    plain = ["--http2-prior-knowledge"] if protocol == "grpc" else []
    asked = ["-H", "Authorization: Bearer sk_1", "-d", '{"distinctId": "ann"}']
    command = [*schema, "--protocol", protocol, *plain, *asked, f"{base}/{SERVICE.full_name}/ExportDataSubject"]

    running = await asyncio.create_subprocess_exec(BUF, "curl", *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(running.communicate(), 60)

    assert running.returncode == 0, err.decode()
    steps = [json.loads(step) for step in out.decode().replace("\n}\n{", "\n}\0{").split("\0")]
    pieces = [step["piece"] for step in steps if "piece" in step]
    lines = b"".join(base64.b64decode(piece["content"]) for piece in pieces if piece["name"] == "events.ndjson").splitlines()
    assert sorted(json.loads(line)["properties"]["n"] for line in lines) == list(range(30))


@pytest.mark.parametrize("protocol", ["connect", "grpc"])
async def test_a_client_that_goes_away_ends_the_query_of_its_page(
    site: Site, clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    def for_ever(*_asked: object) -> Sql:
        return sql("SELECT sum(sipHash64(number)) FROM numbers(2000000000000)")

    monkeypatch.setattr(events, "_plan", for_ever)
    reading = asyncio.create_task(read_connect(site) if protocol == "connect" else read_grpc(site))
    await until_running(clickhouse, 1)

    reading.cancel()

    await until_running(clickhouse, 0)
    with contextlib.suppress(asyncio.CancelledError, ConnectError):
        await reading
    async with asyncio.timeout(10):
        # The edge notices a moment after ClickHouse.
        while site.turnstile.inside:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def read_connect(site: Site) -> None:
    async for _ in ProfilesServiceClient(site.url, timeout_ms=60_000).export_data_subject(ANN, headers=HEADERS):
        pass


async def read_grpc(site: Site) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{site.ports.grpc}") as channel:
        export = channel.unary_stream(
            f"/{SERVICE.full_name}/ExportDataSubject",
            request_serializer=ExportDataSubjectRequest.SerializeToString,
            response_deserializer=ExportDataSubjectResponse.FromString,
        )
        async for _ in export(ANN, metadata=tuple(HEADERS.items())):
            pass
