import pytest

from app.migrate import MIGRATIONS, statements
from app.replicated import on_cluster
from core.clickhouse import ClickHouse

STATEMENTS = [
    statement for path in sorted((MIGRATIONS / "clickhouse").rglob("*.sql")) for statement in statements(path.read_text())
]  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_every_migration_is_for_the_cluster_what_it_is_for_one_server(clickhouse: ClickHouse, statement: str) -> None:
    replicated = on_cluster(statement, "pug")

    # ClickHouse reads it and does nothing.
    await clickhouse.command(f"EXPLAIN AST {replicated}")
    # What is inserted on one replica comes to the others, and any of them can be asked.
    assert replicated.count("ON CLUSTER 'pug'") == (not statement.startswith(("INSERT", "SELECT")))
    assert replicated.count("Replicated") == statement.count("MergeTree")
    assert "non_replicated" not in replicated


@pytest.mark.parametrize("statement", STATEMENTS)
def test_without_a_cluster_a_statement_stays_as_it_is(statement: str) -> None:
    assert on_cluster(statement, "") == statement
