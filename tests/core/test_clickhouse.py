from core.sql import sql, text, unsigned
from story import Store, event


async def test_told_events_come_back_with_their_properties(store: Store) -> None:
    await store.tell(event("signed_up", "ann", plan="pro"), event("signed_up", "bob", plan="it's \\ \t`"))

    found = await store.clickhouse.query(
        sql(
            "SELECT distinct_id, properties.plan FROM events WHERE project_id = {project} AND name = {name} ORDER BY distinct_id",
            project=unsigned(store.project_id),
            name=text("signed_up"),
        ),
    )

    assert found.rows == [("ann", "pro"), ("bob", "it's \\ \t`")]
