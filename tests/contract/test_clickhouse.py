"""What we rely on of ClickHouse, whichever way it is reached."""

import asyncio
import json
import struct
from datetime import UTC, datetime
from itertools import count

import pytest

from core.clickhouse import ClickHouse
from core.errors import FilterInvalid, QueryTooExpensive, StoreUnavailable
from core.sql import numbers, sql, text, texts, unsigned
from story import Store, event, next_project
from workers.store import COLUMNS, FORMAT, SETTINGS

NASTY = ["", "it's", '"', "\\", "\\'", "\\n", "\n", "\t", "\r\n", "`", "{x}", "%s", "a,b", "[]", "NULL", "\\N", "ü€😀", "--", ";", "a\0b"]
tokens = count()
# ClickHouse writes a text with bound values anew, without its comments.
FOR_EVER = sql("SELECT sum(sipHash64(number, {salt})) FROM numbers(1000000000000) SETTINGS max_execution_time = 60", salt=text("salt"))


@pytest.mark.parametrize("value", NASTY, ids=ascii)
async def test_a_text_comes_back_as_it_went(engine: ClickHouse, value: str) -> None:
    found = await engine.query(sql("SELECT {value} AS alone, {values} AS among", value=text(value), values=texts([value, "x", value])))

    assert [found.rows[0][0], list(as_list(found.rows[0][1]))] == [value, [value, "x", value]]


def as_list(value: object) -> list[object]:
    assert isinstance(value, list)
    return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] (rows are objects)


async def test_numbers_come_back_as_they_went(engine: ClickHouse) -> None:
    found = await engine.query(sql("SELECT {big}, {some}", big=unsigned(2**64 - 1), some=numbers([0.1, -1e300])))

    assert found.rows == [(2**64 - 1, [0.1, -1e300])]


async def test_a_time_has_its_zone(engine: ClickHouse) -> None:
    found = await engine.query(
        sql(
            "SELECT toDateTime64('2026-03-29 01:30:00.123', 3, 'UTC'), toDateTime64('2026-07-01 12:00:00', 3, 'Europe/Berlin'),"
            " toDateTime('2026-03-01 10:00:00', 'UTC')"
        )
    )
    utc, berlin, seconds = found.rows[0]

    assert utc == datetime(2026, 3, 29, 1, 30, 0, 123_000, tzinfo=UTC)
    assert berlin == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert seconds == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


async def test_every_row_of_a_large_insert_is_stored(engine: ClickHouse) -> None:
    # Among a million little-endian numbers all pairs of bytes occur, also those that end an insert that is read as text.
    await engine.command("DROP TABLE IF EXISTS many")
    await engine.command("CREATE TABLE many (number UInt32) ENGINE = MergeTree ORDER BY number")

    await engine.insert_bytes("many", ["number"], struct.pack("<1000000I", *range(1_000_000)), "RowBinary", {})

    found = await engine.query(sql("SELECT count(), uniqExact(number), sum(number) FROM many"))
    assert found.rows == [(1_000_000, 1_000_000, 499_999_500_000)]
    await engine.command("DROP TABLE many")


async def test_the_rows_a_query_read_are_counted(engine: ClickHouse) -> None:
    found = await engine.query(sql("SELECT max(number) FROM numbers(1000)"))

    assert found.rows_read == 1000


async def test_a_result_can_be_had_as_bytes(engine: ClickHouse) -> None:
    query = sql("SELECT toUInt64(number) FROM numbers(100000)")
    chunks: list[bytes] = []

    whole = await engine.query_bytes(query, "RowBinary")
    await engine.stream_bytes(query, "RowBinary", 8, chunks.append)

    assert whole == struct.pack("<100000Q", *range(100_000))
    assert b"".join(chunks) == whole


async def test_a_pattern_that_is_not_one_is_the_filter_s_error(engine: ClickHouse) -> None:
    with pytest.raises(FilterInvalid):
        await engine.query(sql("SELECT match({value}, {pattern})", value=text("a"), pattern=text("(")))


async def test_a_query_over_its_time_is_too_expensive(engine: ClickHouse) -> None:
    with pytest.raises(QueryTooExpensive):
        await engine.query(sql("SELECT sum(sipHash64(number)) FROM numbers(100000000000) SETTINGS max_execution_time = 0.2"))


