"""Tells caches and browsers that an answer is for its caller alone: a GET may be kept otherwise, and a text be taken for a page."""

from collections.abc import MutableMapping
from typing import Any

from services.rpc.asgi import AsgiApp, Receive, Scope, Send

_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


def unshared(application: AsgiApp) -> AsgiApp:
    """The application, whose answers nobody keeps."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await application(scope, receive, say)

    return serve
