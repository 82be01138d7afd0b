import time
from collections.abc import Awaitable, Callable

import pytest

from empty_answers import EmptyAnswers
from pug.accounts.v1.accounts_connect import AccountsServiceASGIApplication
from pug.accounts.v1.accounts_pb2 import DESCRIPTOR
from pug.capture.v1.capture_pb2 import DESCRIPTOR as CAPTURE
from services.rpc.call import Credential, Project, Scope
from services.rpc.gate import Gate
from services.rpc.service import Service
from services.rpc.turnstile import Limits, Turnstile

ACCOUNTS = DESCRIPTOR.services_by_name["AccountsService"]


@pytest.fixture
def service() -> Service:
    """A service whose messages have at most 1,000 bytes."""
    return Service(ACCOUNTS, AccountsServiceASGIApplication, EmptyAnswers(ACCOUNTS), max_bytes=1000)


@pytest.fixture
def turnstile() -> Turnstile:
    """For two calls a key and three in all."""
    return Turnstile(Limits(key_requests=2, requests=3), time.monotonic)


@pytest.fixture
def gate(service: Service, turnstile: Turnstile) -> Gate:
    """Lets every key in."""
    find: Callable[[str], Awaitable[Credential | None]] = _find
    return Gate(find, [service.descriptor, CAPTURE.services_by_name["CaptureService"]], turnstile)


async def _find(token: str) -> Credential | None:
    return Credential(token, Project(7, "UTC"), frozenset(Scope))
