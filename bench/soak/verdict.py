"""Counts what is stored, in every table, and compares it with what was accepted."""

import asyncio
import time
from dataclasses import dataclass

import clickhouse_connect
import nats
from clickhouse_connect.driver.exceptions import ClickHouseError

from bench.soak.stand import Stand
from bench.soak.traffic import Tally

_SETTLES_WITHIN_S = 300.0
# Every count of the same events: what the events table holds, and what each table derived from it says.
_COUNTS = {
    "events": "SELECT count() FROM events",
    "different ids among them": "SELECT uniqExact(project_id, event_id) FROM events",
    "sum over schema_events": "SELECT sum(count) FROM schema_events",
    "sum over schema_properties, of `copy`": "SELECT sum(count) FROM schema_properties WHERE key = 'copy'",
    "sum over person_activity": "SELECT sum(count) FROM person_activity",
    "sum over activity_hours": "SELECT sum(events) FROM activity_hours",
    "sum over session_hours": "SELECT sum(events) FROM session_hours",
    "sum over totals_hours, of all events": "SELECT sum(events) FROM totals_hours WHERE key = ''",
    "sum over totals_days": "SELECT sum(events) FROM totals_days",
    "sum over totals_hours, by `$browser`": "SELECT sum(events) FROM totals_hours WHERE key = '$browser'",
    "sum over schema_properties, of `$url`": "SELECT sum(count) FROM schema_properties WHERE key = '$url'",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts by their names, and how many batches are not stored as they were accepted; `replaced` are changed copies."""

    counts: dict[str, int]
    wrong_batches: int
    replaced: int
    dead_letters: int

    def errors(self, tally: Tally) -> int:
        """By how much the counts are off, all in all."""
        # Of `$url`, only first copies have one; none of the changed ones may be stored.
        off = sum(abs(count - tally.events) for count in self.counts.values())
        return off + self.wrong_batches + self.replaced + self.dead_letters


async def judge(stand: Stand, tally: Tally) -> Verdict:
    """The verdict once the stream is empty."""
    await _until_settled(stand)
    return await asyncio.to_thread(_count, stand, tally)


async def _until_settled(stand: Stand) -> None:
    deadline = time.monotonic() + _SETTLES_WITHIN_S
    while time.monotonic() < deadline:
        if await _waiting(stand, "EVENTS") == 0:
            return
        await asyncio.sleep(0.5)
    msg = "the stream was never emptied"
    raise RuntimeError(msg)


async def _waiting(stand: Stand, stream: str) -> int:
    connection = await nats.connect(str(stand.engines.environment.get("NATS_URL") or stand.fleet.environment["NATS_URL"]))
    try:
        return (await connection.jetstream().stream_info(stream)).state.messages
    finally:
        await connection.close()


def _count(stand: Stand, tally: Tally) -> Verdict:
    client = clickhouse_connect.get_client(dsn=stand.clickhouse_url)

    def number(query: str) -> int:
        try:
            return int(client.query(query).result_rows[0][0])
        except ClickHouseError as error:
            msg = f"{query}: {error}"
            raise RuntimeError(msg) from error

    stored = {
        int(batch, 16): int(count)
        for batch, count in client.query("SELECT substring(toString(event_id), 1, 8), count() FROM events GROUP BY 1").result_rows
    }
    return Verdict(
        {name: number(query) for name, query in _COUNTS.items()},
        sum(stored.get(batch) != size for batch, size in tally.batches.items()) + len(stored.keys() - tally.batches.keys()),
        number("SELECT countIf(properties.copy.:String != 'first') FROM events"),
        asyncio.run(_waiting(stand, "DEAD")),
    )
