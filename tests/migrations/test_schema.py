"""What the view of property keys counts."""

import json

import pytest

from core.sql import sql, unsigned
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED
from story import Store
from workers.store import FORMAT, SETTINGS

# A locale is counted as it was sent.
ADDED = sorted({*CLIENT_OR_DERIVED, *DERIVED} - {"$locale"})


@pytest.mark.parametrize("key", ADDED)
async def test_each_added_key_is_counted_under_its_own_name(store: Store, key: str) -> None:
    rows = [json.dumps([store.project_id, "seen", f"x{place}", {"plan": "pro"}]) for place in range(3)]
    columns = ("project_id", "name", key[1:], "properties")

    await store.clickhouse.insert_bytes("events", columns, "\n".join(rows).encode(), FORMAT, SETTINGS)

    found = await store.clickhouse.query(
        sql(
            "SELECT key, sum(count) FROM schema_properties WHERE project_id = {project} GROUP BY key ORDER BY key",
            project=unsigned(store.project_id),
        )
    )
    assert found.rows == [(key, 3), ("plan", 3)]
