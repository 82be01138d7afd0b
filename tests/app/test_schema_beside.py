"""What a running Pug tells of its schema to a command beside it."""

import os

import pytest

from app.backends import Backends
from app.schema import migrations_of
from app.schema_beside import have_schema_told, telling_schema
from core.errors import StoreUnavailable
from core.settings import Settings

pytestmark = pytest.mark.skipif("PUG_TEST_NATS_URL" in os.environ, reason="only an embedded NATS belongs to one Pug")


async def test_all_migrations_are_told_as_they_are_known(backends: Backends, engine_settings: Settings) -> None:
    async with telling_schema(backends, engine_settings):
        assert await have_schema_told(backends.nats) == await migrations_of(backends, engine_settings)


async def test_without_clickhouse_the_others_are_told(backends: Backends, engine_settings: Settings) -> None:
    async with telling_schema(backends, engine_settings, stores=False):
        assert await have_schema_told(backends.nats) == await migrations_of(backends, engine_settings, stores=False)


async def test_a_pug_that_has_not_started_or_is_older_tells_nothing(backends: Backends) -> None:
    with pytest.raises(StoreUnavailable, match="doesn't tell its schema"):
        await have_schema_told(backends.nats)


async def test_why_it_cannot_be_told_is_said(backends: Backends, engine_settings: Settings) -> None:
    async with telling_schema(backends, engine_settings):
        await backends.clickhouse.command("RENAME TABLE schema_migrations TO schema_migrations_kept")
        await backends.clickhouse.command("CREATE TABLE schema_migrations (name UInt8) ENGINE = Null")
        try:
            with pytest.raises(StoreUnavailable):
                await have_schema_told(backends.nats)
        finally:
            await backends.clickhouse.command("DROP TABLE schema_migrations")
            await backends.clickhouse.command("RENAME TABLE schema_migrations_kept TO schema_migrations")
