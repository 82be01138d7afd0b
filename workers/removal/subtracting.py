"""Takes a portion out of sums over everybody, whose other events are too many to be counted again.

What the portion adds up to is added once more with its sign changed, in one part together with a row that says so: the part is there or
isn't, so a removal that was killed and begins anew knows. Writers may go on meanwhile. What then sums to nothing is deleted, since a name
or a value may be somebody's.
"""

from dataclasses import dataclass

from core.clickhouse import ClickHouse
from core.sql import Sql, sql, text, texts, unsigned
from workers.derived import DERIVED
from workers.removal.mutations import begin_mutation
from workers.removal.share import OfIds, Portion, digest
from workers.removal.tables import Derived, near
from workers.views import view_over

_EPOCH = "fromUnixTimestamp64Milli(0, 'UTC')"
# What the marking row has in each column; a project with the number 0 is none.
_MARK = {
    "project_id": "toUInt64(0)",
    "key": "''",
    "type": "''",
    "occurred_at": _EPOCH,
    "last_seen": _EPOCH,
    "property_value": "NULL",
    "writer": "toUInt8(0)",
    "count": "toUInt64(0)",
    "events": "toUInt64(0)",
    # Never a block in hand (workers/derived.py).
    "last_block": "fromUnixTimestamp64Micro(0, 'UTC')",
}
_KEYS_AT_ONCE = 20_000


async def subtract(clickhouse: ClickHouse, table: Derived, portion: Portion) -> None:
    """Take the portion out of the sums, once."""
    marked = sql("SELECT count() FROM {table} WHERE {mark}", table=sql(table.name), mark=_mark(portion))
    if (await clickhouse.query(marked)).rows[0][0]:
        return
    known = DERIVED[table.name]
    columns = (*known.same, *known.sums)
    # Unsigned numbers add up beyond their largest to what they should be.
    negative = {one: f"toUInt64(-toInt64({one}))" for one in known.sums} | {"last_block": _MARK["last_block"]}
    statement = sql(
        "INSERT INTO {table} ({columns}) SETTINGS insert_deduplicate = 0, max_bytes_before_external_group_by = 1073741824,"
        # One part.
        " max_insert_threads = 1, min_insert_block_size_rows = 1000000000000, min_insert_block_size_bytes = 0"
        " SELECT {negative} FROM ({view}) UNION ALL SELECT {marking}",
        table=sql(table.name),
        columns=Sql((", ".join(columns),)),
        negative=Sql((", ".join(negative.get(one, one) for one in columns),)),
        view=await view_over(clickhouse, known.view, portion.leaving()),
        marking=Sql((", ".join(f"'{_name(portion)}'" if one == "name" else _MARK[one] for one in columns),)),
    )
    await clickhouse.command(statement.for_console())


async def tidy(clickhouse: ClickHouse, table: Derived, portion: Portion) -> None:
    """Delete what sums to nothing, and correct when keys were last seen; nothing may be stored meanwhile."""
    if table.last_seen and isinstance(portion.share, OfIds):
        await _correct_last_seen(clickhouse, table, portion)
    (counted,) = DERIVED[table.name].sums
    empty = await clickhouse.query(
        sql(
            "SELECT {row} AS row FROM {table} WHERE {near} GROUP BY row HAVING sum({counted}) = 0",
            row=_row(table),
            table=sql(table.name),
            near=near(table, portion),
            counted=Sql((counted,)),
        )
    )
    rows = [str(row[0]) for row in empty.rows]
    for start in range(0, len(rows), _KEYS_AT_ONCE):
        # Written out: a mutation asks anew for each part, when others may have lost the row already.
        among = _among(table, portion, rows[start : start + _KEYS_AT_ONCE])
        await begin_mutation(clickhouse, table.name, sql("DELETE WHERE {among}", among=among))


async def unmark(clickhouse: ClickHouse, table: Derived, portion: Portion) -> None:
    """Forget that the portion was taken out: only when its events are gone."""
    await begin_mutation(clickhouse, table.name, sql("DELETE WHERE {mark}", mark=_mark(portion)))


@dataclass(frozen=True, slots=True)
class _Late:
    """A row that names the portion's latest event of its key."""

    row: str
    name: str


async def _correct_last_seen(clickhouse: ClickHouse, table: Derived, portion: Portion) -> None:
    late = await _late(clickhouse, table, portion)
    if not late:
        return
    names = texts(sorted({one.name for one in late}))
    others = sql("{staying} AND name IN {names}", staying=portion.staying(), names=names)
    seen = await clickhouse.query(
        sql(
            "SELECT {row} AS row, toUnixTimestamp64Milli(max(last_seen)) FROM ({view}) GROUP BY row HAVING row IN {late}",
            row=_row(table),
            view=await view_over(clickhouse, DERIVED[table.name].view, others),
            late=texts([one.row for one in late]),
        )
    )
    if not seen.rows:
        return
    rows = [str(row) for row, _ in seen.rows]
    earlier = sql(
        "UPDATE last_seen = least(last_seen, fromUnixTimestamp64Milli(transform({row}, {rows}, {seen}, toInt64(0)), 'UTC')) WHERE {among}",
        row=_row(table),
        rows=texts(rows),
        seen=Sql((f"CAST([{', '.join(str(at) for _, at in seen.rows)}], 'Array(Int64)')",)),
        among=_among(table, portion, rows),
    )
    await begin_mutation(clickhouse, table.name, earlier)


async def _late(clickhouse: ClickHouse, table: Derived, portion: Portion) -> list[_Late]:
    found = await clickhouse.query(
        sql(
            "SELECT row, any(name), max(last) AS latest FROM"
            " (SELECT {row} AS row, name, last_seen AS last FROM ({view})) AS theirs"
            " INNER JOIN"
            " (SELECT {row} AS row, max(last_seen) AS known FROM {table} WHERE {near} GROUP BY row) AS kept USING row"
            " GROUP BY row HAVING latest >= max(known)",
            row=_row(table),
            view=await view_over(clickhouse, DERIVED[table.name].view, portion.leaving()),
            table=sql(table.name),
            near=near(table, portion),
        )
    )
    return [_Late(str(row), str(name)) for row, name, _ in found.rows]


def _row(table: Derived) -> Sql:
    """Tells the rows of a project apart: 32 hexadecimal digits."""
    return sql("hex(sipHash128({identity}))", identity=sql(table.identity))


def _among(table: Derived, portion: Portion, rows: list[str]) -> Sql:
    return sql("project_id = {project} AND {row} IN {rows}", project=unsigned(portion.share.project_id), row=_row(table), rows=texts(rows))


def _name(portion: Portion) -> str:
    return f"removal {digest(portion.share)}"


def _mark(portion: Portion) -> Sql:
    return sql("project_id = 0 AND name = {name}", name=text(_name(portion)))
