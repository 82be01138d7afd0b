"""When something was last removed from a project's data (workers/removal)."""

from typing import cast

from core.clickhouse import ClickHouse
from core.sql import sql, unsigned


async def latest_removal(clickhouse: ClickHouse, project_id: int) -> int:
    """A number that grows with each removal; 0 before there is any."""
    query = sql("SELECT max(version) FROM removals WHERE project_id = {project}", project=unsigned(project_id))
    return cast("int", (await clickhouse.query_together(query)).rows[0][0])
