"""What tests of cookieless visitors share."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime

from nats.aio.client import Client as NatsClient
from nats.js.kv import KeyValue

from core.bucket import Bucket
from services.capture.context.enricher import Client
from services.capture.cookieless.degradations import Degradations
from services.capture.cookieless.salts import Salts
from services.capture.cookieless.sessions import Sessions
from services.capture.cookieless.visitors import Visitors
from services.rpc.call import Sender

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 3, 1), date(2026, 2, 28)
ADDRESS = "203.0.113.7"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

MakeBucket = Callable[[], Bucket]


async def is_gone(bucket: Bucket, key: str) -> bool:
    """Whether a value that lives for a second is gone within ten."""
    for _ in range(200):
        if await bucket.get(key) is None:
            return True
        await asyncio.sleep(0.05)
    return False


def nobody() -> Visitors:
    """For a service to which nobody comes without an id: the buckets must not be asked."""

    async def opened() -> KeyValue:
        raise AssertionError

    nowhere, degradations = Bucket(NatsClient(), opened), Degradations()
    return Visitors(Salts(nowhere, degradations), Sessions(nowhere, degradations), degradations)


def unknown(_sender: Sender) -> Client:
    """Of a request that says nothing of its client."""
    return Client("", "", "")
