"""Waits for the moment at which no block is half stored: every event is in ClickHouse, or in the stream, or recognised as being in both."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from nats.js.client import JetStreamContext

from core.errors import StoreUnavailable
from workers.pause import Pause
from workers.settled import all_settled

_WITHIN_S = 120.0
_ACKNOWLEDGED_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.05
_TRY_AGAIN_S = 0.5


@asynccontextmanager
async def settled(jetstream: JetStreamContext, pause: Pause) -> AsyncGenerator[None]:
    """While nothing is stored and no block is in doubt.

    After a crash a block in doubt is stored again under its token, by which ClickHouse knows what it has of it. A copy of ClickHouse knows
    no tokens, so such a block has to be settled first.
    """
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until:
        async with pause.held():
            if await _nothing_in_doubt(jetstream):
                yield
                return
        # Its worker has to get on.
        await asyncio.sleep(_TRY_AGAIN_S)
    raise StoreUnavailable(
        "A block of events is stored by halves, and no worker settles it.",
        hint="Start Pug, and see what `pug doctor` and `pug status` say.",
    )


async def _nothing_in_doubt(jetstream: JetStreamContext) -> bool:
    # Whoever settled a block does not wait for JetStream to let its messages go.
    until = time.monotonic() + _ACKNOWLEDGED_WITHIN_S
    while not await all_settled(jetstream):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True
