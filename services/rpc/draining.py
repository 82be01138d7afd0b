"""Reads on, for a little, what a refused sender is still sending.

A connection that is closed on unread bytes is reset, and the reset overtakes the answer: the sender would see a broken pipe over HTTP/1.1
and a broken stream over HTTP/2 in place of the reason.
"""

import asyncio
import contextlib
from collections.abc import MutableMapping
from typing import Any

from services.rpc.asgi import AsgiApp, Receive, Scope, Send

DRAIN_WITHIN_S = 2.0
_MOST_BYTES = 8 * 2**20


class _Body:
    """The body of a request, as far as it was asked for."""

    __slots__ = ("_receive", "_whole")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._whole = False

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._whole = self._whole or message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drain(self, within_s: float) -> None:
        if self._whole:
            return
        left = _MOST_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while left > 0 and not self._whole:
                    left -= len((await self.receive()).get("body", b""))


def draining(application: AsgiApp, within_s: float) -> AsgiApp:
    """The application; what it left unread when it had answered is read and thrown away, up to a limit of bytes and of time."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = _Body(receive)
        await application(scope, body.receive, send)
        await body.drain(within_s)

    return serve
