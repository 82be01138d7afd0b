import asyncio
import contextlib
from typing import Any, cast

import pytest

from core.backlog import Backlog
from core.instruments import Instruments
from core.stream import StreamState


@pytest.mark.parametrize("answers_after", [0.0, 0.05])
async def test_watching_ends_when_told_to_even_by_a_client_that_forgets_cancellations(
    monkeypatch: pytest.MonkeyPatch, answers_after: float
) -> None:
    async def forgetful(_connection: object, _stream: str) -> StreamState:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(answers_after)
        return StreamState(0, 0, None)

    monkeypatch.setattr("core.backlog.state_of", forgetful)
    stop = asyncio.Event()
    nobody = cast("Any", None)
    watching = asyncio.create_task(Backlog(nobody, "EVENTS", "DEAD", Instruments.none().meter).watch(stop, every_s=60))
    await asyncio.sleep(0.02)

    stop.set()

    await asyncio.wait_for(watching, 2)
