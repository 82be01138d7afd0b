"""How many calls a second change who is who: all on one external id, through the service in this process, and over HTTP."""

import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client
from google.protobuf.json_format import ParseDict
from nats.aio.client import Client as NatsClient
from rich.console import Console
from rich.table import Table

from app.backends import Backends, open_postgres
from app.embedded.folder import open_folder
from app.migrate import migrate_postgres
from app.wiring import build_profiles
from bench.load import post
from bench.server import Pug, running
from core.clickhouse import ClickHouse
from core.errors import PugError
from core.server_secrets import ServerSecrets
from core.settings import Settings
from pug.profiles.v1 import profiles_pb2 as pb
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.insights.turns import AtOnce, Turns
from services.profiles.repository import ProfilesRepository
from services.rpc.call import Call, Credential, Project, Scope

SECONDS = 5.0
SENDERS = (1, 16, 256)
CASES = ("Identify, a new id each", "Identify, the same again", "SetTraits, increment 1")

# Makes a call's method and body from its number.
Body = dict[str, object]
Send = Callable[[str, Body], Awaitable[bool]]


@dataclass(slots=True)
class Outcome:
    answered: int
    refused: int
    seconds: float
    latencies: list[float]


async def main(console: Console) -> None:
    table = Table(title=f"Calls on one external id, {SECONDS:.0f} s each")
    for column in ("by", "call", "at once", "calls/s", "p50 ms", "p99 ms", "refused", "sum right"):
        table.add_column(column, justify="left" if column in {"by", "call"} else "right")
    await _in_process(table)
    async with running() as pug:
        await _over_http(table, pug)
    console.print(table)


async def _in_process(table: Table) -> None:
    with tempfile.TemporaryDirectory(prefix="pug-bench-") as data_dir:
        settings = Settings.model_validate({"data_dir": data_dir})
        async with open_folder(Path(data_dir)) as folder, open_postgres(settings, folder) as postgres:
            await migrate_postgres(postgres)
            project = Project(await AccountsRepository(postgres).create_project("Bench", "Bench", "UTC"), "UTC")
            call = Call(Credential("key", project, frozenset(Scope)), "request")
            # Nothing but PostgreSQL is asked.
            nats, secrets = NatsClient(), ServerSecrets(postgres)
            backends = Backends(ClickHouse(_no_clickhouse, 1), nats, nats.jetstream(), postgres, folder)
            limits = QueryLimits(timedelta(seconds=1), 1)
            service = build_profiles(backends, ProfilesRepository(postgres, secrets), secrets, Turns(AtOnce()), limits)

            async def send(method: str, body: Body) -> bool:
                try:
                    if method == "Identify":
                        await service.identify(ParseDict(body, pb.IdentifyRequest()), call)
                    else:
                        await service.set_traits(ParseDict(body, pb.SetTraitsRequest()), call)
                except PugError:
                    return False
                return True

            async def count(person: str) -> float:
                nothing = pb.SetTraitsRequest(distinct_id=person, increment={"count": 0})
                return float((await service.set_traits(nothing, call)).traits.fields["count"].number_value)

            await _measure(table, "the service", [send] * max(SENDERS), count)


async def _over_http(table: Table, pug: Pug) -> None:
    connections = [await asyncio.open_connection(pug.host, pug.port, limit=2**20) for _ in range(max(SENDERS))]

    def sender(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Send:
        async def send(method: str, body: Body) -> bool:
            path = f"/pug.profiles.v1.ProfilesService/{method}"
            return (await post(reader, writer, pug, path, json.dumps(body).encode()))[0] == b"200"

        return send

    async def count(person: str) -> float:
        body = json.dumps({"distinctId": person, "increment": {"count": 0}}).encode()
        _, answer = await post(*connections[0], pug, "/pug.profiles.v1.ProfilesService/SetTraits", body)
        return float(json.loads(answer)["traits"]["count"])

    await _measure(table, "HTTP, JSON", [sender(*connection) for connection in connections], count)
    for _, writer in connections:
        writer.close()


async def _measure(table: Table, by: str, senders: list[Send], count: Callable[[str], Awaitable[float]]) -> None:
    numbers = itertools.count()
    for case, at_once in itertools.product(CASES, SENDERS):
        person = f"ann-{case[-1]}-{at_once}"
        outcome = await _storm(case, person, senders[:at_once], numbers)
        latencies = sorted(outcome.latencies)
        exact = ("yes" if await count(person) == outcome.answered else "no") if case == CASES[2] else ""
        table.add_row(
            by,
            case,
            str(at_once),
            f"{outcome.answered / outcome.seconds:,.0f}",
            f"{latencies[len(latencies) // 2] * 1000:.1f}",
            f"{latencies[int(len(latencies) * 0.99)] * 1000:.1f}",
            str(outcome.refused),
            exact,
        )


async def _storm(case: str, person: str, senders: list[Send], numbers: Iterator[int]) -> Outcome:
    started = time.perf_counter()
    outcome = Outcome(0, 0, 0.0, [])

    async def repeat(send: Send) -> None:
        while (sent := time.perf_counter()) < started + SECONDS:
            if await send(*_call(case, person, next(numbers))):
                outcome.answered += 1
            else:
                outcome.refused += 1
            outcome.latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*(repeat(send) for send in senders))
    outcome.seconds = time.perf_counter() - started
    return outcome


def _call(case: str, person: str, number: int) -> tuple[str, Body]:
    if case == CASES[0]:
        return "Identify", {"distinctId": f"device-{number}", "externalId": person}
    if case == CASES[1]:
        return "Identify", {"distinctId": f"device-of-{person}", "externalId": person, "traits": {"plan": "pro"}}
    return "SetTraits", {"distinctId": person, "increment": {"count": 1}}


def _no_clickhouse() -> Client:
    msg = "nobody asks what anybody did"
    raise RuntimeError(msg)
