"""Connects to NATS so that the connection survives a restart of the server, and reads streams."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext

from core.errors import StreamUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CONNECT_S = 15


async def connect(servers: Sequence[str], *, within_s: float | None = None) -> Client:
    """A connection that comes back by itself; raises StreamUnavailable when no server answers at first."""
    connection = Client()

    async def on_error(error: Exception) -> None:
        log.warning("nats_failed", error=str(error) or type(error).__name__)

    async def on_disconnect() -> None:
        if not connection.is_closed:
            log.warning("nats_disconnected")

    async def on_reconnect() -> None:
        log.info("nats_reconnected")

    try:
        async with asyncio.timeout(_CONNECT_S if within_s is None else within_s):
            await connection.connect(
                list(servers),
                name="pug",
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                # A connection that has silently gone is noticed after three of these.
                ping_interval=5,
                max_outstanding_pings=2,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
            )
    except (nats.errors.Error, TimeoutError, OSError) as error:
        await connection.close()
        raise StreamUnavailable(
            f"NATS could not be reached: {str(error) or type(error).__name__}.", hint="Check NATS_URL and that the server runs."
        ) from error
    return connection


async def messages(jetstream: JetStreamContext, stream: str, subjects: str, first: int = 1) -> AsyncGenerator[RawStreamMsg]:
    """The messages of a stream from a number on, until there is no further one; one at a time, so that who takes them may take their time.

    They are the leader's, for a replica that lags may not have the last. Raises StreamUnavailable when NATS doesn't answer.
    """
    place = first
    while True:
        try:
            message = await jetstream.get_msg(stream, place, subject=subjects, next=True)
        except nats.js.errors.NotFoundError:
            return
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            raise StreamUnavailable(
                f"NATS does not answer about the stream {stream}: {str(error) or type(error).__name__}.", hint="Try again in a moment."
            ) from error
        yield message
        place = (message.seq or place) + 1
