"""Health and reflection of the gRPC port, which ask for no credential: whoever calls them without end takes no place of an RPC."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha._async import ReflectionServicer

Context = grpc.aio.ServicerContext[bytes, bytes]

_READING_AT_ONCE = 50


class Health(HealthServicer):
    """Says whether it serves, once for each call."""

    async def Watch(self, request: object, context: Context) -> None:  # noqa: ARG002, N802 (named by the contract)
        """Refused, as a watch has no end; its contract has clients take that for healthy, or ask by Check."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Call Check: a watch would hold a place for ever.")


class Reflection:
    """Shows the contracts, to so many at once."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the services shown."""
        self._contracts = cast("Any", ReflectionServicer(service_names=names))  # its stub takes a generator for a coroutine
        self._reading = 0

    async def ServerReflectionInfo(self, request_iterator: object, context: Context) -> AsyncIterator[object]:  # noqa: N802 (named by the contract)
        """One answer for each question."""
        if self._reading >= _READING_AT_ONCE:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many read the contracts just now. Try again in a moment.")
        self._reading += 1
        try:
            async for response in self._contracts.ServerReflectionInfo(request_iterator, context):
                yield response
        finally:
            self._reading -= 1
