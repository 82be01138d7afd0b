"""What every process of Pug says of itself, and how to ask all of them: over NATS, which each of them is connected to wherever it runs.

Nothing is written anywhere: who doesn't run doesn't answer, and what is answered is of now (docs/decisions/0027).
"""

import contextlib
from collections.abc import AsyncGenerator, Callable

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from app.reporting.report import Report
from core.errors import StreamUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SUBJECT = "pug.reports"
_NOBODY = "503"
# A process whose event loop is busy takes its time; after the first have answered, few are that busy.
_FIRST_WITHIN_S = 1.0
_NEXT_WITHIN_S = 0.3


@contextlib.asynccontextmanager
async def reporting(connection: Client, report: Callable[[], Report]) -> AsyncGenerator[None]:
    """Answer whoever asks, meanwhile."""

    async def answer(message: Msg) -> None:
        try:
            await message.respond(msgspec.json.encode(report()))
        except nats.errors.Error as error:
            log.warning("report_not_sent", error=type(error).__name__)

    subscription = await connection.subscribe(_SUBJECT, cb=answer)
    try:
        yield
    finally:
        # A connection that is closed, or broken, has forgotten it anyway.
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()


async def ask_processes(connection: Client) -> list[Report]:
    """What every process says that runs and answers within a second; what another version says otherwise is left out."""
    try:
        inbox = await connection.subscribe(reply := connection.new_inbox())
        await connection.publish(_SUBJECT, b"", reply=reply)
        found: list[Report] = []
        with contextlib.suppress(nats.errors.TimeoutError):
            while (message := await inbox.next_msg(_NEXT_WITHIN_S if found else _FIRST_WITHIN_S)) and not _is_nobody(message):
                with contextlib.suppress(msgspec.ValidationError):
                    found.append(msgspec.json.decode(message.data, type=Report))
        await inbox.unsubscribe()
    except (nats.errors.Error, OSError) as error:
        raise StreamUnavailable(f"NATS does not answer: {str(error) or type(error).__name__}.") from error
    return sorted(found, key=lambda each: (each.host, each.started_at, each.pid))


def _is_nobody(message: Msg) -> bool:
    """Whether the server itself says that nobody listens."""
    return bool(message.headers) and message.headers.get("Status") == _NOBODY
