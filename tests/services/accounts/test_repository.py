import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.errors import StoreUnavailable
from services.accounts.repository import AccountsRepository


async def test_a_pool_without_a_free_connection_is_an_unavailable_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(_engine: AsyncEngine) -> None:
        raise PoolTimeoutError

    monkeypatch.setattr(AsyncEngine, "begin", no_connection)
    engine = create_async_engine("postgresql+psycopg://nowhere")

    with pytest.raises(StoreUnavailable):
        await AccountsRepository(engine).find_credential("pk_1")
