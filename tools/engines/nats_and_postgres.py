"""Run as a script with a folder: NATS and PostgreSQL as servers of another process, so that Pug meets them as it would meet a cluster's.

Prints their URLs and ends when its standard input does. Either that is killed is started again at the same address.
"""

import asyncio
import json
import sys
from pathlib import Path

from app.embedded.folder import open_folder
from app.embedded.nats import nats_server
from app.embedded.postgres import postgres_server
from core.settings import LogFormat, StreamSync
from core.telemetry import configure_logs


async def main(folder: Path) -> None:
    async with open_folder(folder) as data, nats_server(data, sync=StreamSync.INTERVAL) as nats_url, postgres_server(data) as postgres_url:
        urls = {"NATS_URL": nats_url, "POSTGRES_URL": postgres_url.render_as_string(hide_password=False)}
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


configure_logs(LogFormat.JSON, "warning")  # to standard error, out of the way of the answer
asyncio.run(main(Path(sys.argv[1])))
