"""Run as a script with a folder: opens all engines there, says what it found, and stops when its standard input ends.

With `leave` it also leaves a row in each.
"""

import asyncio
import json
import sys
from typing import TextIO

from sqlalchemy import text

from app.backends import Backends, open_backends
from app.migrate import migrate
from core.errors import PugError
from core.settings import LogFormat, Settings
from core.sql import sql
from core.telemetry import configure_logs


async def main(data_dir: str, *, leave: bool) -> None:
    settings = Settings.model_validate(
        {"data_dir": data_dir, "CLICKHOUSE_URL": "", "NATS_URL": "", "POSTGRES_URL": "", "nats_sync": "always"}
    )
    async with open_backends(settings) as backends:
        say({"rows": await leave_a_row(backends, settings) if leave else []})
        await asyncio.to_thread(sys.stdin.read)


async def leave_a_row(backends: Backends, settings: Settings) -> list[int]:
    await migrate(backends, settings)
    async with backends.postgres.begin() as connection:
        await connection.execute(text("INSERT INTO orgs (name) VALUES ('acme')"))
        orgs = int((await connection.execute(text("SELECT count(*) FROM orgs"))).scalar_one())
    await backends.jetstream.publish("events.captured", b"row")
    messages = (await backends.jetstream.stream_info("EVENTS")).state.messages
    await backends.clickhouse.command("INSERT INTO schema_events (project_id, name, count, last_seen) VALUES (1, 'signed_up', 1, now())")
    happenings = (await backends.clickhouse.query(sql("SELECT sum(count) FROM schema_events"))).rows[0][0]
    return [orgs, messages, int(str(happenings))]


def say(answer: dict[str, object], to: TextIO = sys.stdout) -> None:
    to.write(json.dumps(answer) + "\n")
    to.flush()


if __name__ == "__main__":
    configure_logs(LogFormat.JSON, "info")  # to standard error, out of the way of the answer
    try:
        asyncio.run(main(sys.argv[1], leave=sys.argv[2:] == ["leave"]))
    except PugError as error:
        say({"reason": error.reason, "field": error.field, "message": error.message})
        sys.exit(1)
