import json
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from services.capture.context.addresses import Origins
from services.capture.context.enricher import Enricher
from services.capture.context.places import registry_place
from services.rpc.call import Sender

PROXY = "10.1.2.3"


@pytest.fixture(scope="session")
def enricher() -> Enricher:
    """Behind proxies in 10.0.0.0/8."""
    return Enricher(Origins([ip_network("10.0.0.0/8")]), registry_place)


@pytest.fixture(scope="session")
def context(enricher: Enricher) -> Callable[..., dict[str, object]]:
    """`context(headers, peer="")`: what a request's events are told beside what they say themselves."""

    def of(headers: dict[str, str], peer: str = "") -> dict[str, object]:
        said = enricher.client(Sender(peer, headers)).context
        return json.loads(said) if said else {}

    return of
