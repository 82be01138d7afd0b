import asyncio
from collections.abc import MutableMapping
from typing import Any

from services.rpc import draining as module
from services.rpc.asgi import Receive, Scope, Send
from services.rpc.draining import draining

Message = MutableMapping[str, Any]
HTTP: Message = {"type": "http"}


class Client:
    """Sends the given parts, then stays silent; keeps how much of it was unread when it was answered."""

    def __init__(self, *parts: Message) -> None:
        self.parts = list(parts)
        self.unread_when_answered = -1

    async def receive(self) -> Message:
        if not self.parts:
            await asyncio.Event().wait()
        return self.parts.pop(0)

    async def send(self, _message: Message) -> None:
        self.unread_when_answered = len(self.parts)


def part(size: int = 1, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def refuse_at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 401})


async def read_it_all(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200})


async def test_the_refusal_goes_out_first_and_the_rest_of_the_body_is_read_then() -> None:
    client = Client(part(more=True), part(more=False))

    await draining(refuse_at_once, 5)(HTTP, client.receive, client.send)

    assert client.unread_when_answered == 2
    assert client.parts == []


async def test_after_a_body_that_was_read_nothing_more_is_waited_for() -> None:
    client = Client(part(more=True), part(more=False), {"type": "http.disconnect"})

    await draining(read_it_all, 5)(HTTP, client.receive, client.send)

    assert len(client.parts) == 1


async def test_a_sender_who_stalls_is_not_waited_for_long() -> None:
    client = Client(part(more=True))

    await draining(refuse_at_once, 0.01)(HTTP, client.receive, client.send)

    assert client.parts == []


async def test_a_sender_who_never_ends_is_left_at_the_limit() -> None:
    client = Client(*(part(2**20, more=True) for _ in range(100)))

    await draining(refuse_at_once, 60)(HTTP, client.receive, client.send)

    assert len(client.parts) == 100 - module._MOST_BYTES // 2**20  # pyright: ignore[reportPrivateUsage] (the limit)
