"""Waits only so long for a request's body: a sender who stalls must not hold a connection for ever."""

import asyncio
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from services.rpc.asgi import Receive, Send

BODY_WITHIN_S = 30.0


class Exchange:
    """One request's receive and send, with a deadline for the whole body."""

    __slots__ = ("_deadline", "_expired", "_receive", "_send", "_whole", "_within_s")

    def __init__(self, receive: Receive, send: Send, within_s: float) -> None:
        """The clock starts here."""
        self._receive = receive
        self._send = send
        self._within_s = within_s
        self._deadline = asyncio.get_running_loop().time() + within_s
        self._whole = False
        self._expired = False

    async def receive(self) -> MutableMapping[str, Any]:
        """The next part of the body; once it is whole there is no deadline, as connectrpc then waits here for a disconnect."""
        if self._whole:
            return await self._receive()
        patience = asyncio.timeout_at(self._deadline)
        try:
            async with patience:
                message = await self._receive()
        except TimeoutError as error:
            if not patience.expired():
                raise
            self._expired = True
            raise late(self._within_s) from error
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass an answer on; for a body that didn't come, connectrpc's 504 would blame a server behind this one."""
        if self._expired and message["type"] == "http.response.start" and message["status"] == HTTPStatus.GATEWAY_TIMEOUT:
            message["status"] = HTTPStatus.REQUEST_TIMEOUT.value
        await self._send(message)


def late(within_s: float) -> ConnectError:
    """The body took too long."""
    return ConnectError(Code.DEADLINE_EXCEEDED, f"The body did not arrive within {within_s:g} s.")
