import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from services.rpc.patience import Exchange

Message = MutableMapping[str, Any]


class Client:
    """Sends the given messages, then stays silent; keeps what it is answered."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.answers: list[Message] = []

    async def receive(self) -> Message:
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.answers.append(message)


def part(*, more: bool) -> Message:
    return {"type": "http.request", "body": b"x", "more_body": more}


async def test_a_body_that_stalls_is_given_up() -> None:
    client = Client(part(more=True))
    exchange = Exchange(client.receive, client.send, 0.01)
    await exchange.receive()

    with pytest.raises(ConnectError) as refused:
        await exchange.receive()
    await exchange.send({"type": "http.response.start", "status": 504})

    assert refused.value.code is Code.DEADLINE_EXCEEDED
    assert client.answers[0]["status"] == 408


async def test_after_the_whole_body_the_wait_for_a_disconnect_has_no_deadline() -> None:
    client = Client(part(more=False))
    exchange = Exchange(client.receive, client.send, 0.01)
    await exchange.receive()

    waiting = asyncio.create_task(exchange.receive())
    await asyncio.sleep(0.05)

    assert not waiting.done()
    waiting.cancel()


async def test_a_call_that_ran_out_of_its_own_time_keeps_its_status() -> None:
    client = Client(part(more=False))
    exchange = Exchange(client.receive, client.send, 0.01)
    await exchange.receive()

    await exchange.send({"type": "http.response.start", "status": 504})

    assert client.answers[0]["status"] == 504
