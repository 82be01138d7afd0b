"""Opens PostgreSQL for asyncio."""

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

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
