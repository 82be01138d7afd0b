"""Which rollups there are: those that `pug migrate` has built and compared with the events (app/rollups.py)."""

from core.clickhouse import ClickHouse
from core.sql import sql, texts
from services.insights.tables import ROLLUPS


class Rollups:
    """Remembers the rollups that are built: once one is, it stays so."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._built: frozenset[str] = frozenset()

    async def built(self) -> frozenset[str]:
        """The names of those that are built; the others are asked for again, since a migration may be building them."""
        if len(self._built) < len(ROLLUPS):
            found = await self._clickhouse.query(
                sql("SELECT DISTINCT name FROM schema_migrations WHERE name IN {rollups}", rollups=texts(ROLLUPS))
            )
            self._built = frozenset(str(row[0]) for row in found.rows)
        return self._built