async def test_a_query_over_its_memory_is_too_expensive(engine: ClickHouse) -> None:
    with pytest.raises(QueryTooExpensive):
        await engine.query(sql("SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 10000000"))


async def test_a_setting_ends_with_its_call(engine: ClickHouse) -> None:
    await engine.insert_bytes("events_in", ["name"], b'{"name": 1, "more": 2}', "JSONEachRow", {"input_format_skip_unknown_fields": 1})

    found = await engine.query(sql("SELECT changed FROM system.settings WHERE name = 'insert_deduplication_token'"))

    assert not found.rows[0][0]


async def test_a_block_that_comes_again_is_stored_once_in_every_table(engine: ClickHouse) -> None:
    store = Store(engine, next_project())
    await store.tell(event("signed_up", "ann", plan="pro"))
    paid = [
        "0197c3a0-0000-7000-8000-000000000001",
        store.project_id,
        "paid",
        "ann",
        "",
        1,
        1,
        {"$url": "https://a.example/"},
        '{"$os":"iOS"}',
    ]
    block = json.dumps(paid).encode()
    once = {**SETTINGS, "insert_deduplication_token": f"{store.project_id}-{next(tokens)}", "log_comment": "1790000000000123"}

    for _ in range(3):
        await engine.insert_bytes("events_in", COLUMNS, block, FORMAT, once)

    # One event of one name, which has one key that was sent and four that were added.
    for query, counted in (
        (sql("SELECT count() FROM events WHERE project_id = {project} AND name = 'paid'", project=unsigned(store.project_id)), 1),
        (sql("SELECT sum(count) FROM schema_events WHERE project_id = {project} AND name = 'paid'", project=unsigned(store.project_id)), 1),
        (
            sql(
                "SELECT sum(count) FROM schema_properties WHERE project_id = {project} AND name = 'paid'",
                project=unsigned(store.project_id),
            ),
            5,
        ),
    ):
        assert (await engine.query(query)).rows == [(counted,)]
    stored_at = sql(
        "SELECT toUnixTimestamp64Micro(stored_at) FROM events WHERE project_id = {project} AND name = 'paid'",
        project=unsigned(store.project_id),
    )
    assert (await engine.query(stored_at)).rows == [(1790000000000123,)]


async def test_a_table_that_is_not_there_yet_is_an_engine_that_is_away(clickhouse: ClickHouse) -> None:
    with pytest.raises(StoreUnavailable, match="UNKNOWN_TABLE"):
        await clickhouse.query(sql("SELECT * FROM not_there_yet"))


async def test_values_too_long_for_an_address_are_bound(engine: ClickHouse) -> None:
    found = await engine.query(sql("SELECT length({long}), endsWith({long}, 'é\r\n--')", long=text("x" * 200_000 + "é\r\n--")))

    assert found.rows == [(200_006, 1)]


async def running_for_ever(engine: ClickHouse) -> int:
    found = await engine.query(
        sql("SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%' AND query NOT LIKE '%LIKE%'")
    )
    return int(str(found.rows[0][0]))


async def until_running(engine: ClickHouse, queries: int) -> None:
    async with asyncio.timeout(30):
        # What another process's engine runs tells nobody.
        while await running_for_ever(engine) != queries:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_query_nobody_waits_for_any_more_is_killed(engine: ClickHouse) -> None:
    asking = asyncio.create_task(engine.query(FOR_EVER))
    await until_running(engine, 1)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await until_running(engine, 0)


async def test_a_small_statement_runs_beside_those_that_keep_all_connections_busy(clickhouse: ClickHouse) -> None:
    pool = clickhouse.apart(1)
    asking = asyncio.create_task(pool.query(FOR_EVER))
    await until_running(clickhouse, 1)

    await pool.command_beside("SYSTEM START TTL MERGES events")

    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await pool.close()


async def test_queries_cancelled_before_they_began_never_run(clickhouse: ClickHouse) -> None:
    pool = clickhouse.apart(1)
    asking = [asyncio.create_task(pool.query(FOR_EVER)) for _ in range(3)]
    await until_running(clickhouse, 1)

    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await pool.close()

    assert await running_for_ever(clickhouse) == 0
