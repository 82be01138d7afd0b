from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import person_id
from core.sql import sql, texts


def test_a_person_is_called_by_sixteen_digits() -> None:
    assert person_id("ann") == "32c6e8810c943152"


@given(ids=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=50))
@settings(max_examples=30, deadline=None)
async def test_python_and_clickhouse_hash_the_same(clickhouse: ClickHouse, ids: list[str]) -> None:
    found = await clickhouse.query(sql("SELECT sipHash64(arrayJoin({ids}))", ids=texts(ids)))

    assert [f"{row[0]:016x}" for row in found.rows] == [person_id(one) for one in ids]
