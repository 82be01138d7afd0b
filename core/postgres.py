"""Opens PostgreSQL for asyncio."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from opentelemetry.trace import Tracer
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.errors import StoreUnavailable
from core.traced_statements import trace_statements

# Whoever changes the engines' schemas holds this advisory lock, and shared whoever relies on their staying as they are. Any number, the
# same in every process: “pug” in ASCII.
SCHEMA_LOCK = 0x707567

_CONNECT_S = 10


def create_engine(url: URL, *, connections: int, tracer: Tracer | None = None) -> AsyncEngine:
    """A pool of up to so many connections; none is opened before it is needed. With a `tracer`, statements within a span have one."""
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        # A connection that a restart of the server broke is replaced before it is used.
        pool_pre_ping=True,
        # Errors come into logs; addresses and passwords' hashes must not.
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT_S, "application_name": "pug"},
    )
    if tracer:
        trace_statements(engine.sync_engine, tracer)
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A connection in a transaction, which what is raised inside takes back; raises StoreUnavailable like `answering`."""
    with answering():
        async with engine.begin() as connection:
            yield connection


@contextmanager
def answering() -> Generator[None]:
    """Around what asks PostgreSQL: raises StoreUnavailable when it doesn't answer."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise StoreUnavailable("PostgreSQL does not answer.", hint="Try again in a moment; `pug doctor` says what is wrong.") from error
