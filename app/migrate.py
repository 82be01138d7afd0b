"""Brings the engines' schemas up to what the code expects."""

from pathlib import Path

from core.clickhouse import ClickHouse
from core.sql import sql, text

MIGRATIONS = Path(__file__).parent.parent / "migrations"


async def migrate_clickhouse(clickhouse: ClickHouse) -> list[str]:
    """Apply the migrations ClickHouse has not had yet, in order; returns their names.

    Every statement may run twice (`IF NOT EXISTS`), because ClickHouse has no transaction to take back half a file.
    """
    await clickhouse.command(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name String, applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY name",
    )
    applied: list[str] = []
    for path in sorted((MIGRATIONS / "clickhouse").glob("*.sql")):
        known = await clickhouse.query(sql("SELECT count() FROM schema_migrations WHERE name = {name}", name=text(path.stem)))
        if known.rows[0][0]:
            continue
        for statement in _statements(path.read_text()):
            await clickhouse.command(statement)
        await clickhouse.command(f"INSERT INTO schema_migrations (name) VALUES ('{path.stem}')")
        applied.append(path.stem)
    return applied


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
