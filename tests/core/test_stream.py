import nats.errors
import pytest
from nats.aio.client import Client

from core.errors import StreamUnavailable
from core.stream import state_of


@pytest.mark.parametrize("error", [nats.errors.TimeoutError(), nats.errors.NoRespondersError(), nats.errors.ConnectionClosedError()])
async def test_a_stream_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def request(*_: object, **__: object) -> None:
        raise error

    connection = Client()
    monkeypatch.setattr(connection, "request", request)

    with pytest.raises(StreamUnavailable):
        await state_of(connection, "EVENTS")
