"""A team whose dashboards answer on two real ports, to keys and to links."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

from app.backends import Backends
from app.serving import Ports, Servers
from app.wiring import Edge
from core.instruments import Instruments
from core.postgres import transaction
from core.settings import Settings
from pug.dashboards.v1 import dashboards_pb2
from pug.dashboards.v1.dashboards_connect import DashboardsServiceASGIApplication, DashboardsServiceClient
from services.accounts.credentials import Credentials
from services.accounts.keys import insert_key, new_key
from services.accounts.repository import AccountsRepository
from services.dashboards.shares import Shares
from services.rpc.call import Credential, Scope
from services.rpc.gate import Gate
from services.rpc.observing import Calls
from services.rpc.service import Service
from team import Team, new_team

SERVICE = dashboards_pb2.DESCRIPTOR.services_by_name["DashboardsService"]


@dataclass(frozen=True)
class Site:
    """The team, its ports, and a key that reads and edits."""

    team: Team
    ports: Ports
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def client(self) -> DashboardsServiceClient:
        return DashboardsServiceClient(self.url, timeout_ms=20_000)

    def headers(self, token: str = "") -> dict[str, str]:
        return {"authorization": f"Bearer {token or self.key}"}


@asynccontextmanager
async def open_site(backends: Backends, engine_settings: Settings) -> AsyncGenerator[Site]:
    team = await new_team(backends)
    accounts, shares = AccountsRepository(backends.postgres), Shares(backends.postgres)
    key = new_key("secret", "dashboards", (Scope.READ, Scope.EDIT))
    async with transaction(backends.postgres) as connection:
        await insert_key(connection, team.call.project.id, key)

    async def find(token: str) -> Credential | None:
        return await (shares if token.startswith("sh_") else accounts).find_credential(token)

    credentials = Credentials(find)
    team.on_forget = credentials.forget
    services = (Service(SERVICE, DashboardsServiceASGIApplication, team.service),)
    edge = cast("Edge", SimpleNamespace(services=services, gate=Gate(credentials.find, [SERVICE]), calls=Calls(Instruments.none())))
    servers = Servers(engine_settings.model_copy(update={"http_port": 0, "grpc_port": 0, "shutdown_timeout_s": 5}), edge)
    ports = await servers.start()
    try:
        yield Site(team, ports, key.token)
    finally:
        await servers.stop()
