"""Has a running Pug tell which migrations its engines have had, because no other process may open its ClickHouse.

The command asks through the embedded NATS, as `pug backup` does (app/backup/beside.py).
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from app.backends import Backends, is_embedded
from app.schema import Migration, migrations_of
from core.errors import PugError, StoreUnavailable
from core.settings import Settings

_SUBJECT = "pug.schema"
_ANSWER_WITHIN_S = 30.0


class _Answer(msgspec.Struct, frozen=True):
    """All migrations, or why they can't be told."""

    migrations: list[Migration] = []
    error: str = ""
    hint: str = ""


@asynccontextmanager
async def telling_schema(backends: Backends, settings: Settings, *, stores: bool = True) -> AsyncGenerator[None]:
    """While whoever asks is told; ClickHouse's only when it is open, which is `stores`.

    Where NATS is a server nobody is told, because Pugs of other data folders may use it, too.
    """
    if not is_embedded(settings, "NATS_URL"):
        yield
        return

    async def asked(request: Msg) -> None:
        try:
            answer = _Answer(await migrations_of(backends, settings, stores=stores))
        except PugError as error:
            answer = _Answer(error=error.message, hint=error.hint)
        await request.respond(msgspec.json.encode(answer))

    subscription = await backends.nats.subscribe(_SUBJECT, cb=asked)
    try:
        yield
    finally:
        await subscription.unsubscribe()


async def have_schema_told(connection: Client) -> list[Migration]:
    """The migrations of the engines of the Pug that runs with this NATS; raises StoreUnavailable while it doesn't tell."""
    try:
        reply = await connection.request(_SUBJECT, b"", timeout=_ANSWER_WITHIN_S)
    except (nats.errors.Error, TimeoutError) as error:
        raise StoreUnavailable(
            "The Pug that runs here doesn't tell its schema.", hint="Try again once it has started, or stop it."
        ) from error
    answer = msgspec.json.decode(reply.data, type=_Answer)
    if answer.error:
        raise StoreUnavailable(answer.error, hint=answer.hint)
    return answer.migrations
