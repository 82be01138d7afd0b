"""Opens PostgreSQL for asyncio."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.errors import StoreUnavailable

_CONNECT_S = 10


def create_engine(url: URL, *, connections: int) -> AsyncEngine:
    """A pool of up to so many connections; none is opened before it is needed."""
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        # A connection that a restart of the server broke is replaced before it is used.
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_S, "application_name": "pug"},
    )


@contextmanager
def answering() -> Generator[None]:
    """Around what asks PostgreSQL: raises StoreUnavailable when it doesn't answer."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise StoreUnavailable("PostgreSQL does not answer.", hint="Try again in a moment; `pug doctor` says what is wrong.") from error
