"""Runs by app/migrate.py, which passes an open connection."""

from collections.abc import Collection, Mapping
from typing import cast

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, text


def note_when(ctx: MigrationContext, step: MigrationInfo, heads: Collection[object], run_args: Mapping[str, object]) -> None:  # noqa: ARG001 (alembic's)
    """Write down when a migration was applied, in its transaction: alembic itself knows the last one only, and no time."""
    assert ctx.connection
    ctx.connection.execute(
        text("CREATE TABLE IF NOT EXISTS schema_history (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())")
    )
    ctx.connection.execute(
        text("INSERT INTO schema_history (name) VALUES (:name) ON CONFLICT (name) DO UPDATE SET applied_at = now()"),
        [{"name": name} for name in step.up_revision_ids],
    )


connection = cast("Connection", context.config.attributes["connection"])
context.configure(connection=connection, transaction_per_migration=True, on_version_apply=note_when)
with context.begin_transaction():
    context.run_migrations()
