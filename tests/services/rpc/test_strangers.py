from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from core.errors import RateLimited, ScopeMissing
from pug.accounts.v1 import accounts_pb2
from services.capture.context.addresses import Origins
from services.rpc.call import Credential, Project, Scope, Sender
from services.rpc.gate import Gate
from services.rpc.strangers import Strangers

ACCOUNTS = accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"]
SIGN_IN = "/pug.accounts.v1.AccountsService/SignIn"


async def find(token: str) -> Credential | None:
    return Credential(token, Project(7, "UTC"), frozenset(Scope)) if token == "sk_good" else None


def gate(calls_per_second: int = 1) -> Gate:
    return Gate(find, [ACCOUNTS], strangers=Strangers(lambda sender: sender.peer, calls_per_second, lambda: 0.0))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer at_gone"}, {"authorization": "Bearer sk_good"}, {"authorization": "?"}])
async def test_what_anybody_may_call_asks_for_no_credential_and_ignores_one(headers: dict[str, str]) -> None:
    call = await gate().admit(SIGN_IN, Sender("10.0.0.1", headers), "r", None)

    assert (call.credential.scopes, call.credential.project, call.credential.account) == ({Scope.PUBLIC}, None, None)


async def test_one_address_may_call_so_often_and_others_as_often() -> None:
    door = gate(calls_per_second=2)

    for _ in range(10):
        door.dismiss(await door.admit(SIGN_IN, Sender("10.0.0.1"), "r", None))
    with pytest.raises(RateLimited) as refused:
        await door.admit(SIGN_IN, Sender("10.0.0.1"), "r", None)

    assert refused.value.retry_after == timedelta(seconds=0.5)
    assert await door.admit(SIGN_IN, Sender("10.0.0.2"), "r", None)


async def test_a_network_of_ipv6_is_one_address() -> None:
    strangers = Strangers(lambda sender: sender.peer, 10, lambda: 0.0)

    first, second, other = (strangers.admit(Sender(peer)).key_id for peer in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"))

    assert first == second
    assert first != other


async def test_behind_a_trusted_proxy_clients_are_told_apart_and_others_cannot_say_who_they_are() -> None:
    origins = Origins([IPv4Network("10.0.0.0/8")])
    strangers = Strangers(lambda sender: str(origins.find(sender).address or ""), 10, lambda: 0.0)

    def key_id(peer: str, forwarded: str) -> str:
        return strangers.admit(Sender(peer, {"x-forwarded-for": forwarded})).key_id

    assert key_id("10.0.0.1", "203.0.113.7") == "peer:203.0.113.7"
    assert key_id("198.51.100.1", "203.0.113.7") == "peer:198.51.100.1"


async def test_a_key_opens_nothing_of_an_account_s() -> None:
    with pytest.raises(ScopeMissing):
        await Gate(_keys, [ACCOUNTS]).admit(
            "/pug.accounts.v1.AccountsService/GetMe", Sender("", {"authorization": "Bearer sk_all"}), "r", None
        )


async def _keys(token: str) -> Credential | None:
    return Credential(token, Project(7, "UTC"), frozenset({Scope.READ, Scope.EDIT, Scope.ADMIN}))
