"""As clients call it: Connect with JSON, and native gRPC."""

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
import structlog

from accounts_stand import ACCOUNTS, PASSWORD, Stand
from core.errors import SessionEnded, SignInFailed
from empty_answers import EmptyAnswers
from pug.accounts.v1 import session_pb2 as pb
from pug.accounts.v1.accounts_connect import AccountsServiceASGIApplication
from pug.common.v1.error_info_pb2 import ErrorInfo
from services.accounts.service import AccountsService
from services.rpc.connect import connect_application
from services.rpc.gate import Gate
from services.rpc.native import NativeServer
from services.rpc.service import Service, snake_case
from services.rpc.strangers import Strangers


class Served(EmptyAnswers):
    """What the service answers, and something for the rest."""

    def __init__(self, service: AccountsService) -> None:
        for name in (snake_case(method.name) for method in ACCOUNTS.methods):
            if handler := getattr(service, name, None):
                setattr(self, name, handler)
        super().__init__(ACCOUNTS)


def service_of(stand: Stand) -> Service:
    return Service(ACCOUNTS, AccountsServiceASGIApplication, Served(stand.service))


@asynccontextmanager
async def browser(stand: Stand) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(connect_application([service_of(stand)], stand.gate, {}))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://pug/{ACCOUNTS.full_name}") as client:
        yield client


async def call(client: httpx.AsyncClient, rpc: str, body: Mapping[str, str], token: str = "") -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = await client.post(f"/{rpc}", json=body, headers=headers)
    return response.status_code, response.json()


async def test_a_browser_signs_up_and_in_stays_and_leaves(stand: Stand, email: str) -> None:
    async with browser(stand) as client:
        status, made = await call(client, "SignUp", {"email": email, "password": PASSWORD, "timeZone": "Europe/Berlin"})
        assert (status, made["session"]["account"]["email"]) == (200, email)
        _, entered = await call(client, "SignIn", {"email": email, "password": PASSWORD})
        _, refreshed = await call(client, "RefreshSession", {"refreshToken": entered["session"]["refreshToken"]})
        token = refreshed["session"]["accessToken"]
        status, me = await call(client, "GetMe", {}, token)
        assert (status, [org["role"] for org in me["orgs"]]) == (200, ["ROLE_OWNER"])
        _, sessions = await call(client, "ListMySessions", {}, token)
        assert len(sessions["sessions"]) == 2
        assert (await call(client, "SignOut", {"refreshToken": refreshed["session"]["refreshToken"]})) == (200, {})
        status, refusal = await call(client, "GetMe", {}, token)
        assert (status, refusal["code"]) == (401, "unauthenticated")


async def test_an_error_says_its_reason_field_and_when_to_come_back(stand: Stand, email: str) -> None:
    async with browser(stand) as client:
        status, refusal = await call(client, "SignUp", {"email": email, "password": "short"})
        assert (status, refusal["code"]) == (400, "invalid_argument")
        info = ErrorInfo.FromString(base64.b64decode(refusal["details"][0]["value"] + "=="))
        assert (info.reason, info.field, bool(info.hint)) == ("PASSWORD_INVALID", "password", True)
        for _ in range(10):
            assert (await call(client, "SignIn", {"email": email, "password": PASSWORD}))[0] == 401
        limited = await client.post("/SignIn", json={"email": email, "password": PASSWORD})

    assert (limited.status_code, limited.json()["code"]) == (429, "resource_exhausted")
    assert 0 < int(limited.headers["retry-after"]) <= 30


async def test_what_anybody_may_call_is_limited_by_address_before_the_body_is_read(stand: Stand) -> None:
    # While time stands still.
    stand.gate = Gate(stand.credentials.find, [ACCOUNTS], strangers=Strangers(lambda sender: sender.peer, 10, lambda: 0.0))
    async with browser(stand) as client:
        answers = [(await client.post("/SignOut", content=b"{", headers={"content-type": "application/json"})) for _ in range(60)]

    assert answers[0].status_code == 400
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "1"


async def test_native_grpc_does_the_same(stand: Stand, email: str) -> None:
    server = NativeServer([service_of(stand)], stand.gate)
    port = await server.start("127.0.0.1:0", None)

    def rpc(name: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
        return channel.unary_unary(f"/{ACCOUNTS.full_name}/{name}")

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        made = pb.SignUpResponse.FromString(await rpc("SignUp")(pb.SignUpRequest(email=email, password=PASSWORD).SerializeToString()))
        metadata = (("authorization", f"Bearer {made.session.access_token}"),)
        me = pb.GetMeResponse.FromString(await rpc("GetMe")(b"", metadata=metadata))
    await server.stop(1)

    assert me.account.email == email


async def test_the_log_says_what_happened_and_neither_addresses_nor_tokens(stand: Stand, email: str) -> None:
    with structlog.testing.capture_logs() as lines:
        session = await stand.sign_up(email)
        with pytest.raises(SignInFailed):
            await stand.signed_in(email, "wrong horse battery")
        entered = await stand.signed_in(email)
        await stand.refresh(entered)
        with pytest.raises(SessionEnded):
            await stand.refresh(entered)
        link = await stand.ask_for_link(email)
        await stand.complete(link)

    assert [line["event"] for line in lines] == ["signed_up", "signed_in", "refresh_token_used_twice", "signed_in"]
    assert {line["account_id"] for line in lines} == {session.account.id}
    for secret in (email, stand.peer, PASSWORD, link, session.access_token, entered.refresh_token):
        assert secret not in str(lines)
